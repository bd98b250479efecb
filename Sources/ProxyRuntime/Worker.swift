import Balancing
import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions
import Synchronization

/// What one turn of a worker does at most of each kind.
enum TurnBudget {
    static let accepts = 32
    /// Turns of accepting at a socket that is closed next.
    static let lastAccepts = 128
    static let reads = 16
    static let events: Int32 = 256
}

/// One event loop with the sessions that it accepted. Workers share nothing but gauges.
///
/// A turn handles what its engine has, then what was left from before, then the timers; nothing in it waits, and no
/// session gets more than its budget.
@safe struct Worker<E: Engine & ~Copyable>: ~Copyable {
    struct Entrance {
        let listener: Pinned<LiveListener>
        let socket: ListeningSocket
        /// Other workers wait at the same socket.
        let isShared: Bool
        var isArmed = false
        /// Entries of the ring wait at it.
        var isInRing = false
        /// Not looked at before: after a full table of descriptors.
        var rest: Instant = .zero
    }

    let handle: WorkerHandle
    let limit: ConnectionLimit
    let epoll: FileDescriptor
    let events: UnsafeMutablePointer<epoll_event>
    let scratch: UnsafeMutableRawPointer

    var engine: E
    var slab = SessionSlab()
    var pool: BufferPool
    var pipes: PipePool
    var spare = SpareDescriptor()
    var wheel: TimerWheel
    var log: LogComposer
    /// The current one last.
    var plans: [Pinned<LivePlan>] = []
    var entrances: [Entrance] = []
    /// Sessions that had more to do than their budget.
    var ready: [UInt64] = []
    private var resuming: [UInt64] = []
    /// Ends that are told of only when much has come, or were.
    var marked: [Mark] = []
    /// Addresses that have left the node, whose sessions are still looked for.
    var departures: [Departure] = []
    /// Sessions of its own in the queues of all backends.
    var queued = 0
    /// Somebody waits, here or at another worker, and a place may have come free.
    var placesChanged = false
    /// By the `notes` of the sessions that have some.
    var notes: [SessionNotes] = []
    var freeNotes: [Int32] = []
    /// Entrances that take nothing now.
    var closedEntrances = 0
    /// The bytes of sessions that go on are counted then, from this place in the slab.
    var nextCount: Instant = .zero
    var countPlace: Int32 = 0
    var now: Instant
    var isStopped = false
    /// What this worker can't go on after.
    private(set) var failure: SystemCallError?
    /// Entrances stay closed.
    var isPaused = false

    init(
        handle: WorkerHandle,
        limit: ConnectionLimit,
        descriptors: Int,
        pipeLimit: Int,
        bufferLimit: Int?,
        identity: LogIdentity
    ) throws(SystemCallError) {
        let poll = FileDescriptor(owning: try check(tandem_epoll_create(), "epoll_create1"))
        try check(
            tandem_epoll_ctl(
                poll.rawValue,
                EPOLL_CTL_ADD,
                handle.wake.descriptor.rawValue,
                EPOLLIN.rawValue,
                WorkerToken.mailbox
            ),
            "epoll_ctl"
        )
        engine = try E(
            EngineSetUp(epoll: poll.rawValue, maxconn: limit.maximum, descriptors: descriptors)
        )
        self.handle = handle
        self.limit = limit
        epoll = poll
        unsafe events = .allocate(capacity: Int(TurnBudget.events))
        unsafe events.initialize(repeating: epoll_event(), count: Int(TurnBudget.events))
        unsafe scratch = .allocate(byteCount: BufferPool.largeSize, alignment: 4096)
        now = Clock.now
        pipes = PipePool(limit: pipeLimit)
        pool = bufferLimit.map { BufferPool(limit: $0) } ?? BufferPool()
        wheel = TimerWheel(at: now)
        log = LogComposer(identity: identity)
    }

    deinit {
        unsafe events.deallocate()
        unsafe scratch.deallocate()
        for plan in plans { LivePlan.destroy(plan) }
    }

    /// Until `stop` is posted; throws what it can't go on after.
    mutating func run() throws(SystemCallError) {
        while !isStopped { turn() }
        if let failure { throw failure }
    }

    /// Turns that do nothing would go on telling that all is well.
    mutating func fail(_ error: SystemCallError) {
        failure = error
        isStopped = true
    }

    mutating func turn() {
        var wait: Int64 = 0
        if ready.isEmpty {
            // A wheel with sessions in it is looked at every tick.
            wait = slab.count > 0 ? Int64(TimerWheel.tickNanoseconds) : WorkerHandle.idleNanoseconds
            if !marked.isEmpty { wait = Int64(Self.markPatience) }
            if placesChanged || !departures.isEmpty { wait = 0 }
        }
        E.wait(&self, nanoseconds: wait)
        guard failure == nil else { return }
        resumeReady()
        if !departures.isEmpty { breakDepartedSessions() }
        if !marked.isEmpty { lookBelowMarks() }
        while let slot = wheel.nextDue(at: now, in: slab) { expire(slot) }
        if placesChanged || queued > 0 { serveQueues() }
        if closedEntrances > 0 { reopenEntrances() }
        if nextCount <= now { countSome() }
        handle.countTurn()
    }

