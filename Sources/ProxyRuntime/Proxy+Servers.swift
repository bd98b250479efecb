import CLinux
import Glibc
import HAProxySyntax
import HealthChecks
import Links
import LinuxIO
import Logging
import Messages
import Primitives
import Sessions
import Systemd

/// A refresh that the supervisor asked for: first names, then checks, then the answer.
struct Refresh {
    var incident: IncidentID
    var names: Set<String>
    /// Nil while names are awaited.
    var checks: Set<Int>?
    /// Names that have not been answered by then are not waited for.
    var namesUntil: Instant
}

/// Servers: their checks, their names, and what the supervisor hears of them.
extension Proxy {
    static let refreshNamesLimit: Duration = .seconds(3)

    func perform(_ effects: [ServerBoard.Effect]) {
        for effect in effects {
            switch effect {
            case .connect(let position): connectCheck(position)
            case .close(let descriptor):
                _ = tandem_reset_on_close(descriptor)
                _ = close(descriptor)
            case .resolve(let name): resolver.ask(name)
            case .publish(let position): publish(position)
            case .log(let backend, let line):
                composer.send(
                    line.text,
                    level: line.level.rawValue,
                    to: plan.backends[backend].logs
                )
                let level: Logger.Level =
                    switch line.level {
                    case .emergency: .error
                    case .alert, .error, .warning: .warning
                    case .notice, .info: .notice
                    }
                log.line(level, line.text, LogFields(server: line.subject))
            case .breakSessions(let position):
                let watch = board.watches[position]
                let backend = plan.backends[watch.backend].name
                for worker in workers {
                    worker.post(.breakSessions(backend: backend, server: watch.server.name))
                }
            case .breakBackupSessions(let backend):
                let name = plan.backends[backend].name
                for worker in workers { worker.post(.breakBackupSessions(backend: name)) }
            }
        }
        if !effects.isEmpty { reportHealth() }
    }

    private func publish(_ position: Int) {
        let now = Clock.now
        board.noteAvailability(of: position, at: now)
        let watch = board.watches[position]
        let status = board.status(position, at: now)
        for worker in workers {
            worker.post(
                .server(
                    ServerNews(
                        plan: plan,
                        backend: watch.backend,
                        server: watch.index,
                        status: status
                    )
                )
            )
        }
    }

    // MARK: Checks

    private func connectCheck(_ position: Int) {
        guard var address = board.watches[position].checkAddress else { return }
        var isDone = false
        let descriptor: Int32
        if var from = board.watches[position].server.source, from.family == address.family {
            descriptor = unsafe tandem_stream_connect(&address, &from, 0, &isDone)
        } else {
            descriptor = unsafe tandem_stream_connect(&address, nil, 0, &isDone)
        }
        let now = Clock.now
        guard descriptor >= 0 else {
            answer(position, .connectionProblem(errorText(-descriptor)), at: now)
            return
        }
        board.opened(position, descriptor: descriptor)
        if isDone {
            greet(position, descriptor)
            answer(position, .passed, at: now)
            return
        }
        let token = Token.firstCheck + UInt64(descriptor)
        do throws(SystemCallError) {
            try poller.add(descriptor, token: token, for: .writable)
        } catch {
            answer(position, .connectionProblem("\(error)"), at: now)
        }
    }

    func checkReady(_ descriptor: Int32, at now: Instant) {
        guard let position = board.position(ofDescriptor: descriptor) else { return }
        let error = tandem_socket_error(descriptor)
        if error == 0 { greet(position, descriptor) }
        answer(position, error == 0 ? .passed : .connectionProblem(errorText(abs(error))), at: now)
    }

