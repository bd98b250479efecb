package import Primitives

extension TableCounter {
    /// Counts within a time, which `store` has to name.
    package var isRate: Bool {
        switch self {
        case .connectionRate, .sessionRate: true
        case .connectionCount, .connectionsNow, .sessionCount: false
        }
    }
}

/// `stick-table type … size … expire … store …` (HAProxy configuration manual §11.1).
package struct StickTableSettings: Equatable, Sendable {
    package enum KeyKind: String, Sendable {
        case ipv4 = "ip"
        case ipv6 = "ipv6"
        case integer
    }

    /// Entries are made when they are needed; a full table of this size has some 2 GB.
    package static let largest = 1 << 24

    package var keyKind: KeyKind = .ipv4
    package var size = 0
    /// Nil: entries stay until their place is needed.
    package var expire: Duration?
    /// False (`nopurge`): a full table takes nothing new.
    package var purges = true
    /// What is counted, and for the rates within which time.
    package var periods: [TableCounter: Duration] = [:]

    package init() {}

    /// Nil where a key does not go into a table of this type.
    package func key(of address: IPAddress) -> StickKey? {
        switch (keyKind, address) {
        case (.ipv4, .v4(let address)): return StickKey(high: 0, low: UInt64(address.rawValue))
        case (.ipv4, .v6(let address)):
            guard address.high == 0, address.low >> 32 == 0xFFFF else { return nil }
            return StickKey(high: 0, low: address.low & 0xFFFF_FFFF)
        case (.ipv6, .v4(let address)):
            return StickKey(high: 0, low: 0xFFFF_0000_0000 | UInt64(address.rawValue))
        case (.ipv6, .v6(let address)): return StickKey(high: address.high, low: address.low)
        case (.integer, .v4(let address)):
            return StickKey(high: 0, low: UInt64(address.rawValue))
        case (.integer, .v6): return nil
        }
    }

    package func key(of number: Int) -> StickKey? {
        switch keyKind {
        case .integer: StickKey(high: 0, low: UInt64(clamping: number))
        case .ipv4, .ipv6: nil
        }
    }
}

/// A key of any type of table.
package struct StickKey: Hashable, Sendable {
    var high: UInt64
    var low: UInt64
}

/// HAProxy's freq_ctr_period: what was counted within the last period, the part of the one before that still counts
/// included.
struct RateCounter: Equatable, Sendable {
    private var began: Instant = .zero
    private var current = 0
    private var previous = 0

    mutating func count(at now: Instant, period: Duration) {
        roll(to: now, period)
        current &+= 1
    }

    func value(at now: Instant, period: Duration) -> Int {
        var rolled = self
        rolled.roll(to: now, period)
        let left = period.nanoseconds - (now - rolled.began).nanoseconds
        guard left > 0, period.nanoseconds > 0 else { return rolled.current }
        let share = Double(left) / Double(period.nanoseconds)
        return rolled.current &+ Int(Double(rolled.previous) * share)
    }

    private mutating func roll(to now: Instant, _ period: Duration) {
        let passed = now - began
        guard passed >= period else { return }
        if passed >= period + period {
            previous = 0
            began = now
        } else {
            previous = current
            began = began + period
        }
        current = 0
    }
}