    /// Waits for epoll and hands its events out.
    mutating func pollSockets(nanoseconds: Int64) {
        let count = unsafe tandem_epoll_wait(
            epoll.rawValue,
            events,
            TurnBudget.events,
            nanoseconds
        )
        now = Clock.now
        if count < 0, count != -EINTR { fail(SystemCallError("epoll_pwait2", errno: -count)) }
        guard count > 0 else { return }
        for position in 0..<Int(count) {
            let token = unsafe tandem_event_data(events + position)
            let flags = unsafe tandem_event_flags(events + position)
            if token & WorkerToken.mailbox == 0 {
                if let slot = slab.find(token) {
                    socketReady(slot, token & 1 == 0 ? .client : .server, flags)
                }
            } else if token & WorkerToken.entrance == WorkerToken.entrance {
                let entrance = Int(token & 0xFFFF_FFFF)
                if entrances.indices.contains(entrance) { accept(at: entrance) }
            } else {
                for command in handle.takeCommands() { obey(command) }
            }
        }
    }

    private mutating func resumeReady() {
        guard !ready.isEmpty else { return }
        swap(&ready, &resuming)
        for position in 0..<resuming.count {
            guard let slot = slab.find(resuming[position]) else { continue }
            slot.pointee.isReady = false
            resume(slot)
        }
        resuming.removeAll(keepingCapacity: true)
    }

    // MARK: Commands

    private mutating func obey(_ command: WorkerCommand) {
        switch command {
        case .adopt(let plan, let sockets, let statuses): adopt(plan, sockets, statuses)
        case .server(let news): learn(news)
        case .breakSessions(let backend, let server):
            breakSessions(cause: .serverDown) { $0.name == backend && $1.name == server }
        case .breakBackupSessions(let backend):
            breakSessions(cause: .activeUp) { $0.name == backend && $1.line.backup }
        case .place(let placement): place(placement)
        case .addressGone(let address): departures.append(Departure(address: address))
        case .stopListening: closeEntrances()
        case .pauseAccepting:
            isPaused = true
            for position in entrances.indices { pause(position) }
        case .resumeAccepting: isPaused = false
        case .stop: isStopped = true
        }
    }

    private mutating func learn(_ news: ServerNews) {
        for live in plans {
            guard let (backend, server, status) = news.status(in: live.pointee.plan) else {
                continue
            }
            live.pointee.sessions += 1
            update(live.pointee.backends[backend], server, to: status)
            live.pointee.sessions -= 1
            releasePlanIfUnused(live)
        }
    }

    private mutating func update(
        _ backend: Pinned<LiveBackend>,
        _ server: Int,
        to status: ServerStatus
    ) {
        backend.pointee.update(server, to: status)
        if backend.pointee.queued.value > 0 { placesChanged = true }
        if !status.isUsable { reviewWaiting(for: server, backend) }
    }

    private mutating func adopt(
        _ plan: Plan,
        _ sockets: [ListenerSockets],
        _ statuses: [[ServerStatus]]
    ) {
        let live = LivePlan.make(plan, statuses, worker: handle.index)
        let former = plans.last
        plans.append(live)
        acceptLast(keeping: sockets)
        closeEntrances()
        for (listener, shared) in zip(live.pointee.listeners, sockets) {
            let (own, areShared) = shared.sockets(for: handle.index)
            for socket in own {
                entrances.append(Entrance(listener: listener, socket: socket, isShared: areShared))
            }
        }
        closedEntrances = entrances.count
        if let former { releasePlanIfUnused(former) }
        reopenEntrances()
    }

    /// Who has connected already to a socket that goes is let in still.
    private mutating func acceptLast(keeping kept: [ListenerSockets]) {
        for position in entrances.indices {
            let socket = entrances[position].socket
            guard !kept.contains(where: { $0.sockets.contains { $0 === socket } }) else { continue }
            // More than a backlog holds may come as fast as they are taken.
            for _ in 0..<TurnBudget.lastAccepts
            where tandem_wait_readable(socket.descriptor.rawValue, 0) == 1 {
                accept(at: position, isLast: true)
            }
        }
    }

    mutating func releasePlanIfUnused(_ plan: Pinned<LivePlan>) {
        guard plan.pointee.sessions == 0, plan != plans.last else { return }
        plans.removeAll { $0 == plan }
        LivePlan.destroy(plan)
    }

    private mutating func breakSessions(
        cause: Termination.Cause,
        where matches: (Backend, Server) -> Bool
    ) {
        for index in 0..<Int32(slab.capacity) {
            let slot = slab[index]
            guard slot.pointee.isInUse, slot.pointee.holdsServer,
                let backend = slot.pointee.backend?.pointee.backend,
                matches(backend, backend.servers[Int(slot.pointee.serverIndex)])
            else { continue }
            signal(slot, .killed(cause))
        }
    }
}

/// What epoll hands back for what is no session: the top bits tell.
enum WorkerToken {
    static let mailbox: UInt64 = 1 << 63
    static let entrance: UInt64 = 1 << 63 | 1 << 62
}
