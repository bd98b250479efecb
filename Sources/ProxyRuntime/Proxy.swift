import Glibc
import HAProxySyntax
import HealthChecks
import Links
import LinuxIO
import Logging
import Messages
import Netlink
import Primitives
import Synchronization
import Systemd

/// The control thread: checks, names, the supervisor, signals and reloads. Bytes are the workers' business.
final class Proxy {
    enum Token {
        static let signals: UInt64 = 1
        static let supervisor: UInt64 = 2
        static let resolver: UInt64 = 3
        static let addresses: UInt64 = 4
        static let firstCheck: UInt64 = 1 << 16
        static let firstConnection: UInt64 = 1 << 32
    }

    static let beatPeriod: Duration = .milliseconds(100)
    static let statusPeriod: Duration = .seconds(5)
    /// Names of servers that are down are looked up anew so often.
    static let downNamesPeriod: Duration = .seconds(30)

    let log: Logger
    let options: ProxyOptions
    var configuration: HAProxyConfiguration
    var builder: PlanBuilder
    var listeners: Listeners
    var plan: Plan
    var board: ServerBoard
    let limit: ConnectionLimit
    let descriptorLimit: Int
    /// Pipes for streams, of all workers together.
    let pipes: Int
    /// What the engine was made for.
    let firstMaxconn: Int
    var workers: [WorkerHandle] = []
    private(set) var engine = EngineKind.epoll
    let resolver: Resolver
    var composer: LogComposer
    let identity: LogIdentity

    var poller: Poller
    let signals: SignalDescriptor
    let supervisor: SupervisorLink
    var notifier: Notifier
    let record: ReloadRecord
    /// Nil where the kernel does not tell.
    var addressMonitor: RouteMonitor?
    var refresh: Refresh?
    /// Half of `restart_grace`: a MASTER keeps its address for that long while its proxy restarts.
    static let firstAnswersLimit: Duration = .milliseconds(500)
    var heartbeat = Heartbeat()
    var lastHealth: ProxyHealth?
    var isReady = false
    /// The first answers of names and of checks are awaited until then.
    private let firstAnswersUntil: Instant
    let startedAt = Clock.now
    var isDraining = false
    /// Whoever had it drain stops it, too.
    var awaitsStop = false
    /// New connections wait in the kernel until then.
    var pausedUntil: Instant?
    /// Set by a signal: when the sessions that are left end with the process.
    var endsAt: Instant?
    var isStopping = false
    var reloads = ReloadLedger()
    /// Set when the loop is to end, with the exit status.
    var exitStatus: Int32?

    private var nextBeat: Instant = .zero
    private var nextStatus: Instant = .zero
    private var nextMeasure: Instant = .zero
    private var lastStatus = ""
    private var lastCountOverStore = 0
    private var nextDownNames: Instant = .zero
    private let watchdogPeriod: Duration?
    private var nextWatchdog: Instant = .zero

    /// What was opened while there were privileges.
    struct Opened: ~Copyable {
        var signals: SignalDescriptor
        var supervisor: SupervisorLink
        var notifier: Notifier
        var record: ReloadRecord
        var listeners: Listeners
        var builder: PlanBuilder
        var plan: Plan
        var limit: ConnectionLimit
        var descriptorLimit: Int
        var pipes: Int
        var identity: LogIdentity
    }

    init(
        options: ProxyOptions,
        configuration: HAProxyConfiguration,
        opened: consuming Opened,
        log: Logger
    ) throws(SystemCallError) {
        self.log = log
        self.options = options
        self.configuration = configuration
        let resolver = try Resolver()
        let poller = try Poller(batch: 256)
        let plan = opened.plan
        self.resolver = resolver
        self.poller = poller
        self.plan = plan
        board = ServerBoard(plan: plan, former: nil, at: Clock.now)
        builder = opened.builder
        listeners = opened.listeners
        limit = opened.limit
        descriptorLimit = opened.descriptorLimit
        pipes = opened.pipes
        firstMaxconn = opened.limit.maximum
        identity = opened.identity
        composer = LogComposer(identity: opened.identity)
        supervisor = opened.supervisor
        signals = opened.signals
        notifier = opened.notifier
        record = opened.record
        addressMonitor = try? RouteMonitor()
        firstAnswersUntil = Clock.now + Self.firstAnswersLimit
        watchdogPeriod = ServiceEnvironment.watchdogInterval().map { $0 / 2 }
    }

    // MARK: The loop

    /// Starts the threads and runs until a signal ends it; the exit status.
    func run() throws(SystemCallError) -> Int32 {
        try begin()
        var events: [ReadyEvent] = []
        while exitStatus == nil {
            events.removeAll(keepingCapacity: true)
            try poller.wait(until: nextDeadline, into: &events)
            let now = Clock.now
            for event in events { dispatch(event, at: now) }
            perform(board.fireDeadlines(at: now))
            fire(at: now)
        }
        return exitStatus ?? 0
    }

    private var nextDeadline: Instant {
        min(
            nextBeat,
            nextMeasure,
            board.nextDeadline ?? .distantFuture,
            isReady ? .distantFuture : firstAnswersUntil,
            endsAt ?? .distantFuture,
            pausedUntil ?? .distantFuture
        )
    }