/// Entries by key, each with counters and the server that its last connection went to.
///
/// Bounded: a full table lets go of the entry that nobody has used for longest, never of one that a session counts at.
package struct StickTable: Sendable {
    private struct Entry {
        var key: StickKey
        var sessions: Int32 = 0
        var newer: Int32 = -1
        var older: Int32 = -1
        var server: Int32 = -1
        var lastUse: Instant
        var connections = 0
        var connectionsNow = 0
        var sessionCount = 0
        var connectionRate = RateCounter()
        var sessionRate = RateCounter()
    }

    package let settings: StickTableSettings
    private var places: [StickKey: Int32] = [:]
    private var entries: [Entry] = []
    private var free: [Int32] = []
    private var newest: Int32 = -1
    private var oldest: Int32 = -1

    package init(_ settings: StickTableSettings) { self.settings = settings }

    package var count: Int { places.count }

    // MARK: Counters

    /// Nil: the key has no entry.
    package func counter(_ counter: TableCounter, of key: StickKey, at now: Instant) -> Int? {
        guard let place = places[key], let period = settings.periods[counter] else { return nil }
        let entry = entries[Int(place)]
        guard entry.sessions > 0 || !isExpired(entry, at: now) else { return nil }
        switch counter {
        case .connectionCount: return entry.connections
        case .connectionsNow: return entry.connectionsNow
        case .sessionCount: return entry.sessionCount
        case .connectionRate: return entry.connectionRate.value(at: now, period: period)
        case .sessionRate: return entry.sessionRate.value(at: now, period: period)
        }
    }

    /// A connection begins to count at the key; false: the table is full of those that count already.
    package mutating func begin(_ key: StickKey, at now: Instant) -> Bool {
        guard let place = entry(of: key, at: now) else { return false }
        let position = Int(place)
        entries[position].sessions += 1
        entries[position].connections &+= 1
        entries[position].connectionsNow += 1
        entries[position].sessionCount &+= 1
        if let period = settings.periods[.connectionRate] {
            entries[position].connectionRate.count(at: now, period: period)
        }
        if let period = settings.periods[.sessionRate] {
            entries[position].sessionRate.count(at: now, period: period)
        }
        return true
    }

    /// A connection for which `begin` was true is over.
    package mutating func end(_ key: StickKey, at now: Instant) {
        guard let place = places[key], entries[Int(place)].sessions > 0 else { return }
        entries[Int(place)].sessions -= 1
        entries[Int(place)].connectionsNow -= 1
        touch(place, at: now)
    }

    // MARK: Servers

    /// The server that the key sticks to.
    package mutating func server(of key: StickKey, at now: Instant) -> Int32? {
        guard let place = places[key], !isExpired(entries[Int(place)], at: now) else { return nil }
        touch(place, at: now)
        let server = entries[Int(place)].server
        return server >= 0 ? server : nil
    }

    package mutating func stick(_ key: StickKey, to server: Int32, at now: Instant) {
        guard let place = entry(of: key, at: now) else { return }
        entries[Int(place)].server = server
    }

    // MARK: Entries

    private func isExpired(_ entry: Entry, at now: Instant) -> Bool {
        guard let expire = settings.expire, entry.sessions == 0 else { return false }
        return now - entry.lastUse >= expire
    }

    /// The key's entry, made if need be; nil: there is no room.
    private mutating func entry(of key: StickKey, at now: Instant) -> Int32? {
        if let place = places[key] {
            if isExpired(entries[Int(place)], at: now) {
                entries[Int(place)] = Entry(
                    key: key,
                    newer: entries[Int(place)].newer,
                    older: entries[Int(place)].older,
                    lastUse: now
                )
            }
            touch(place, at: now)
            return place
        }
        letGoOfExpired(at: now)
        if places.count >= settings.size {
            guard settings.purges, letGoOfOldest() else { return nil }
        }
        let place: Int32
        if let reused = free.popLast() {
            place = reused
            entries[Int(place)] = Entry(key: key, lastUse: now)
        } else {
            place = Int32(truncatingIfNeeded: entries.count)
            entries.append(Entry(key: key, lastUse: now))
        }
        places[key] = place
        link(place)
        return place
    }

    /// A few at a time: no connection pays for all of them.
    private mutating func letGoOfExpired(at now: Instant) {
        for _ in 0..<4 {
            guard oldest >= 0, isExpired(entries[Int(oldest)], at: now) else { return }
            remove(oldest)
        }
    }

    /// False: all that were looked at are in use.
    private mutating func letGoOfOldest() -> Bool {
        var place = oldest
        for _ in 0..<64 {
            guard place >= 0 else { return false }
            if entries[Int(place)].sessions == 0 {
                remove(place)
                return true
            }
            place = entries[Int(place)].newer
        }
        return false
    }

    private mutating func remove(_ place: Int32) {
        unlink(place)
        places[entries[Int(place)].key] = nil
        free.append(place)
    }

    private mutating func touch(_ place: Int32, at now: Instant) {
        entries[Int(place)].lastUse = now
        guard place != newest else { return }
        unlink(place)
        link(place)
    }

    private mutating func link(_ place: Int32) {
        entries[Int(place)].older = newest
        entries[Int(place)].newer = -1
        if newest >= 0 { entries[Int(newest)].newer = place }
        newest = place
        if oldest < 0 { oldest = place }
    }

    private mutating func unlink(_ place: Int32) {
        let (older, newer) = (entries[Int(place)].older, entries[Int(place)].newer)
        if older >= 0 { entries[Int(older)].newer = newer } else { oldest = newer }
        if newer >= 0 { entries[Int(newer)].older = older } else { newest = older }
    }
}
