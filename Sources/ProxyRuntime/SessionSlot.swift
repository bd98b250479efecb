import CLinux
import Primitives
import Sessions

/// What an end of a session has and waits for. The first five have epoll's own values, so that its news are taken
/// over as they are.
struct EndFlags: OptionSet {
    let rawValue: UInt32

    /// EPOLLIN: reading may bring something.
    static let readable = EndFlags(rawValue: 0x1)
    /// EPOLLPRI: it sends urgent data, at which reading stops short (tcp(7)): a short read does not tell that it has
    /// no more, nor a splice.
    static let urgent = EndFlags(rawValue: 0x2)
    /// EPOLLOUT: writing may take something.
    static let writable = EndFlags(rawValue: 0x4)
    /// EPOLLERR: the kernel reported an error that reading has not met yet.
    static let broken = EndFlags(rawValue: 0x8)
    /// EPOLLRDHUP: the kernel has its last byte; reading goes on until it says so.
    static let ending = EndFlags(rawValue: 0x2000)
    /// It has sent its last byte.
    static let ended = EndFlags(rawValue: 0x10)
    /// It was told that no more will come.
    static let wasShutDown = EndFlags(rawValue: 0x20)
    /// Its bytes go through a pipe instead of through this process.
    static let splices = EndFlags(rawValue: 0x40)
    /// Its socket can't be spliced.
    static let neverSplices = EndFlags(rawValue: 0x80)

    /// Its descriptor is one of the ring's own.
    static let isDirect = EndFlags(rawValue: 0x100)
    /// The ring receives for it.
    static let receives = EndFlags(rawValue: 0x200)
    /// The ring sends to it.
    static let sends = EndFlags(rawValue: 0x400)
    /// The ring tells when it goes away.
    static let isWatched = EndFlags(rawValue: 0x800)
    /// The ring shuts it down: a thread of the kernel will look its descriptor up.
    static let shutsDown = EndFlags(rawValue: 0x1000)
    /// To be closed when that is done.
    static let closesLater = EndFlags(rawValue: 0x4000)
    /// The ring receives for it once the other end has taken what came before.
    static let paced = EndFlags(rawValue: 0x8000)
    /// The ring sends what the socket takes at once: it is complete when it is handed over, and is not to be ended.
    static let sendsQuickly = EndFlags(rawValue: 0x10000)

    private static let ofPoll: UInt32 = 0x200F
    /// EPOLLERR, EPOLLHUP, EPOLLRDHUP: there is something to read, be it the end.
    private static let ofEnd: UInt32 = 0x2018

    @inline(__always)
    mutating func insert(epoll events: UInt32) {
        var raw = rawValue | events & Self.ofPoll
        if events & Self.ofEnd != 0 {
            raw |= Self.readable.rawValue
            if events & 0x10 != 0 { raw |= Self.ending.rawValue }
        }
        self = EndFlags(rawValue: raw)
    }
}

/// One end of a session.
struct End {
    var descriptor: Int32 = -1
    var flags: EndFlags = []
    /// When bytes last came from it or went to it.
    var last: Instant = .zero
    /// Bytes that came from it.
    var received: UInt64 = 0
    /// Bytes on their way to it that it did not take yet; only while there are any.
    var pending: BufferPool.Buffer?
    var pendingStart: Int32 = 0
    var pendingEnd: Int32 = 0
    /// The pipe that its bytes go through, and how many are in there; only while there are any.
    var pipe: PipePool.Pipe?
    var piped: Int32 = 0
    /// The ring's buffers on their way to it.
    var chain = BufferChain()
    /// Large reads without a small one in between: a stream.
    var largeReads: UInt8 = 0
    /// Small splices without a large one in between: a stream no more.
    var smallSplices: UInt8 = 0
    /// A stream that the kernel tells of only when it has much of it.
    var isMarked = false
    /// The place of the entry that sends to it.
    var sending: UInt32 = 0

    var hasPending: Bool {
        @inline(__always) get { pendingEnd > pendingStart }
    }
}

/// A session in the slab. It never moves; a stale event is recognised by its generation.
struct SessionSlot {
    var session: Session
    var client = End()
    var server = End()
    var peer = SocketAddress()
    /// Nil only while the slot is free.
    var listener: Pinned<LiveListener>?
    var backend: Pinned<LiveBackend>?
    /// Its listener's, or the same as it leads to another backend (`use_backend`); nil only while the slot is free.
    var frontend: Pinned<LiveFrontend>?
    /// How long its client is waited for before a server is chosen.
    var waitsUntil: Instant = .distantFuture
    /// What of `received` its tallies have.
    var countedIn: UInt64 = 0
    var countedOut: UInt64 = 0
    /// Nanoseconds since 1970; 0: nobody logs it.
    var acceptedWall: UInt64 = 0
    /// Its place in the slab.
    var index: Int32 = 0
    var generation: UInt32 = 0
    /// The port that the client connected to; 0: not looked up.
    var localPort: UInt16 = 0
    var isInUse = false
    var isLogged = false
    var isReady = false
    /// `accept-proxy`: the first bytes tell who the client is.
    var awaitsProxyHeader = false
    var step: RuleStep = .none
    /// What ends the wait is `timeout client`.
    var waitEndsByTimeout = false
    /// The place of its notes among the worker's; -1: it has none.
    var notes: Int32 = -1
    /// The server's gauge counts this session.
    var holdsServer = false
    /// Connecting: this process had no descriptor for it yet.
    var awaitsDescriptor = false
    /// In the backend's queue.
    var isQueued = false
    /// Only its last operations are awaited.
    var isClosing = false
    /// It waits for its last operations in the ring and goes on with epoll.
    var isMoving = false
    /// Connecting in the ring: tells an attempt from the one before.
    var attempt: UInt8 = 0
    /// Of these, the last one's entries have not told yet: they look their descriptor up one after the other.
    var attemptIsOpen = false
    /// Operations in the ring that will tell how they ended.
    var operations: UInt16 = 0
    /// A descriptor of the client's socket for system calls, where the ring has the socket; -1: none.
    var clientCopy: Int32 = -1
    var queuePosition: Int32 = 0
    var serverIndex: Int32 = -1
    /// Avoided when another is chosen.
    var failedServer: Int32 = -1
    /// In the queue: the server that it waits for, -1: any.
    var queuedFor: Int32 = -1
    /// And its place in that line.
    var queuePlace = 0
    /// When the wheel comes to it.
    var timerAt: Instant = .zero
    var timerBucket: Int32 = -1
    var timerNext: Int32 = -1
    var timerPrevious: Int32 = -1