    private func begin() throws(SystemCallError) {
        try poller.add(signals.descriptor.rawValue, token: Token.signals)
        try poller.add(supervisor.listener.rawValue, token: Token.supervisor)
        try poller.add(resolver.wake.descriptor.rawValue, token: Token.resolver)
        if let descriptor = addressMonitor?.descriptor.rawValue {
            try poller.add(descriptor, token: Token.addresses)
        } else {
            log.notice(
                "netlink is not to be had: sessions on an address that goes end by time limits"
            )
        }
        for index in 0..<listeners.workers { workers.append(try WorkerHandle(index: index)) }
        engine = chooseEngine()
        for worker in workers { try start(worker, engine) }
        try resolver.start()
        for name in board.names { resolver.ask(name) }
        awaitFirstNames()
        let statuses = board.statuses(at: Clock.now)
        for worker in workers {
            worker.post(
                .adopt(plan, sockets: listeners.sockets(of: plan), statuses: statuses)
            )
        }
        for name in listeners.kept {
            log.notice("\(name): listens on the socket that was kept for it")
        }
        storeListeners()
        perform(board.checkNow(at: Clock.now))
    }

    /// Clients are served from the start; this is for who decides whether the node gets the VIP: it is ready
    /// when each server's first check has told whether it is up, or takes too long for that.
    private func reviewReadiness(at now: Instant) {
        guard !isReady, !isDraining, !isStopping else { return }
        guard firstAnswersUntil <= now || !board.isAwaitingCheck else { return }
        isReady = true
        reportHealth()
        notifier.ready(status: statusSentence)
        log.notice(
            "ready: listening on \(plan.listeners.count) addresses with \(workers.count) workers (\(engine.rawValue)), maxconn \(limit.maximum)"
        )
    }

    private func dispatch(_ event: ReadyEvent, at now: Instant) {
        switch event.token {
        case Token.signals: readSignals()
        case Token.supervisor: heed(supervisor.accept(poller))
        case Token.resolver:
            for answer in resolver.takeAnswers() { take(answer, at: now) }
        case Token.addresses: readAddressChanges(at: now)
        case Token.firstConnection...: heed(supervisor.ready(event, poller))
        default: checkReady(Int32(event.token - Token.firstCheck), at: now)
        }
    }

    private func fire(at now: Instant) {
        reviewReadiness(at: now)
        reviewRefresh(at: now)
        if nextBeat <= now {
            nextBeat = now + Self.beatPeriod
            perform(board.heedErrors(at: now))
            supervisor.expire(at: now)
            beat(at: now)
        }
        if nextMeasure <= now {
            measureRates(at: now)
            nextMeasure = now + .seconds(1)
        }
        if nextDownNames <= now {
            if nextDownNames != .zero {
                for name in board.namesOfDownServers { resolver.ask(name) }
            }
            nextDownNames = now + Self.downNamesPeriod
        }
        if nextStatus <= now {
            nextStatus = now + Self.statusPeriod
            DaemonLog.tellFloods(at: now)
            let status = statusSentence
            if status != lastStatus { notifier.status(status) }
            lastStatus = status
        }
        if let pausedUntil, pausedUntil <= now { resumeAccepting("nobody has ended the pause") }
        reviewEnd(at: now)
    }

    /// Every loop has turned since the last beat, or there is none.
    private func beat(at now: Instant) {
        let turns = workers.map { $0.turns.load(ordering: .relaxed) }
        guard let slowest = heartbeat.turnsFinished(turns) else { return }
        supervisor.send(
            .beat(
                Beat(
                    turns: slowest,
                    loops: UInt16(clamping: workers.count),
                    sessions: UInt32(clamping: limit.connections.value)
                )
            ),
            poller
        )
        reportHealth()
        if let watchdogPeriod, nextWatchdog <= now {
            notifier.watchdog()
            nextWatchdog = now + watchdogPeriod
        }
    }

    // MARK: Signals

    private func readSignals() {
        while let signal = signals.next() {
            switch signal {
            case SIGHUP: reload(incident: .none)
            case SIGUSR1: drainBySignal()
            default: stop(signal)
            }
        }
    }

    // MARK: What people read

    var statusSentence: String {
        let servers = board.watches.count
        func counted(_ count: Int, _ noun: String, _ plural: String) -> String {
            "\(count) \(count == 1 ? noun : plural)"
        }
        let verb = isDraining || isStopping ? "waiting for the end of" : "serving"
        return verb + " " + counted(limit.connections.value, "connection", "connections") + " on "
            + counted(plan.listeners.count, "address", "addresses")
            + "; \(board.usableCount) of " + counted(servers, "server", "servers") + " up"
    }

    /// Connections that waited in the kernel while the proxy was away must find their servers, so the first
    /// answers are awaited before anything is accepted; a name server that is slower than that is not.
    private func awaitFirstNames() {
        var awaited = Set(board.names)
        while !awaited.isEmpty {
            let left = (firstAnswersUntil - Clock.now).milliseconds
            guard left > 0, resolver.waitForAnswers(milliseconds: Int32(clamping: left)) else {
                return
            }
            for answer in resolver.takeAnswers() {
                awaited.remove(answer.name)
                take(answer, at: Clock.now)
            }
        }
    }

    func storeListeners() {
        for socket in listeners.stored(limit: Self.storeLimit) {
            notifier.store(socket.descriptor.rawValue, name: socket.name)
        }
        let count = listeners.all.count
        guard count > Self.storeLimit, count != lastCountOverStore else { return }
        lastCountOverStore = count
        let limit = Self.storeLimit
        log.warning(
            "\(count) listening sockets are more than the \(limit) that the service manager keeps: it gets one of each 'bind', and who waits at another one when the process ends is refused; fewer 'nbthread' or addresses would fit"
        )
    }

    /// `FileDescriptorStoreMax` of the unit, unless the manager says that it is another one.
    private static let storeLimit = ServiceEnvironment.storeLimit() ?? 512
}
