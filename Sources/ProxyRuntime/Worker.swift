import Balancing
import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions
import Synchronization

/// A plan in use by one worker: the same for all, plus what only this worker's thread touches.
struct LivePlan {
    struct LiveBackend {
        var balancer: Balancer
        /// By server; not set where its name is not resolved.
        var addresses: [IPAddress?]
        /// Tokens of the sessions that wait for a server, oldest first.
        var queue: [UInt64] = []
    }

    let plan: Plan
    var backends: [LiveBackend]
    var sessions = 0
}

/// One event loop with the sessions that it accepted. Workers share nothing but gauges.
///
/// epoll is edge-triggered for sessions: each socket is added once, with all that may ever be of interest, and
/// `EndFlags` remember what was reported. A turn handles what epoll has, then what was left from before, then the
/// timers; nothing in it waits, and no session gets more than its budget.
@safe struct Worker: ~Copyable {
    enum Budget {
        static let accepts = 32
        static let reads = 16
        static let events: Int32 = 256
    }

    struct Entrance {
        let listener: Plan.Listener
        let socket: ListeningSocket
        let plan: Int32
        let index: Int32
        var isArmed = false
        /// Not looked at before: after a full table of descriptors.
        var rest: Instant = .zero
    }

    /// The top bit of a token tells that it is no session's.
    static let mailboxToken: UInt64 = 1 << 63
    static let listenerToken: UInt64 = 1 << 63 | 1 << 62

    let handle: WorkerHandle
    let limit: ConnectionLimit
    let isAlone: Bool
    let epoll: FileDescriptor
    let events: UnsafeMutablePointer<epoll_event>
    let scratch: UnsafeMutableRawPointer

    var slab = SessionSlab()
    var pool = BufferPool()
    var wheel: TimerWheel
    var log: LogComposer
    var plans: [LivePlan?] = []
    var currentPlan: Int32 = -1
    var entrances: [Entrance] = []
    /// Sessions that had more to do than their budget.
    var ready: [UInt64] = []
    /// Sessions in the queues of all backends.
    var queued = 0
    var now: Instant
    var isStopped = false

    init(
        handle: WorkerHandle,
        limit: ConnectionLimit,
        isAlone: Bool,
        identity: LogIdentity
    ) throws(SystemCallError) {
        let poll = FileDescriptor(owning: try check(tandem_epoll_create(), "epoll_create1"))
        try check(
            tandem_epoll_ctl(
                poll.rawValue,
                EPOLL_CTL_ADD,
                handle.wake.descriptor.rawValue,
                EPOLLIN.rawValue,
                Self.mailboxToken
            ),
            "epoll_ctl"
        )
        self.handle = handle
        self.limit = limit
        self.isAlone = isAlone
        epoll = poll
        unsafe events = .allocate(capacity: Int(Budget.events))
        unsafe events.initialize(repeating: epoll_event(), count: Int(Budget.events))
        unsafe scratch = .allocate(byteCount: BufferPool.bufferSize, alignment: 4096)
        now = Clock.now
        wheel = TimerWheel(at: now)
        log = LogComposer(identity: identity)
    }

    deinit {
        unsafe events.deallocate()
        unsafe scratch.deallocate()
    }

    /// Until `stop` is posted.
    mutating func run() {
        while !isStopped { turn() }
    }

    mutating func turn() {
        let wait = ready.isEmpty ? WorkerHandle.idleLimit.nanoseconds : 0
        let count = unsafe tandem_epoll_wait(epoll.rawValue, events, Budget.events, shortened(wait))
        now = Clock.now
        if count > 0 {
            for position in 0..<Int(count) {
                let token = unsafe tandem_event_data(events + position)
                let flags = unsafe tandem_event_flags(events + position)
                dispatch(token, flags)
            }
        }
        resumeReady()
        while let index = wheel.nextDue(at: now, in: &slab) { expire(index) }
        if queued > 0 { serveQueues() }
        reopenEntrances()
        handle.turns.wrappingAdd(1, ordering: .relaxed)
    }

    /// A wheel with sessions in it is looked at every tick.
    private func shortened(_ wait: Int64) -> Int64 {
        slab.count > 0 ? min(wait, TimerWheel.tick.nanoseconds) : wait
    }

