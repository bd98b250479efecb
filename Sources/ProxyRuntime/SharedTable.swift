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
