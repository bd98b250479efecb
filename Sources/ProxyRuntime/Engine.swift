import LinuxIO
import Primitives
import Sessions

/// How a worker hears of the kernel and has it do things. Everything else, from choosing a server to the log line,
/// is the worker's own and the same for all engines.
///
/// The worker is generic over its engine, so that a call here is a call of a function and nothing more.
protocol Engine: ~Copyable {
    /// As `tune.engine` calls it.
    static var name: String { get }

    init(_ setUp: EngineSetUp) throws(SystemCallError)

    /// Waits for at most so long and handles what has come.
    static func wait(_ worker: inout Worker<Self>, nanoseconds: Int64)

    /// Begins to take connections; false: not now.
    static func open(_ worker: inout Worker<Self>, entrance position: Int) -> Bool
    /// Leaves new connections in the kernel's queue.
    static func close(_ worker: inout Worker<Self>, entrance position: Int)

    /// Nil: the connection is on its way.
    static func connect(
        _ worker: inout Worker<Self>,
        _ slot: Slot,
        to server: Pinned<LiveServer>,
        keepsAlive: Bool
    ) -> Session.ConnectFailure?
    /// How long a client may be gone before anybody hears of it while its server is waited for; nil: at once.
    static var firstLook: UInt64? { get }
    /// An attempt to connect is over: its socket is closed.
    static func closeServer(_ worker: inout Worker<Self>, _ slot: Slot)

    /// Both ends are there: bytes may flow.
    static func transfer(_ worker: inout Worker<Self>, _ slot: Slot)
    /// Tells the side that no more will come.
    static func shutDown(_ worker: inout Worker<Self>, _ slot: Slot, _ side: Side)
    /// A session waits for its server longer than usual: its client may go away meanwhile.
    static func watchClient(_ worker: inout Worker<Self>, _ slot: Slot)
    /// Closes both ends and frees the slot, at once or when the kernel has let go of it.
    static func finish(_ worker: inout Worker<Self>, _ slot: Slot, reset: Bool)

    /// The client's socket as a descriptor of this process, for what only system calls tell.
    static func clientDescriptor(_ worker: inout Worker<Self>, _ slot: Slot) -> Int32
}

/// What an engine has to know to set itself up.
struct EngineSetUp {
    /// The worker's epoll.
    var epoll: Int32
    /// Connections at the same time, at most.
    var maxconn: Int
    /// The limit of the process.
    var descriptors: Int
}

/// Edge-triggered epoll: always there.
struct EpollEngine: Engine, ~Copyable {
    static var name: String { "epoll" }

    init(_ setUp: EngineSetUp) {}

    static func wait(_ worker: inout Worker<Self>, nanoseconds: Int64) {
        worker.pollSockets(nanoseconds: nanoseconds)
    }

    static func open(_ worker: inout Worker<Self>, entrance position: Int) -> Bool {
        worker.watchEntrance(position)
    }

    static func close(_ worker: inout Worker<Self>, entrance position: Int) {
        worker.ignoreEntrance(position)
    }

    static func connect(
        _ worker: inout Worker<Self>,
        _ slot: Slot,
        to server: Pinned<LiveServer>,
        keepsAlive: Bool
    ) -> Session.ConnectFailure? {
        worker.connectSocket(slot, to: server, keepsAlive: keepsAlive)
    }

    static var firstLook: UInt64? { nil }

    static func closeServer(_ worker: inout Worker<Self>, _ slot: Slot) {
        worker.closeServerSocket(slot)
    }

    static func transfer(_ worker: inout Worker<Self>, _ slot: Slot) { worker.pump(slot) }

    static func shutDown(_ worker: inout Worker<Self>, _ slot: Slot, _ side: Side) {
        worker.shutDownSocket(slot, side)
    }

    static func watchClient(_ worker: inout Worker<Self>, _ slot: Slot) {}

    static func finish(_ worker: inout Worker<Self>, _ slot: Slot, reset: Bool) {
        worker.closeSockets(slot, reset: reset)
        worker.free(slot)
    }

    static func clientDescriptor(_ worker: inout Worker<Self>, _ slot: Slot) -> Int32 {
        slot.pointee.client.descriptor
    }
}