    @inline(__always)
    private mutating func dispatch(_ token: UInt64, _ flags: UInt32) {
        if token & Self.mailboxToken == 0 {
            guard let index = slab.find(token) else { return }
            sessionReady(index, token & 1 == 0 ? .client : .server, flags)
        } else if token & Self.listenerToken == Self.listenerToken {
            let position = Int(token & 0xFFFF_FFFF)
            if entrances.indices.contains(position) { accept(at: position) }
        } else {
            for command in handle.takeCommands() { obey(command) }
        }
    }

    private mutating func resumeReady() {
        guard !ready.isEmpty else { return }
        let waiting = ready
        ready.removeAll(keepingCapacity: true)
        for token in waiting {
            guard let index = slab.find(token) else { continue }
            slab[index].isReady = false
            resume(index)
        }
    }

    // MARK: Commands

    private mutating func obey(_ command: WorkerCommand) {
        switch command {
        case .adopt(let plan, let sockets, let statuses): adopt(plan, sockets, statuses)
        case .server(let generation, let backend, let server, let status):
            guard
                let position = plans.firstIndex(where: { $0?.plan.generation == generation }),
                let line = plans[position]?.plan.backends[backend].servers[server]
            else { return }
            plans[position]?.backends[backend].balancer.update(server, to: status.balanced(line))
            plans[position]?.backends[backend].addresses[server] = status.address
        case .breakSessions(let backend, let server):
            breakSessions(cause: .serverDown) { $0.name == backend && $1.name == server }
        case .breakBackupSessions(let backend):
            breakSessions(cause: .activeUp) { $0.name == backend && $1.line.backup }
        case .stopListening: closeEntrances { _ in true }
        case .stop: isStopped = true
        }
    }

    private mutating func adopt(
        _ plan: Plan,
        _ sockets: [ListeningSocket],
        _ statuses: [[ServerStatus]]
    ) {
        let live = LivePlan(
            plan: plan,
            backends: plan.backends.enumerated().map { index, backend in
                let known = statuses[index]
                return LivePlan.LiveBackend(
                    balancer: Balancer(
                        algorithm: backend.algorithm,
                        servers: zip(known, backend.servers).map { $0.balanced($1) },
                        allBackups: backend.allBackups,
                        seed: UInt64(index) &+ UInt64(handle.index) &<< 32 &+ 1
                    ),
                    addresses: known.map(\.address)
                )
            }
        )
        let former = currentPlan
        if let free = plans.firstIndex(where: { $0 == nil }) {
            plans[free] = live
            currentPlan = Int32(free)
        } else {
            plans.append(live)
            currentPlan = Int32(plans.count - 1)
        }
        closeEntrances { _ in true }
        for (index, (listener, socket)) in zip(plan.listeners, sockets).enumerated() {
            entrances.append(
                Entrance(
                    listener: listener,
                    socket: socket,
                    plan: currentPlan,
                    index: Int32(index)
                )
            )
        }
        if former >= 0 { releasePlanIfUnused(former) }
        reopenEntrances()
    }

    mutating func releasePlanIfUnused(_ position: Int32) {
        guard position != currentPlan, plans[Int(position)]?.sessions == 0 else { return }
        plans[Int(position)] = nil
    }

    private mutating func breakSessions(
        cause: Termination.Cause,
        where matches: (Backend, Server) -> Bool
    ) {
        for index in 0..<Int32(slab.capacity) where slab[index].isInUse {
            guard slab[index].holdsServer, let backend = backend(of: index) else { continue }
            guard matches(backend, backend.servers[Int(slab[index].serverIndex)]) else { continue }
            signal(index, .killed(cause))
        }
    }

    // MARK: The plan of a session

    func frontend(of index: Int32) -> Frontend? {
        guard let plan = plans[Int(slab[index].plan)]?.plan else { return nil }
        return plan.frontends[Int(slab[index].frontend)]
    }

    func backend(of index: Int32) -> Backend? {
        guard slab[index].backend >= 0, let plan = plans[Int(slab[index].plan)]?.plan else {
            return nil
        }
        return plan.backends[Int(slab[index].backend)]
    }
}
