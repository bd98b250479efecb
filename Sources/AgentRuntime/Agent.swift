import Glibc
import KeepalivedSyntax
import Links
import LinuxIO
import Logging
import Messages
import Netlink
import Primitives
import RawSockets
import Systemd
import Tracking
import VRRP

/// The agent: one thread, one loop, one deadline.
///
/// Each turn first does what is due by the clock, then reads what has arrived. The loop never waits for
/// anything else: netlink answers while it is asked, everything else is non-blocking.
final class Agent {
    enum Token {
        static let signals: UInt64 = 1
        static let listener: UInt64 = 2
        static let monitor: UInt64 = 3
        static let runner: UInt64 = 4
        static let processes: UInt64 = 5
        static let files: UInt64 = 6
        static let addressGuard: UInt64 = 7
        static let neighbours: UInt64 = 20
        static let firstPort: UInt64 = 1 << 16
        static let firstConnection: UInt64 = 1 << 32
    }

    /// Reports go out and waiting things are looked at so often.
    static let tick: Duration = .seconds(1)
    /// A status sentence goes to the service manager at least so often.
    static let statusSpacing: Duration = .seconds(10)

    let log: Logger
    let options: AgentOptions
    let runtimeDirectory: RuntimeDirectory

    var configuration: KeepalivedConfiguration
    var routers: [RouterShell] = []
    /// Of each router, so that a turn looks at numbers and at no router that has nothing to do.
    var deadlines: [Instant] = []
    /// How late a turn may be, in nanoseconds, to serve many routers at once.
    var gathering: UInt64 = 0
    /// Where the router of a packet is.
    var places: [RouterKey: Int] = [:]
    var checks = CheckLedger()
    /// The orders that the script runner carries out, by the name of the check.
    var checkSerials: [String: UInt64] = [:]
    var lastCheckSerial: UInt64 = 0
    var processes = ProcessLedger()
    var carriers = CarrierLedger()
    /// Of tracked files, by name.
    var readings: [String: Int] = [:]
    /// What was last told of each sync group.
    var groupStates: [String: VisibleState] = [:]
    /// The members of groups are not all what they are to be.
    var isReconfiguring = false
    var leases: LeaseLedger
    /// What the routers were told of the proxy; nil: nothing yet.
    var proxyAnswer: Bool?

    var view = NetworkView()
    /// Events were lost, and the view may not be what the kernel has.
    var areTablesStale = false
    var keeper: AddressKeeper<KernelRouteSocket>
    /// The port of our own netlink requests, whose echoes are no news.
    let requestPort: UInt32
    var monitor: RouteMonitor
    /// Where the lifetime of a router's addresses is no help.
    var addressGuard: AddressGuard?
    let announcer: AnnouncementSocket
    /// `promote_secondaries` of the interfaces where it is needed.
    var promotions = Promotions()
    /// Interfaces below a virtual router's own, with what of ARP was set on them before.
    var arpSettings = FormerSettings()
    /// Nil where the kernel can't reset connections.
    var connections: ConnectionTable<KernelRouteSocket>?
    /// What this turn of the loop may still spend on them; nil: nothing was spent.
    var resetAllowance: Duration?
    var neighbours: NeighbourWatch
    var witnesses = GatewayWitnesses()
    var announcements = AnnouncementQueue()
    var ports: [PortKey: InterfacePort] = [:]
    var nextPortToken = Token.firstPort
    /// What the log was told of interfaces that can't be opened.
    var portFailures: [PortKey: SystemCallError] = [:]

    var processEvents: ProcessEvents?
    var isPollingProcesses = false
    /// Events were lost, and the look at all processes that they call for has failed.
    var areProcessesStale = false
    var processScan: ProcessScan?
    var fileWatch: FileWatch?
    /// A directory of a tracked file can't be watched; the log was told so.
    var areFilesUnwatched = false
    var wereFilesUnwatched = false

    var poller: Poller
    let signals: SignalDescriptor
    let supervisor: SupervisorLink
    let runner: ScriptRunnerLink
    var notifier = Notifier()