    /// `send-proxy`: a server that waits for the header is not left without it. As HAProxy's checks, version 1 tells of
    /// the check's own connection, and version 2 that it is nobody's.
    private func greet(_ position: Int, _ descriptor: Int32) {
        guard let version = board.watches[position].server.line.checkHeaderVersion else { return }
        var own = SocketAddress()
        _ = unsafe tandem_own_address(descriptor, &own)
        var addresses: ConnectionAddresses?
        if version == 1, let source = own.ip,
            let address = board.watches[position].checkAddress, let destination = address.ip
        {
            addresses = ConnectionAddresses(
                source: source,
                sourcePort: own.port,
                destination: destination,
                destinationPort: address.port
            )
        }
        let header = ProxyHeader.write(version: version, addresses)
        _ = unsafe send(descriptor, header, header.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
    }

    private func answer(_ position: Int, _ result: CheckOutcome.Result, at now: Instant) {
        perform(board.answered(position, result, at: now))
        refresh?.checks?.remove(position)
    }

    // MARK: Names

    func take(_ answer: Resolver.Answer, at now: Instant) {
        perform(board.resolved(answer, at: now))
        refresh?.names.remove(answer.name)
    }

    // MARK: Refresh

    func beginRefresh(incident: IncidentID) {
        let names = Set(board.names)
        for name in names { resolver.ask(name) }
        refresh = Refresh(
            incident: incident,
            names: names,
            checks: nil,
            namesUntil: Clock.now + Self.refreshNamesLimit
        )
        reviewRefresh(at: Clock.now)
    }

    /// Goes on as soon as all that is awaited has come.
    func reviewRefresh(at now: Instant) {
        guard let current = refresh else { return }
        if current.checks == nil, current.names.isEmpty || current.namesUntil <= now {
            refresh?.checks = Set(board.watches.indices.filter { board.watches[$0].isChecking })
            perform(board.checkNow(at: now))
        }
        // A check that ran into its timeout has concluded without an answer of its connection.
        let running = refresh?.checks?.filter { board.watches[$0].check?.isRunning == true }
        guard let running else { return }
        refresh?.checks = running
        guard running.isEmpty else { return }
        refresh = nil
        supervisor.send(
            .refreshFinished(usableServers: UInt16(clamping: board.usableCount)),
            incident: current.incident,
            poller
        )
    }

    // MARK: The supervisor

    var health: ProxyHealth {
        let withServers = plan.backends.indices.filter { !plan.backends[$0].servers.isEmpty }
        return ProxyHealth(
            ready: isReady && !isDraining,
            listeners: UInt16(clamping: plan.listeners.count),
            usableServers: UInt16(clamping: board.usableCount),
            servers: UInt16(clamping: board.watches.count),
            proxiesWithoutServer: UInt16(
                clamping: withServers.count { !board.hasUsableServer($0) }
            ),
            proxies: UInt16(clamping: withServers.count)
        )
    }

    func reportHealth() {
        let health = health
        guard health != lastHealth, supervisor.isConnected else { return }
        lastHealth = health
        supervisor.send(.health(health), incident: refresh?.incident ?? .none, poller)
    }

    func heed(_ events: [SupervisorLink.Event]) {
        for event in events {
            switch event {
            case .greeted(let pid, _):
                log.notice("a supervisor has connected (pid \(pid))")
                lastHealth = nil
                // The store of a supervisor that is new is empty.
                storeListeners()
                reportHealth()
                tellDrain()
            case .lost(let reason):
                log.warning("the supervisor is gone: \(reason)")
                resumeAccepting("whoever asked for the pause is gone")
                awaitsStop = false
            case .refused(let reason): log.warning("a connection was refused: \(reason)")
            case .frame(let frame):
                switch frame.message {
                case .hello: break
                case .refresh: beginRefresh(incident: frame.incident)
                case .reload: reload(incident: frame.incident)
                case .pauseAccepting(let limit): pauseAccepting(limit)
                case .resumeAccepting: resumeAccepting(nil)
                case .drain(let limit): drainByOrder(limit)
                case .describe(let request, let name, let from):
                    describe(
                        name,
                        from: Int(clamping: from),
                        request: request,
                        incident: frame.incident
                    )
                }
            }
        }
    }
}
