import CLinux
import LinuxIO
import Synchronization

/// What the control thread tells a worker; drained at the beginning of a turn.
enum WorkerOrder: Sendable {
    /// A new plan with its listeners, by index of the frontend; the descriptors stay the control thread's.
    case adopt(Plan, listeners: [WorkerListener], servers: [[ServerStanding]])
    /// A server of the plan of that generation changed.
    case server(generation: UInt32, backend: Int, server: Int, ServerStanding)
    /// Accept nothing more; sessions go on.
    case drain
    /// Reset the sessions of a server that went down.
    case shutDown(generation: UInt32, backend: Int, server: Int)
    /// Reset the sessions of backup servers: another server is up.
    case shutDownBackups(generation: UInt32, backend: Int)
}

struct WorkerListener: Sendable {
    var descriptor: Int32
    var frontend: Int
    /// `accept-proxy`.
    var expectsHeader: Bool
}

/// Whether a server may be used and where it is.
struct ServerStanding: Sendable {
    var isUsable: Bool
    var address: tandem_address
    /// Added to the port that the client connected to; nil: the address's port.
    var portOffset: Int32?
    /// When its checks took it up, in milliseconds by the boot clock; 0: it was up from the start.
    var upSince: UInt64
}

/// What a worker and the control thread share: a mailbox, and numbers that only the worker writes.
final class WorkerChannel: Sendable {
    private let orders = Mutex<[WorkerOrder]>([])
    private let pending = Atomic<Bool>(false)
    let wakeUp: WakeUp
    /// Grows with every turn of the event loop: what a beat proves.
    let turns = Atomic<UInt64>(0)
    let sessions = Atomic<Int>(0)
    let sessionsEver = Atomic<UInt64>(0)
    let logLinesLost = Atomic<UInt64>(0)
    let isDrained = Atomic<Bool>(false)

    init() throws(SystemCallError) {
        wakeUp = try WakeUp()
    }

    func post(_ order: WorkerOrder) {
        orders.withLock { $0.append(order) }
        pending.store(true, ordering: .releasing)
        wakeUp.signal()
    }

    /// Takes no lock while there is nothing to take.
    func takeOrders() -> [WorkerOrder] {
        guard pending.exchange(false, ordering: .acquiring) else { return [] }
        return orders.withLock { list in
            defer { list = [] }
            return list
        }
    }
}