    /// Descriptions that are asked for and not given in full yet.
    var descriptions: [Description] = []
    /// Messages that the supervisor did not get, as far as the log was told.
    private var toldDropped: UInt64 = 0
    /// What the machine did not allow of a process that must not be late.
    var realTime: RealTime.Refusals?

    /// The supervisor's number for what is being done now.
    var incident = IncidentID.none
    var notifySerial: UInt64 = 0
    /// Whom scripts run as that name no user.
    var defaultUser = Agent.findDefaultUser()
    var pipes: [NotifyPipe] = []
    var isRunnerWatchedForWriting = false
    /// Set when the loop is to end, with the exit status.
    var exitStatus: Int32?

    private var nextTick: Instant = .zero
    private var nextStatus: Instant = .zero
    private let watchdogPeriod: Duration?
    private var nextWatchdog: Instant = .zero

    /// Opens everything that takes privileges. Nothing is sent yet and no address is touched.
    init(
        options: AgentOptions,
        configuration: KeepalivedConfiguration,
        log: Logger
    ) throws(SystemCallError) {
        let directory = RuntimeDirectory(path: options.runtimeDirectory)
        try directory.prepare()
        guard !UnixSocket.isServed(directory.agentSocket) else {
            throw SystemCallError(
                "listen (another agent runs)",
                on: directory.agentSocket,
                errno: EADDRINUSE
            )
        }
        let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2])
        SignalDescriptor.ignoreBrokenPipes()
        let requests = try KernelRouteSocket()
        let requestPort = requests.port
        let keeper = AddressKeeper(
            socket: requests,
            firstSequence: UInt32(truncatingIfNeeded: Clock.wall / 1_000_000)
        )
        let monitor = try RouteMonitor()
        let announcer = try AnnouncementSocket()
        let neighbours = try NeighbourWatch()
        let supervisor = try SupervisorLink(
            directory: directory,
            firstToken: Token.firstConnection
        )
        let runner = try ScriptRunnerLink()
        let poller = try Poller()
        try poller.add(signals.descriptor.rawValue, token: Token.signals)
        try poller.add(supervisor.listener.rawValue, token: Token.listener)
        try poller.add(monitor.descriptor.rawValue, token: Token.monitor)
        try poller.add(runner.socket, token: Token.runner)
        for socket in neighbours.sockets { try poller.add(socket, token: Token.neighbours) }

        let now = Clock.now
        let isSupervised = Self.exists(directory.supervisorSocket)
        self.log = log
        self.options = options
        runtimeDirectory = directory
        self.configuration = configuration
        leases = LeaseLedger(
            grace: configuration.tandem.leaseGrace,
            supervised: isSupervised,
            at: now
        )
        self.signals = signals
        self.requestPort = requestPort
        self.keeper = keeper
        self.monitor = monitor
        self.announcer = announcer
        connections = Self.openConnectionTable(log)
        self.neighbours = neighbours
        self.supervisor = supervisor
        self.runner = runner
        self.poller = poller
        watchdogPeriod = ServiceEnvironment.watchdogInterval().map { $0 / 2 }
    }

    private static func exists(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0
    }

    /// The whole life; returns the exit status. However it ends, the addresses are given back.
    func run() -> Int32 {
        do throws(SystemCallError) {
            try begin()
            try loop()
        } catch {
            log.critical("\(error)")
            exitStatus = 1
        }
        end()
        return exitStatus ?? 1
    }

    private func loop() throws(SystemCallError) {
        var events: [ReadyEvent] = []
        while exitStatus == nil {
            events.removeAll(keepingCapacity: true)
            try poller.wait(until: nextDeadline, into: &events)
            fireDeadlines()
            for event in events where exitStatus == nil { dispatch(event) }
            finishTurn()
        }
    }

    private var nextDeadline: Instant {
        var deadline = min(nextTick, leases.nextDeadline ?? .distantFuture)
        deadline = min(deadline, checks.nextDeadline ?? .distantFuture)
        deadline = min(deadline, processes.nextDeadline ?? .distantFuture)
        deadline = min(deadline, carriers.nextDeadline ?? .distantFuture)
        deadline = min(deadline, witnesses.nextDeadline ?? .distantFuture)
        deadline = min(deadline, announcements.nextDeadline ?? .distantFuture)
        if watchdogPeriod != nil { deadline = min(deadline, nextWatchdog) }
        if processScan != nil { deadline = .zero }
        for due in deadlines where due.nanoseconds < deadline.nanoseconds { deadline = due }
        // A little late, so that one turn serves what comes due close together.
        return deadline.advanced(byNanoseconds: gathering)
    }

    /// What is due by the clock comes before what has arrived: a router that was not served in time must
    /// know that before it hears anything.
    private func fireDeadlines() {
        serveRouters()
        let now = Clock.now
        askGateways(at: now)
        announceWhatIsDue(at: now)
        if let deadline = leases.nextDeadline, deadline <= now { leaseChanged(.deadline, at: now) }
        if let deadline = checks.nextDeadline, deadline <= now {
            for change in checks.deadline(at: now) {
                log.error("the check \(change.name) has not reported in time: it counts as failed")
                checkChanged(change)
            }
        }
        if let deadline = processes.nextDeadline, deadline <= now {
            tell(processes.deadline(at: now))
        }
        if let deadline = carriers.nextDeadline, deadline <= now { reviewInterfaces() }
        guard nextTick <= now else { return }
        nextTick = now + Self.tick
        supervisor.expire(at: now)
        for port in ports.values { port.ageNotes(at: now) }
        DaemonLog.tellFloods(at: now)
        if areTablesStale { resynchronise() }
        reviewInterfaces()
        reviewTracking()
        report()
        if supervisor.dropped > toldDropped {
            log.warning(
                "the supervisor reads nothing: it has missed \(supervisor.dropped) messages"
            )
        }
        toldDropped = supervisor.dropped
    }

    private func dispatch(_ event: ReadyEvent) {
        switch event.token {
        case Token.signals: readSignals()
        case Token.listener: heed(supervisor.accept(poller))
        case Token.monitor: readMonitor()
        case Token.runner: readRunner(event.readiness)
        case Token.processes: readProcessEvents()
        case Token.files: readFileWatch()
        case Token.addressGuard: readGuard()
        case Token.neighbours: readNeighbours()
        case Token.firstConnection...: heed(supervisor.ready(event, poller))
        default: readPort(event.token)
        }
    }

    /// The loop has turned: that, and nothing else, is what the service manager is told.
    private func finishTurn() {
        let now = Clock.now
        resetAllowance = nil
        if !descriptions.isEmpty { continueDescriptions() }
        continueProcessScan()
        if let watchdogPeriod, nextWatchdog <= now {
            notifier.watchdog()
            nextWatchdog = now + watchdogPeriod
        }
        if nextStatus <= now { sendStatus(at: now) }
    }

    /// Once in a turn is enough, however many routers have news.
    func statusChanged() { nextStatus = .zero }

    func sendStatus(at now: Instant) {
        nextStatus = now + Self.statusSpacing
        notifier.status(statusSentence(at: now))
    }

    func statusSentence(at now: Instant) -> String {
        StatusText.sentence(of: routers.map(\.machine), at: now)
            + (leases.standing == .lastResort ? "; as a last resort, with priority 1" : "")
    }

    private func readSignals() {
        while let signal = signals.next() {
            switch signal {
            case SIGHUP: reload()
            // keepalived's users ask so for its data and its statistics.
            case SIGUSR1, SIGUSR2: sayHowItStands()
            default:
                log.notice("\(signalName(signal)): stopping")
                exitStatus = 0
            }
        }
    }

    /// A log line with the incident that it belongs to, about one router if it has a name.
    func line(
        _ level: Logger.Level,
        _ text: String,
        of instance: String? = nil,
        _ id: MessageID? = nil,
        state: VisibleState? = nil,
        file: String = #fileID,
        function: String = #function,
        line: UInt = #line
    ) {
        let fields = LogFields(id, incident: incident, instance: instance, state: state?.name)
        log.line(level, text, fields, file: file, function: function, line: line)
    }
}
