import Glibc
import LinuxIO
import Logging
import Messages
import Primitives
import ServiceManager
import Supervision
import Systemd
import VRRP

/// The supervisor: one thread, one loop. It turns what it hears into facts, and carries out the verdicts of
/// the decision engine.
final class Supervisor {
    enum Token {
        static let signals: UInt64 = 1
        static let control: UInt64 = 2
        static let agent: UInt64 = 3
        static let proxy: UInt64 = 4
        static let firstService: UInt64 = 1 << 8
        static let firstClient: UInt64 = 1 << 16
    }

    /// The agent's and the proxy's watchdogs, as their units have them.
    /// The loop is due every 250 ms at least; what is later than this was not on time to judge others.
    static let longestLateness: Duration = .milliseconds(500)
    static let agentWatchdog: Duration = .seconds(3)
    static let proxyWatchdog: Duration = .seconds(5)

    static let statusSpacing: Duration = .seconds(2)

    let startedAt = Clock.now
    let log: Logger
    let options: SupervisorOptions
    var engine: DecisionEngine
    let journal: Journal
    let manager: ProcessManager
    let agent: PeerLink<AgentToSupervisor, SupervisorToAgent>
    let proxy: PeerLink<ProxyToSupervisor, SupervisorToProxy>
    let control: ControlServer
    var poller: Poller
    let signals: SignalDescriptor
    var notifier = Notifier()

    /// What the agent told of its routers, in the order in which it did.
    var routers: [RouterReport] = []
    /// Commands of `tandemctl` that are not answered yet.
    var waiting: [WaitingCommand] = []
    /// Read, and not in force before the agent has accepted the same file.
    private var settingsAwaitingAgent: SupervisionSettings?
    /// Who follows the output of which process.
    var followers: [(client: UInt64, name: ProcessName)] = []
    /// Set when the loop is to end.
    var hasEnded = false

    private var facts: [Fact] = []
    private var isLearning = false
    /// What the service manager was told, and when it is told again if it has changed.
    private var lastStatus = ""
    private var nextStatus: Instant = .zero
    private let watchdogPeriod: Duration?
    private var nextWatchdog: Instant = .zero

