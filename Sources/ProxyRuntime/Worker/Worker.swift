import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions
import Synchronization

/// One event loop with sessions of its own: epoll, edge-triggered, nothing shared but its channel.
@safe struct Worker: ~Copyable {
    /// An idle loop turns this often, so that its beat never fails for want of work.
    static let idleTurn: UInt64 = 40
    static let eventBatch = 256
    static let acceptBurst = 64
    static let scratchSize = 65536
    /// Reads of one session in one turn, before others have theirs.
    static let readBudget = 16
    private static let wakeUpToken = UInt64.max
    static let listenerBit: UInt64 = 1 << 63

    let channel: WorkerChannel
    let epoll: FileDescriptor
    var slab: SessionSlab
    var wheel: TimerWheel
    var buffers = BufferPool(limit: 64)
    var logs: LogWriter
    var current: Generation?
    var generations: [UInt32: Generation] = [:]
    var listeners: [WorkerListener] = []
    /// By index of `listeners`.
    var isListening: [Bool] = []
    var isDraining = false
    /// Milliseconds by the boot clock, once a turn.
    var now: UInt64
    /// Descriptors ran out: nothing is accepted until then.
    var acceptPausedUntil: UInt64 = 0
    /// Slots that were freed in this turn: events of their past may still be in the batch.
    var retired: [Int32] = []
    /// Sessions that used up their budget of this turn.
    var unfinished: [UInt64] = []
    let scratch: UnsafeMutableRawPointer
    private let events: UnsafeMutablePointer<epoll_event>

    init(channel: WorkerChannel, capacity: Int, tag: LogTag) throws(SystemCallError) {
        let loop = FileDescriptor(owning: try check(tandem_epoll_create(), "epoll_create1"))
        try check(
            tandem_epoll_ctl(
                loop.rawValue,
                EPOLL_CTL_ADD,
                channel.wakeUp.descriptor.rawValue,
                EPOLLIN.rawValue,
                Self.wakeUpToken
            ),
            "epoll_ctl"
        )
        self.channel = channel
        epoll = loop
        now = Clock.now.nanoseconds / 1_000_000
        slab = SessionSlab(capacity: capacity)
        wheel = TimerWheel(now: now)
        logs = LogWriter(tag: tag)
        unsafe scratch = .allocate(byteCount: Self.scratchSize, alignment: 64)
        unsafe events = .allocate(capacity: Self.eventBatch)
    }

    deinit {
        unsafe scratch.deallocate()
        unsafe events.deallocate()
    }

    /// Turns until the process ends.
    mutating func run() {
        while true { turn() }
    }

    /// One turn: events, orders, timers, and the proof that it turned.
    mutating func turn() {
        let wait = unfinished.isEmpty ? wheel.wait(now: now, limit: Self.idleTurn) : 0
        let count = unsafe tandem_epoll_wait(
            epoll.rawValue,
            events,
            Int32(Self.eventBatch),
            Int64(wait) * 1_000_000
        )
        now = Clock.now.nanoseconds / 1_000_000
        for order in channel.takeOrders() { obey(order) }
        resumeUnfinished()
        var index = 0
        while index < count {
            let token = unsafe tandem_event_data(events + index)
            let flags = unsafe tandem_event_flags(events + index)
            dispatch(token, flags)
            index += 1
        }
        expire()
        for slot in retired { slab.release(slot) }
        retired.removeAll(keepingCapacity: true)
        resumeAccepting()
        channel.turns.add(1, ordering: .relaxed)
    }

    private mutating func dispatch(_ token: UInt64, _ flags: UInt32) {
        if token == Self.wakeUpToken {
            channel.wakeUp.clear()
        } else if token & Self.listenerBit != 0 {
            accept(Int(token & 0xFFFF_FFFF))
        } else if let slot = slot(of: token) {
            handle(slot, token & 1 == 0 ? .client : .upstream, flags)
        }
    }

    // MARK: Tokens

    /// `stamp << 32 | slot << 1 | side`.
    func token(_ slot: Int32, _ side: Side) -> UInt64 {
        UInt64(slab[slot].stamp) << 32 | UInt64(UInt32(bitPattern: slot)) << 1 | side.rawValue
    }

    /// Nil for an event of a session that is no more.
    func slot(of token: UInt64) -> Int32? {
        let slot = Int32(truncatingIfNeeded: token >> 1 & 0x7FFF_FFFF)
        guard slot < slab.limit, slab[slot].stamp == UInt32(token >> 32),
            slab[slot].state != .free
        else { return nil }
        return slot
    }

    private mutating func resumeUnfinished() {
        guard !unfinished.isEmpty else { return }
        let tokens = unfinished
        unfinished.removeAll(keepingCapacity: true)
        for token in tokens {
            if let slot = slot(of: token) { transfer(slot) }
        }
    }

    // MARK: Orders

    private mutating func obey(_ order: WorkerOrder) {
        switch order {
        case .adopt(let plan, let listeners, let servers):
            adopt(plan, listeners: listeners, servers: servers)
        case .server(let generation, let backend, let server, let standing):
            guard let running = generations[generation] else { return }
            running.servers[backend][server] = standing
            if standing.isUsable { serveQueue(running, backend) }
        case .drain:
            isDraining = true
            for index in listeners.indices { pause(index) }
            reportDrained()
        case .shutDown(let generation, let backend, let server):
            abortSessions(.init(.serverWentDown, .none)) { session in
                session.generation == generation && session.backend == Int32(backend)
                    && session.server == Int32(server)
            }
        case .shutDownBackups(let generation, let backend):
            guard let running = generations[generation] else { return }
            let servers = running.plan.backends[backend].servers
            abortSessions(.init(.primaryCameUp, .none)) { session in
                session.generation == generation && session.backend == Int32(backend)
                    && session.server >= 0 && servers[Int(session.server)].backup
            }
        }
    }

    private mutating func adopt(
        _ plan: Plan,
        listeners new: [WorkerListener],
        servers: [[ServerStanding]]
    ) {
        for index in listeners.indices { pause(index) }
        let generation = Generation(plan: plan, servers: servers)
        generations[plan.generation] = generation
        if let current, current.sessions == 0 { generations[current.plan.generation] = nil }
        current = generation
        listeners = new
        isListening = Array(repeating: false, count: new.count)
        guard !isDraining else { return }
        for index in listeners.indices { resume(index) }
    }

    func reportDrained() {
        if isDraining, slab.used == 0 { channel.isDrained.store(true, ordering: .relaxed) }
    }

    private mutating func abortSessions(
        _ termination: Termination,
        where matches: (Session) -> Bool
    ) {
        for slot in 0..<slab.limit where slab[slot].state != .free && matches(slab[slot]) {
            finish(slot, termination, resetsClient: true)
        }
    }
}