    /// What epoll hands back: generation, index and side. The top bits are left to others.
    @inline(__always)
    func token(_ side: Side) -> UInt64 {
        let low = UInt64(UInt32(bitPattern: index)) << 1
        let high = UInt64(generation) << 32
        switch side {
        case .client: return high | low
        case .server: return high | low | 1
        }
    }
}

typealias Slot = Pinned<SessionSlot>

extension Pinned where Value == SessionSlot {
    /// The end's place within the slot.
    @inline(__always)
    func end(_ side: Side) -> Pinned<End> {
        switch side {
        case .client:
            unsafe withUnsafeMutablePointer(to: &address.pointee.client) {
                unsafe Pinned<End>(at: $0)
            }
        case .server:
            unsafe withUnsafeMutablePointer(to: &address.pointee.server) {
                unsafe Pinned<End>(at: $0)
            }
        }
    }
}

/// All sessions of a worker: chunks that are allocated when they are needed first and never move.
@safe struct SessionSlab: ~Copyable {
    /// 24 bits: the ring has its own 8 above them in a token.
    private static let generationMask: UInt32 = 0xFF_FFFF
    private static let chunkSize = 1024
    private static let shift = 10
    /// 16 million sessions.
    private static let chunkLimit = 1 << 14

    /// Room for all chunks; the kernel gives pages only to those that are there.
    private let chunks: UnsafeMutablePointer<UnsafeMutablePointer<SessionSlot>>
    private(set) var capacity = 0
    private var firstFree: Int32 = -1
    private(set) var count = 0

    init() {
        unsafe chunks = .allocate(capacity: Self.chunkLimit)
    }

    deinit {
        for position in 0..<(capacity >> Self.shift) {
            unsafe chunks[position].deinitialize(count: Self.chunkSize)
            unsafe chunks[position].deallocate()
        }
        unsafe chunks.deallocate()
    }

    /// `index` must be below `capacity`; indices come from the slab itself and are checked by `find`.
    subscript(index: Int32) -> Slot {
        @inline(__always) get {
            unsafe Pinned(
                at: chunks[Int(index) >> Self.shift] + (Int(index) & (Self.chunkSize - 1))
            )
        }
    }

    /// A fresh slot; nil when the slab is as large as it may be.
    mutating func allocate(at now: Instant) -> Slot? {
        if firstFree < 0 { grow() }
        guard firstFree >= 0 else { return nil }
        let slot = self[firstFree]
        let index = firstFree
        firstFree = slot.pointee.timerNext
        let generation = slot.pointee.generation
        slot.pointee = SessionSlot(session: Session(acceptedAt: now))
        slot.pointee.index = index
        slot.pointee.generation = generation
        slot.pointee.isInUse = true
        count += 1
        return slot
    }

    /// The slot's tokens are stale from here on.
    mutating func free(_ slot: Slot) {
        slot.pointee.isInUse = false
        slot.pointee.listener = nil
        slot.pointee.backend = nil
        slot.pointee.frontend = nil
        slot.pointee.generation = (slot.pointee.generation &+ 1) & Self.generationMask
        slot.pointee.timerNext = firstFree
        firstFree = slot.pointee.index
        count -= 1
    }

    private mutating func grow() {
        guard capacity >> Self.shift < Self.chunkLimit else { return }
        let chunk = UnsafeMutablePointer<SessionSlot>.allocate(capacity: Self.chunkSize)
        let empty = SessionSlot(session: Session(acceptedAt: .zero))
        unsafe chunk.initialize(repeating: empty, count: Self.chunkSize)
        let base = Int32(capacity)
        unsafe chunks[capacity >> Self.shift] = unsafe chunk
        capacity += Self.chunkSize
        for offset in (0..<Int32(Self.chunkSize)).reversed() {
            self[base + offset].pointee.timerNext = firstFree
            firstFree = base + offset
        }
    }

    /// Nil when the session of that token is gone.
    @inline(__always)
    func find(_ token: UInt64) -> Slot? {
        let index = Int(token & 0xFFFF_FFFF) >> 1
        guard index < capacity else { return nil }
        let slot = self[Int32(truncatingIfNeeded: index)]
        // A free slot has a generation that no token has yet.
        guard slot.pointee.generation == UInt32(truncatingIfNeeded: token >> 32) else {
            return nil
        }
        return slot
    }
}

// Comparing enums of another module costs calls; a switch does not.
extension Side {
    @inline(__always)
    var opposite: Side {
        switch self {
        case .client: .server
        case .server: .client
        }
    }
}

extension Session {
    var isEstablished: Bool {
        @inline(__always) get { if case .established = phase { true } else { false } }
    }

    var isConnecting: Bool {
        @inline(__always) get { if case .connecting = phase { true } else { false } }
    }

    var isClosed: Bool {
        @inline(__always) get { if case .closed = phase { true } else { false } }
    }
}
