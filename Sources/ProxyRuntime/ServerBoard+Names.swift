import HAProxySyntax
import HealthChecks
import LinuxIO
import Primitives

/// What names resolve to, and servers that follow others.
extension ServerBoard {
    mutating func resolved(_ answer: Resolver.Answer, at now: Instant) -> [Effect] {
        var effects: [Effect] = []
        for position in watches.indices where watches[position].name == answer.name {
            effects += resolved(position, answer, at: now)
            effects += follow(position, at: now)
        }
        return effects
    }

    private mutating func resolved(
        _ position: Int,
        _ answer: Resolver.Answer,
        at now: Instant
    ) -> [Effect] {
        let watch = watches[position]
        guard !answer.addresses.isEmpty else {
            watches[position].asksAgainAt = now + Self.resolvePeriod
            // An address that was known stays: a name server that is away is no reason to lose a server.
            guard watch.address == nil else { return [] }
            return lostAddress(position, "the name \(answer.name) does not resolve")
        }
        watches[position].asksAgainAt = watch.server.line.resolvePeriod.map { now + $0 }
        if let known = watch.address, answer.addresses.contains(known),
            !isTaken(known, before: position)
        {
            return []
        }
        guard let first = address(for: position, of: answer.addresses) else {
            watches[position].address = nil
            watches[position].asksAgainAt =
                now + (watch.server.line.resolvePeriod ?? Self.resolvePeriod)
            return lostAddress(position, "\(answer.name) has no address left for it")
        }
        watches[position].address = first
        var effects: [Effect] = []
        if watch.address == nil, watch.wasReported {
            effects += gainedServer(position, at: now)
        } else {
            effects.append(.publish(position))
        }
        if let known = watch.address {
            let line = StateLine.addressChanged(
                server: watch.fullName,
                from: "\(known)",
                to: "\(first)"
            )
            effects.append(.log(backend: watch.backend, line))
        } else if watch.wasReported {
            watches[position].wasReported = false
            let line = StateLine.resolved(
                server: watch.fullName,
                address: "\(first)",
                tally(watch.backend, of: watch.server)
            )
            effects.append(.log(backend: watch.backend, line))
        }
        if watches[position].isChecking { effects += handle(.runNow, position, at: now) }
        return effects
    }

    /// Said once.
    private mutating func lostAddress(_ position: Int, _ why: String) -> [Effect] {
        let watch = watches[position]
        guard !watch.server.line.disabled, !watch.wasReported else { return [] }
        watches[position].wasReported = true
        let line = StateLine.maintenance(
            server: watch.fullName,
            why: why,
            tally(watch.backend, of: watch.server)
        )
        return [.log(backend: watch.backend, line)] + lostServer(position)
    }

    /// The first of the family that is preferred; of a template's servers each has one of its own.
    private func address(for position: Int, of addresses: [IPAddress]) -> IPAddress? {
        let free =
            watches[position].server.line.isOfTemplate
            ? addresses.filter { !isTaken($0, by: watches.indices, except: position) } : addresses
        let preferred = watches[position].server.line.preferredFamily
        return free.first { $0.family == preferred } ?? free.first
    }

    private func isTaken(_ address: IPAddress, before position: Int) -> Bool {
        watches[position].server.line.isOfTemplate
            && isTaken(address, by: watches.startIndex..<position, except: position)
    }

    private func isTaken(_ address: IPAddress, by range: Range<Int>, except position: Int) -> Bool {
        let own = watches[position]
        return range.contains { other in
            other != position && watches[other].backend == own.backend
                && watches[other].name == own.name && watches[other].address == address
        }
    }

    /// Servers that are down may have moved: their names are looked up again.
    var namesOfDownServers: [String] {
        watches.filter { !$0.isUsable && !$0.server.line.disabled }.compactMap(\.name)
    }

    // MARK: Followers

    /// `track`, by names that the configuration has checked.
    mutating func findFollowers() {
        var positions: [String: Int] = [:]
        for position in watches.indices { positions[watches[position].fullName] = position }
        for position in watches.indices {
            guard let tracked = watches[position].server.line.tracked,
                let other = positions["\(tracked.backend)/\(tracked.server)"]
            else { continue }
            followers[other, default: []].append(position)
        }
        // A chain of them ends after as many steps as there are servers.
        for _ in watches.indices {
            var hasChanged = false
            for (position, others) in followers {
                for other in others
                where watches[other].followedIsUsable != watches[position].isUsable {
                    watches[other].followedIsUsable = watches[position].isUsable
                    hasChanged = true
                }
            }
            if !hasChanged { return }
        }
    }

    /// Servers that follow this one do so now.
    mutating func follow(_ position: Int, at now: Instant) -> [Effect] {
        var effects: [Effect] = []
        for other in followers[position] ?? []
        where watches[other].followedIsUsable != watches[position].isUsable {
            let isUp = watches[position].isUsable
            watches[other].followedIsUsable = isUp
            let watch = watches[other]
            if !isUp { watches[other].endWarming() }
            let line = StateLine.followed(
                server: watch.fullName,
                via: watches[position].fullName,
                isUp: isUp,
                tally(watch.backend, of: watch.server)
            )
            effects.append(.log(backend: watch.backend, line))
            effects += isUp ? gainedServer(other, at: now) : lostServer(other)
            effects += follow(other, at: now)
        }
        return effects
    }
}
