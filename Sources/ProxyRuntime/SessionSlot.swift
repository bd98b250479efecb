import CLinux
import Primitives
import Sessions

/// What an end of a session has and waits for.
struct EndFlags: OptionSet {
    let rawValue: UInt16

    /// Reading may bring something.
    static let readable = EndFlags(rawValue: 1)
    /// Writing may take something.
    static let writable = EndFlags(rawValue: 2)
    /// It has sent its last byte.
    static let ended = EndFlags(rawValue: 4)
    /// It was told that no more will come.
    static let wasShutDown = EndFlags(rawValue: 8)
    /// The kernel reported an error that reading has not met yet.
    static let broken = EndFlags(rawValue: 16)
    /// The kernel has its last byte: reading goes on until it says so.
    static let ending = EndFlags(rawValue: 32)
}

/// One end of a session: 48 bytes.
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

    var hasPending: Bool { pendingEnd > pendingStart }
}

/// A session in the slab. It never moves; a stale event is recognised by its generation.
struct SessionSlot {
    var session = Session(acceptedAt: .zero)
    var client = End()
    var server = End()
    var peer = SocketAddress()
    /// Nanoseconds since 1970.
    var acceptedWall: UInt64 = 0
    var generation: UInt32 = 0
    /// The port that the client connected to; 0: not looked up.
    var localPort: UInt16 = 0
    var isInUse = false
    var isLogged = false
    var isReady = false
    /// `accept-proxy`: the first bytes tell who the client is.
    var awaitsProxyHeader = false
    /// The server's gauge counts this session.
    var holdsServer = false
    var plan: Int32 = -1
    var listener: Int32 = -1
    var frontend: Int32 = -1
    var queuePosition: Int32 = 0
    var backend: Int32 = -1
    var serverIndex: Int32 = -1
    /// Avoided when another is chosen.
    var failedServer: Int32 = -1
    /// In the queue: the server that it waits for, -1: any.
    var queuedFor: Int32 = -1
    var timerBucket: Int32 = -1
    var timerNext: Int32 = -1
    var timerPrevious: Int32 = -1

    subscript(side: Side) -> End {
        @inline(__always) get { side == .client ? client : server }
        @inline(__always) _modify {
            if side == .client { yield &client } else { yield &server }
        }
    }
}

/// All sessions of a worker: chunks that are allocated when they are needed first and never move.
@safe struct SessionSlab: ~Copyable {
    private static let chunkSize = 1024
    private static let shift = 10

    private var chunks: [UnsafeMutablePointer<SessionSlot>] = unsafe []
    private var firstFree: Int32 = -1
    private(set) var count = 0

    deinit {
        for position in unsafe chunks.indices {
            unsafe chunks[position].deinitialize(count: Self.chunkSize)
            unsafe chunks[position].deallocate()
        }
    }

    var capacity: Int { unsafe chunks.count << Self.shift }

    /// `index` must be below `capacity`; indices come from the slab itself and are checked by `find`.
    subscript(index: Int32) -> SessionSlot {
        @inline(__always) _read {
            yield unsafe chunks[Int(index) >> Self.shift][Int(index) & (Self.chunkSize - 1)]
        }
        @inline(__always) _modify {
            yield unsafe &chunks[Int(index) >> Self.shift][Int(index) & (Self.chunkSize - 1)]
        }
    }

    /// A fresh slot.
    mutating func allocate() -> Int32 {
        if firstFree < 0 { grow() }
        let index = firstFree
        firstFree = self[index].timerNext
        let generation = self[index].generation
        self[index] = SessionSlot()
        self[index].generation = generation
        self[index].isInUse = true
        count += 1
        return index
    }

    /// The slot's tokens are stale from here on.
    mutating func free(_ index: Int32) {
        self[index].isInUse = false
        self[index].generation &+= 1
        self[index].timerNext = firstFree
        firstFree = index
        count -= 1
    }

    private mutating func grow() {
        let chunk = UnsafeMutablePointer<SessionSlot>.allocate(capacity: Self.chunkSize)
        unsafe chunk.initialize(repeating: SessionSlot(), count: Self.chunkSize)
        let base = Int32(capacity)
        unsafe chunks.append(chunk)
        for offset in (0..<Int32(Self.chunkSize)).reversed() {
            self[base + offset].timerNext = firstFree
            firstFree = base + offset
        }
    }

    // MARK: Tokens

    /// What epoll hands back: generation, index and side. The top bit is left to others.
    @inline(__always)
    func token(_ index: Int32, _ side: Side) -> UInt64 {
        UInt64(self[index].generation & 0x3FFF_FFFF) << 32 | UInt64(UInt32(index)) << 1
            | UInt64(side.rawValue)
    }

    /// Nil when the session of that token is gone.
    @inline(__always)
    func find(_ token: UInt64) -> Int32? {
        let index = Int(token & 0xFFFF_FFFF) >> 1
        guard index < capacity else { return nil }
        let slot = Int32(truncatingIfNeeded: index)
        guard self[slot].isInUse,
            self[slot].generation & 0x3FFF_FFFF == UInt32(truncatingIfNeeded: token >> 32)
        else { return nil }
        return slot
    }
}
