import CLinux
import Glibc
import LinuxIO
import Primitives
import Sessions

/// io_uring: connections are accepted, opened, received from, sent to and closed by entries in a ring, and one system
/// call hands over a whole turn's.
///
/// Sockets are the ring's own (direct descriptors), received into buffers that the ring chooses. It is for many small
/// messages. A session that turns out to be a stream, or whose bytes are not taken, leaves the ring and goes on as
/// with `EpollEngine`, whose descriptors the ring watches as one. So do sessions that need what only system calls do,
/// from their start. Needs Linux 6.8.
@safe struct RingEngine: Engine, ~Copyable {
    static var name: String { "io_uring" }

    static var bufferCount: UInt32 { 512 }
    static var bufferSize: UInt32 { 16 << 10 }
    private static var entries: UInt32 { 1024 }

    let ring: UnsafeMutablePointer<tandem_ring>
    /// Of every buffer.
    let links: PinnedRow<BufferChain.Link>
    let epoll: Int32
    /// Direct descriptors for clients; those of servers come after them, one a slot of the slab.
    let clientFiles: Int32
    let serverFiles: Int32
    /// Direct descriptors made ordinary ones, ever.
    var installations: UInt32 = 0
    var welcomes: [Welcome] = []
    var freeWelcomes: [Int32] = []
    /// Those that are not free.
    var welcomesInUse: Int { welcomes.count - freeWelcomes.count }
    /// Accepted when there was no room for them.
    var waiting: [Arrival] = []
    /// Ends that wait until there are buffers.
    var starved: [UInt64] = []
    var lacksBuffers = false
    /// Not with the kernel.
    var lentBuffers = 0
    /// More than a quarter of them is.
    var hasBuffers: Bool { lentBuffers < Int(Self.bufferCount) * 3 / 4 }
    /// When sessions were last looked through for buffers that wait.
    var buffersSought: Instant = .zero
    /// Sends that are complete as soon as they are handed over, and that nobody has looked at yet.
    var quickSends: UInt32 = 0
    /// Something is to be done as soon as one of them is complete.
    var wantsEverySend = false
    var isPolling = false
    /// Completions of this turn, as far as they were there at its start.
    var batch: UInt32 = 0

    struct Arrival {
        var descriptor: Int32
        var peer: SocketAddress
        var listener: Pinned<LiveListener>
    }

    init(_ setUp: EngineSetUp) throws(SystemCallError) {
        let ring = UnsafeMutablePointer<tandem_ring>.allocate(capacity: 1)
        unsafe ring.initialize(to: tandem_ring())
        let (clients, servers) = Self.files(of: setUp)
        let result = unsafe tandem_ring_open(
            ring,
            Self.entries,
            UInt32(clamping: clients + servers),
            UInt32(clamping: clients),
            Self.bufferCount,
            Self.bufferSize
        )
        guard result == 0 else {
            unsafe ring.deallocate()
            throw SystemCallError("io_uring_setup", errno: -result)
        }
        unsafe self.ring = unsafe ring
        epoll = setUp.epoll
        clientFiles = Int32(clamping: clients)
        serverFiles = Int32(clamping: servers)
        links = PinnedRow(
            [BufferChain.Link](repeating: BufferChain.Link(), count: Int(Self.bufferCount))
        )
    }

    deinit {
        unsafe tandem_ring_close(ring)
        unsafe ring.deallocate()
        links.destroy()
        for welcome in welcomes { welcome.destroy() }
    }

    /// The kernel counts them against the limit of descriptors, apart from those in use. There are more for clients
    /// than connections, for entries that wait for some; a session without one for its server leaves the ring.
    static func files(of setUp: EngineSetUp) -> (clients: Int, servers: Int) {
        let maxconn = max(setUp.maxconn, 1)
        let clients = min(maxconn + 2048, max(setUp.descriptors - maxconn / 2, maxconn))
        return (clients, max(min(maxconn + 16, setUp.descriptors - clients), 1))
    }