    init(
        options: SupervisorOptions,
        settings: SupervisionSettings,
        log: Logger
    ) throws(SystemCallError) {
        let directory = RuntimeDirectory(path: options.runtimeDirectory)
        try directory.prepare()
        guard !UnixSocket.isServed(directory.supervisorSocket) else {
            throw SystemCallError(
                "listen (another supervisor runs)",
                on: directory.supervisorSocket,
                errno: EADDRINUSE
            )
        }
        let poller = try Poller()
        let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP])
        SignalDescriptor.ignoreBrokenPipes()
        let control = try ControlServer(directory: directory, firstToken: Token.firstClient)
        try poller.add(signals.descriptor.rawValue, token: Token.signals)
        try poller.add(control.listener.rawValue, token: Token.control)
        manager = try Self.manager(options, directory, log, poller)
        let hello = Hello(role: .supervisor, pid: UInt32(getpid()), build: Hello.currentBuild)
        agent = PeerLink(
            path: directory.agentSocket,
            token: Token.agent,
            greeting: .hello(hello),
            trusts: { peer, _ in peer.uid == 0 || peer.uid == geteuid() }
        )
        let proxyUser = ProxyUser(files: options.haproxyFiles)
        proxy = PeerLink(
            path: directory.proxySocket,
            token: Token.proxy,
            greeting: .hello(hello),
            // Root's doing, the user's that haproxy.cfg names, or else the process that the service manager started.
            trusts: { peer, expected in proxyUser.isTrusted(peer) || peer.pid == expected }
        )
        // Outlives a reboot where systemd made a directory for it.
        let state = unsafe getenv("STATE_DIRECTORY").map { unsafe String(cString: $0) }
        let journal = Journal(path: (state ?? directory.path) + "/journal")
        self.journal = journal
        engine = DecisionEngine(settings: settings, firstIncident: journal.lastIncident + 1)
        self.options = options
        self.log = log
        self.control = control
        self.poller = poller
        self.signals = signals
        watchdogPeriod = ServiceEnvironment.watchdogInterval()
    }

    private static func manager(
        _ options: SupervisorOptions,
        _ directory: RuntimeDirectory,
        _ log: Logger,
        _ poller: borrowing Poller
    ) throws(SystemCallError) -> ProcessManager {
        guard options.isStandalone else {
            let names = [ProcessName.proxy.rawValue, ProcessName.agent.rawValue]
            return .systemd(
                try SystemdManager(names, token: Token.firstService, log: log, poller)
            )
        }
        return .standalone(
            try StandaloneManager(
                services(options),
                directory: directory,
                firstToken: Token.firstService,
                log: log,
                poller
            )
        )
    }

    private static func services(_ options: SupervisorOptions) -> [ServiceSpecification] {
        let libexec = options.libexecDirectory ?? ownDirectory
        let directory = ["--runtime-dir", options.runtimeDirectory]
        return [
            ServiceSpecification(
                name: ProcessName.agent.rawValue,
                path: libexec + "/tandem-agent",
                arguments: ["-f", options.keepalivedFile] + directory,
                watchdog: agentWatchdog
            ),
            ServiceSpecification(
                name: ProcessName.proxy.rawValue,
                path: libexec + "/tandem-proxy",
                arguments: options.haproxyFiles.flatMap { ["-f", $0] } + directory,
                watchdog: proxyWatchdog
            ),
        ]
    }

    /// The directory of this program.
    private static var ownDirectory: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(
            decoding: buffer.prefix(max(count, 0)).map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "/usr/libexec/tandem"
    }

    // MARK: The loop

    func run() throws(SystemCallError) -> Int32 {
        begin()
        notifier.ready(status: statusSentence(at: Clock.now))
        var events: [ReadyEvent] = []
        while !hasEnded {
            let now = Clock.now
            connect(at: now)
            for event in manager.passTime(poller, at: now) { hear(event) }
            learn(.deadline)
            answerWaiting(at: Clock.now)
            control.expire(at: now)
            beatWatchdog(at: now)
            sendStatus(at: now)
            guard !hasEnded else { break }
            events.removeAll(keepingCapacity: true)
            let deadline = nextDeadline
            try poller.wait(until: deadline, into: &events)
            if let deadline { excuseStall(since: deadline) }
            for event in events { serve(event) }
        }
        answerWaiting(at: Clock.now)
        control.close()
        notifier.stopping()
        return 0
    }

    /// Stopped, starved, or its machine paused: who was silent meanwhile may have spoken to nobody.
    private func excuseStall(since deadline: Instant) {
        let now = Clock.now
        guard now - deadline > Self.longestLateness else { return }
        if case .standalone(let manager) = manager { manager.excuse(at: now) }
        learn(.stalled(now - deadline))
    }

    private var nextDeadline: Instant? {
        var deadlines = [engine.nextDeadline, manager.nextDeadline]
        deadlines += [agent.nextDeadline, proxy.nextDeadline]
        deadlines += waiting.map(\.deadline)
        deadlines.append(control.nextDeadline)
        if watchdogPeriod != nil { deadlines.append(nextWatchdog) }
        return deadlines.compactMap(\.self).min()
    }

    /// What runs already is adopted, what does not is started; the proxy first, which the agent's
    /// addresses lead to.
    private func begin() {
        // systemd tells what runs.
        guard case .standalone(let manager) = manager else { return }
        let now = Clock.now
        for name in [ProcessName.proxy, .agent] {
            let peer =
                name == .proxy ? proxy.connect(poller, at: now) : agent.connect(poller, at: now)
            guard let peer,
                (try? manager.adopt(name.rawValue, pid: peer.pid, poller, at: now)) != nil
            else {
                learn(.absent(name))
                continue
            }
            learn(.found(name, pid: peer.pid))
            if name == .agent { learn(.agentConnected) }
        }
    }

    private func connect(at now: Instant) {
        if agent.connect(poller, at: now) != nil { learn(.agentConnected) }
        proxy.expected = engine.process(.proxy)?.pid
        _ = proxy.connect(poller, at: now)
        if proxy.expected != nil, let stranger = proxy.newStranger() {
            log.error(
                "\(proxy.path): pid \(stranger.pid) listens there as uid \(stranger.uid), and is not the proxy; it is not listened to"
            )
        }
        if let stranger = agent.newStranger() {
            log.error(
                "\(agent.path): pid \(stranger.pid) listens there as uid \(stranger.uid), which is not root; it gets no lease"
            )
        }
    }

    private func serve(_ event: ReadyEvent) {
        switch event.token {
        case Token.signals: while let number = signals.next() { obey(number) }
        case Token.control: control.accept(poller)
        case Token.agent:
            for event in agent.ready(event.readiness, poller) { hear(event) }
        case Token.proxy:
            for event in proxy.ready(event.readiness, poller) { hear(event) }
        default:
            if manager.owns(event.token) {
                for event in manager.ready(event.token, poller, at: Clock.now) { hear(event) }
            } else {
                for asked in control.ready(event, poller) { answer(asked) }
            }
        }
    }

    private func obey(_ number: Int32) {
        switch number {
        case SIGHUP:
            log.notice("SIGHUP: reloading")
            if let problem = readSettings(awaitingAgent: agent.isConnected) {
                log.line(.error, problem, LogFields(.configurationRefused))
            }
            learn(.request(.reload))
        default:
            log.notice("\(signalName(number)): stopping")
            guard !manager.isSystemd else {
                hasEnded = true
                return
            }
            if engine.isShuttingDown {
                for name in [ProcessName.agent, .proxy] { manager.kill(name) }
            }
            learn(.request(.shutdown))
        }
    }

    /// Reads the settings anew; a sentence when the file has errors and the old ones stay.
    ///
    /// They are of one file with the agent's: where it answers, it has the say whether the file counts.
    func readSettings(awaitingAgent: Bool) -> String? {
        let reader = ConfigurationReader(file: options.keepalivedFile)
        guard let settings = reader.settings else {
            settingsAwaitingAgent = nil
            return reader.diagnostics.map(\.description).joined(separator: "; ")
        }
        if awaitingAgent {
            settingsAwaitingAgent = settings
        } else {
            learn(.reconfigured(settings))
        }
        return nil
    }

    /// What the agent makes of the file that both have read.
    func agentJudged(accepted: Bool) {
        if accepted, let settings = settingsAwaitingAgent { learn(.reconfigured(settings)) }
        settingsAwaitingAgent = nil
    }

    private func beatWatchdog(at now: Instant) {
        guard let period = watchdogPeriod, nextWatchdog <= now else { return }
        nextWatchdog = now + .nanoseconds(period.nanoseconds / 4)
        notifier.watchdog()
    }

    /// With the turns that leases cost anyway: no deadline of its own.
    private func sendStatus(at now: Instant) {
        guard nextStatus <= now else { return }
        nextStatus = now + Self.statusSpacing
        DaemonLog.tellFloods(at: now)
        let status = statusSentence(at: now)
        guard status != lastStatus else { return }
        lastStatus = status
        notifier.status(status)
    }

    private func statusSentence(at now: Instant) -> String {
        StatusText.sentence(
            processes: [engine.agent, engine.proxy],
            routers: routers,
            last: journal.entries.last,
            at: now,
            wallClock: Clock.wall
        )
    }

    // MARK: Facts and verdicts

    /// Tells the engine a fact and carries out what it decides, and what follows from that.
    func learn(_ fact: Fact) {
        facts.append(fact)
        guard !isLearning else { return }
        isLearning = true
        while !facts.isEmpty {
            for verdict in engine.handle(facts.removeFirst(), at: Clock.now) { carryOut(verdict) }
        }
        isLearning = false
        forgetDescriptors()
    }

    private func carryOut(_ verdict: Verdict) {
        switch verdict {
        case .start(let name):
            do throws(SystemCallError) {
                guard let pid = try manager.start(name, poller) else { return }
                facts.append(.started(name, pid: pid))
            } catch {
                facts.append(.startFailed(name, reason: "\(error)"))
            }
        case .stop(let name): manager.stop(name, at: Clock.now)
        case .kill(let name): manager.kill(name)
        case .stepDown(let reason, let hold):
            agent.send(.stepDown(reason, hold: hold ?? .zero), incident: engine.incident, poller)
        case .lease(let standing, let proxyHealthy):
            let lease = Lease(
                duration: DecisionEngine.leaseDuration,
                standing: standing,
                proxyHealthy: proxyHealthy
            )
            agent.send(.lease(lease), incident: engine.incident, poller)
        case .pauseProxy(let limit):
            proxy.send(.pauseAccepting(limit), incident: engine.incident, poller)
        case .resumeProxy: proxy.send(.resumeAccepting, incident: engine.incident, poller)
        case .drainProxy(let limit):
            proxy.send(.drain(limit), incident: engine.incident, poller)
        case .refreshProxy: proxy.send(.refresh, incident: engine.incident, poller)
        case .reload(.agent):
            if !agent.send(.reload, incident: engine.incident, poller) { manager.reload(.agent) }
        case .reload(.proxy):
            if !proxy.send(.reload, incident: engine.incident, poller) { manager.reload(.proxy) }
        case .reload(.supervisor): break
        case .journal(let entry): record(entry)
        case .exit:
            // systemd would start it again if it just ended; it ends by the signal that follows.
            if case .systemd(let manager) = manager {
                manager.stopEverything()
            } else {
                hasEnded = true
            }
        }
    }

    /// Keeps an entry for `why` and logs it.
    func record(_ entry: JournalEntry, _ fields: LogFields? = nil) {
        var stamped = entry
        stamped.wallClock = Clock.wall
        journal.append(stamped)
        log.line(
            entry.level,
            "\(entry.event): \(entry.decision): \(entry.reason)",
            fields ?? entry.fields
        )
    }

    /// A service that is stopped or FATAL gives its listening sockets up: a client is refused, not kept
    /// waiting for nobody.
    private func forgetDescriptors() {
        for name in [ProcessName.agent, .proxy] {
            switch engine.process(name)?.state {
            case .stopped, .fatal: manager.forgetDescriptors(of: name)
            default: continue
            }
        }
    }
}
