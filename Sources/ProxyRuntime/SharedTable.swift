import Primitives
import Rules
import Synchronization

/// A stick table that all workers use. Only proxies that count or stick by one ever meet its lock.
final class SharedTable: Sendable {
    let settings: StickTableSettings
    private let table: Mutex<StickTable>

    init(_ settings: StickTableSettings) {
        self.settings = settings
        table = Mutex(StickTable(settings))
    }

    var count: Int { table.withLock { $0.count } }

    func counter(_ counter: TableCounter, of key: StickKey, at now: Instant) -> Int? {
        table.withLock { $0.counter(counter, of: key, at: now) }
    }

    func begin(_ key: StickKey, at now: Instant) -> Bool {
        table.withLock { $0.begin(key, at: now) }
    }

    func end(_ key: StickKey, at now: Instant) {
        table.withLock { $0.end(key, at: now) }
    }

    func server(of key: StickKey, at now: Instant) -> Int32? {
        table.withLock { $0.server(of: key, at: now) }
    }

    func stick(_ key: StickKey, to server: Int32, at now: Instant) {
        table.withLock { $0.stick(key, to: server, at: now) }
    }
}

/// Where a session counts: `track-sc0` to `track-sc2`.
struct TrackedEntries {
    struct Entry {
        var table: SharedTable
        var key: StickKey
    }

    var places: (Entry?, Entry?, Entry?) = (nil, nil, nil)

    subscript(place: Int) -> Entry? {
        get {
            switch place {
            case 0: places.0
            case 1: places.1
            default: places.2
            }
        }
        set {
            switch place {
            case 0: places.0 = newValue
            case 1: places.1 = newValue
            default: places.2 = newValue
            }
        }
    }

    var isEmpty: Bool { places.0 == nil && places.1 == nil && places.2 == nil }

    func end(at now: Instant) {
        for place in 0...2 {
            if let entry = self[place] { entry.table.end(entry.key, at: now) }
        }
    }
}