    /// Nil where this process may use io_uring as it is needed here, else why not.
    static func obstacle(maxconn: Int, descriptors: Int) -> String? {
        do throws(SystemCallError) {
            _ = try RingEngine(
                EngineSetUp(epoll: -1, maxconn: maxconn, descriptors: descriptors)
            )
            return nil
        } catch {
            switch error.errno {
            case ENOSYS: return "the kernel is older than 6.8"
            case EMFILE: return "the limit of descriptors is too low (LimitNOFILE= of the unit)"
            case EPERM:
                return "it is forbidden here (kernel.io_uring_disabled, or a seccomp filter)"
            default: return "\(error)"
            }
        }
    }

    // MARK: A turn

    static func wait(_ worker: inout Worker<Self>, nanoseconds: Int64) {
        worker.waitForRing(nanoseconds: nanoseconds)
    }

    // MARK: Sessions

    static func connect(
        _ worker: inout Worker<Self>,
        _ slot: Slot,
        to server: Pinned<LiveServer>,
        keepsAlive: Bool
    ) -> Session.ConnectFailure? {
        guard slot.pointee.client.flags.contains(.isDirect) else {
            return worker.connectSocket(slot, to: server, keepsAlive: keepsAlive)
        }
        return worker.connectInRing(slot, to: server, keepsAlive: keepsAlive)
    }

    static var firstLook: UInt64? { 2 * TimerWheel.tickNanoseconds }

    static func closeServer(_ worker: inout Worker<Self>, _ slot: Slot) {
        if slot.pointee.server.flags.contains(.isDirect) {
            worker.endOperations(slot, .server)
            worker.closeInRing(slot, .server)
            slot.pointee.server = End()
        } else {
            worker.closeServerSocket(slot)
        }
    }

    static func transfer(_ worker: inout Worker<Self>, _ slot: Slot) {
        if slot.pointee.client.flags.contains(.isDirect) {
            worker.receive(slot, .client)
            worker.receive(slot, .server)
        } else {
            worker.pump(slot)
        }
    }

    static func shutDown(_ worker: inout Worker<Self>, _ slot: Slot, _ side: Side) {
        if slot.end(side).pointee.flags.contains(.isDirect) {
            worker.shutDownInRing(slot, side)
        } else {
            worker.shutDownSocket(slot, side)
        }
    }

    static func watchClient(_ worker: inout Worker<Self>, _ slot: Slot) {
        if slot.pointee.client.flags.contains(.isDirect) { worker.watchClientInRing(slot) }
    }

    static func finish(_ worker: inout Worker<Self>, _ slot: Slot, reset: Bool) {
        if slot.pointee.client.flags.contains(.isDirect) {
            worker.finishInRing(slot, reset: reset)
        } else {
            worker.closeSockets(slot, reset: reset)
            // Of an attempt to connect before it left the ring: it looks up what is the slot's.
            slot.pointee.isClosing = slot.pointee.operations > 0
            if !slot.pointee.isClosing { worker.free(slot) }
        }
    }

    static func clientDescriptor(_ worker: inout Worker<Self>, _ slot: Slot) -> Int32 {
        guard slot.pointee.client.flags.contains(.isDirect) else {
            return slot.pointee.client.descriptor
        }
        if slot.pointee.clientCopy < 0 {
            slot.pointee.clientCopy = worker.install(slot.pointee.client.descriptor)
        }
        return slot.pointee.clientCopy
    }

    // MARK: Entrances

    static func open(_ worker: inout Worker<Self>, entrance position: Int) -> Bool {
        worker.openEntrance(position)
    }

    static func close(_ worker: inout Worker<Self>, entrance position: Int) {
        worker.closeEntrance(position)
    }
}

/// What an entry of the ring was for: the top bits of its data. Below them is a session's token, with the number of
/// the attempt to connect above its generation.
enum RingToken {
    static let nothing: UInt64 = 0
    static let accepted: UInt64 = 1
    static let connected: UInt64 = 2
    static let connectFailed: UInt64 = 3
    static let received: UInt64 = 4
    static let sent: UInt64 = 5
    static let clientSpoke: UInt64 = 6
    static let socketsReady: UInt64 = 7
    static let shutDown: UInt64 = 8
    static let installed: UInt64 = 9
    static let sentQuickly: UInt64 = 10

    static let kindShift: UInt64 = 60
    static let attemptShift: UInt64 = 56
    static let sessionMask: UInt64 = (1 << 56) - 1

    @inline(__always)
    static func make(_ kind: UInt64, _ rest: UInt64) -> UInt64 { kind << kindShift | rest }
}
