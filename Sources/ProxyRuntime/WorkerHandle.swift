import HAProxySyntax
import LinuxIO
import Primitives
import Synchronization

/// What the control thread asks of a worker; looked at between turns.
enum WorkerCommand: Sendable {
    /// The new configuration: listeners that stay are kept, sessions go on under their own plan.
    case adopt(Plan, sockets: [ListenerSockets], statuses: [[ServerStatus]])
    case server(ServerNews)
    /// `on-marked-down shutdown-sessions`, by names, whatever plan the sessions began under.
    case breakSessions(backend: String, server: String)
    /// `on-marked-up shutdown-backup-sessions`.
    case breakBackupSessions(backend: String)
    /// A session that waits here has a server now.
    case place(Placement)
    /// An address is no longer this node's.
    case addressGone(IPAddress)
    case stopListening
    /// New connections stay in the kernel's queues until `resumeAccepting`.
    case pauseAccepting
    case resumeAccepting
    case stop
}

/// What became of a server: for the plan whose server it is, and by its names for those that sessions began under.
struct ServerNews: Sendable {
    var plan: Plan
    var backend: Int
    var server: Int
    var status: ServerStatus

    /// The status of the server of these names in another plan; nil: it has none, or one elsewhere.
    func status(in other: Plan) -> (backend: Int, server: Int, status: ServerStatus)? {
        if other === plan { return (backend, server, status) }
        let own = plan.backends[backend]
        let line = own.servers[server].line
        guard let place = other.backends.firstIndex(where: { $0.name == own.name }),
            let number = other.backends[place].servers.firstIndex(where: { $0.name == line.name })
        else { return nil }
        let former = other.backends[place].servers[number].line
        guard former.host == line.host, former.port == line.port else { return nil }
        var status = status
        status.weight = former.weight * other.backends[place].weightScale
        return (place, number, status)
    }
}

/// A worker as the control thread sees it.
final class WorkerHandle: Sendable {
    let index: Int
    /// Turns of its loop, which turns at least every `idleLimit`.
    let turns = Atomic<UInt64>(0)
    let wake: WakeUp
    private let mailbox = Mutex<[WorkerCommand]>([])
    private let nameOfEngine = Mutex("")

    /// A loop with nothing to do turns so often, so that silence means that it hangs.
    static let idleNanoseconds: Int64 = 50_000_000

    init(index: Int) throws(SystemCallError) {
        self.index = index
        wake = try WakeUp()
    }

    /// What it runs with, which may be less than was asked for; empty before it runs.
    var engine: String { nameOfEngine.withLock { $0 } }

    func begin(_ engine: String) { nameOfEngine.withLock { $0 = engine } }

    @inline(__always)
    func countTurn() { turns.wrappingAdd(1, ordering: .relaxed) }

    func post(_ command: WorkerCommand) {
        mailbox.withLock { $0.append(command) }
        wake.signal()
    }

    func takeCommands() -> [WorkerCommand] {
        wake.clear()
        return mailbox.withLock { commands in
            let taken = commands
            commands.removeAll()
            return taken
        }
    }
}

/// The connections of the whole process, and how many there may be.
struct ConnectionLimit: Sendable {
    let connections = Gauge()
    private let limit: Gauge

    init(_ limit: Int) {
        self.limit = Gauge(limit)
    }

    var maximum: Int {
        get { limit.value }
        nonmutating set { limit.value = newValue }
    }

    func take() -> Bool { connections.take(limit: maximum) }

    var room: Int { maximum - connections.value }
    var hasRoom: Bool { room > 0 }
}
