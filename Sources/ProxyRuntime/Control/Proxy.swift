import CLinux
import Glibc
import HAProxySyntax
import Links
import LinuxIO
import Logging
import Messages
import Primitives
import Synchronization
import Systemd

/// The control thread: everything but the sessions, which belong to the workers.
struct Proxy: ~Copyable {
    private enum Token {
        static let signals: UInt64 = 1
        static let listener: UInt64 = 2
        static let supervisor: UInt64 = 3
        static let resolver: UInt64 = 4
    }

    static let beatInterval: Duration = .milliseconds(100)

    let options: ProxyOptions
    let logger: Logger
    var notifier: Notifier
    var poller: Poller
    let signals: SignalDescriptor
    let link: SupervisorLink
    let resolver: Resolver
    let channels: [WorkerChannel]
    var listeners: ListenerSet
    var board: ServerBoard
    var logs: LogWriter
    var heartbeat = Heartbeat()
    var watchdogBeat = Heartbeat()
    var beatAt: Instant
    var watchdogAt: Instant?
    let watchdogInterval: Duration?
    let maxconn: Int
    /// Listeners that a reload took away, to be closed once every loop has let go of them.
    var departing: [Departing] = []
    var isDraining = false
    var exitCode: Int32?

    struct Departing {
        var descriptor: Int32
        var turns: [UInt64]
    }

    /// Runs until a signal ends it; the exit code.
    mutating func run() throws(SystemCallError) -> Int32 {
        try poller.add(signals.descriptor.rawValue, token: Token.signals)
        try poller.add(link.listener.rawValue, token: Token.listener)
        try poller.add(resolver.done.descriptor.rawValue, token: Token.resolver)
        storeListeners()
        notifier.ready(status: statusSentence)
        logger.notice("ready: \(statusSentence)")
        var events: [ReadyEvent] = []
        while exitCode == nil {
            events.removeAll(keepingCapacity: true)
            try poller.wait(until: nextDeadline, into: &events)
            for event in events { handle(event) }
            passTime(at: Clock.now)
        }
        return exitCode ?? 0
    }

    private var nextDeadline: Instant {
        min(board.nextDeadline ?? .distantFuture, min(beatAt, watchdogAt ?? .distantFuture))
    }

    private mutating func handle(_ event: ReadyEvent) {
        switch event.token {
        case Token.signals:
            while let signal = signals.next() { obey(signal) }
        case Token.listener: welcomeSupervisor()
        case Token.supervisor:
            if event.readiness.contains(.writable) { link.flush() }
            hearSupervisor()
        case Token.resolver:
            for answer in resolver.takeAnswers() { board.resolved(answer, logs: &logs) }
        default:
            if event.token >= ServerBoard.firstToken {
                board.ready(token: event.token, at: Clock.now, logs: &logs)
            }
        }
    }

    private mutating func obey(_ signal: Int32) {
        switch signal {
        case SIGHUP: reload()
        case SIGUSR1: drain()
        default:
            logger.notice("\(signalName(signal)): stopping")
            notifier.stopping()
            link.send(.stopping)
            exitCode = 0
        }
    }

    private mutating func passTime(at now: Instant) {
        board.passTime(at: now, poller: poller, logs: &logs)
        if board.takeNews() { reportHealth() }
        if board.finishesRefresh() {
            link.send(.refreshFinished(usableServers: UInt16(clamping: board.usable)))
        }
        let turns = channels.map { $0.turns.load(ordering: .relaxed) }
        if beatAt <= now {
            beatAt = now + Self.beatInterval
            if let proved = heartbeat.turnFinished(loops: turns) { beat(proved) }
        }
        if let watchdogAt, watchdogAt <= now, let watchdogInterval {
            self.watchdogAt = now + watchdogInterval / 2
            if watchdogBeat.turnFinished(loops: turns) != nil { notifier.watchdog() }
        }
        closeDeparted(turns)
        if isDraining, channels.allSatisfy({ $0.isDrained.load(ordering: .relaxed) }) {
            logger.notice("drained: no session is left")
            exitCode = 0
        }
    }

    private func beat(_ turns: UInt64) {
        let sessions = channels.reduce(0) { $0 + $1.sessions.load(ordering: .relaxed) }
        link.send(
            .beat(
                Beat(
                    turns: turns,
                    loops: UInt16(clamping: channels.count),
                    sessions: UInt32(clamping: sessions)
                )
            )
        )
    }

    private mutating func closeDeparted(_ turns: [UInt64]) {
        departing.removeAll { listener in
            // Two turns later the order to let go was obeyed.
            guard zip(turns, listener.turns).allSatisfy({ $0 > $1 + 1 }) else { return false }
            _ = close(listener.descriptor)
            return true
        }
    }

    // MARK: Supervisor

    private mutating func welcomeSupervisor() {
        guard let accepted = link.accept() else { return }
        if let refused = accepted.refused {
            logger.warning("a connection to proxy.sock was refused: \(refused)")
            return
        }
        do throws(SystemCallError) {
            try poller.add(
                accepted.descriptor,
                token: Token.supervisor,
                for: .readable
            )
        } catch {
            logger.error("the supervisor can't be heard: \(error)")
        }
        // A supervisor that has just begun has an empty fd store.
        storeListeners()
        reportHealth()
    }

    private mutating func hearSupervisor() {
        while true {
            switch link.receive() {
            case .nothing: return
            case .closed(let reason):
                logger.warning("the supervisor is gone (\(reason)); the proxy carries on")
                return
            case .frame(let frame):
                switch frame.message {
                case .hello: break
                case .refresh:
                    logger.notice(
                        "refresh: names are resolved and checks run now",
                        metadata: ["incident": "\(frame.incident)"]
                    )
                    board.refresh(at: Clock.now)
                case .reload: reload()
                }
            }
        }
    }

    private func reportHealth() {
        let proxies = board.proxies
        link.send(
            .health(
                ProxyHealth(
                    ready: true,
                    listeners: UInt16(clamping: listeners.count),
                    usableServers: UInt16(clamping: board.usable),
                    servers: UInt16(clamping: board.count),
                    proxiesWithoutServer: UInt16(clamping: proxies.withoutServer),
                    proxies: UInt16(clamping: proxies.all)
                )
            )
        )
    }

    private mutating func storeListeners() {
        for listener in listeners.all { notifier.store(listener.descriptor, name: listener.name) }
    }

    var statusSentence: String {
        "\(listeners.count) listeners, \(board.usable) of \(board.count) servers usable, "
            + "\(channels.count) event loops, maxconn \(maxconn)"
    }

    /// Accepts nothing more and ends with the last session (SIGUSR1, HAProxy management guide §4).
    private mutating func drain() {
        guard !isDraining else { return }
        isDraining = true
        logger.notice("SIGUSR1: no new connections; the process ends with the last session")
        for channel in channels { channel.post(.drain) }
    }
}
