import Glibc
import LinuxIO
import Logging
import Messages
import Primitives
import ServiceManager
import Supervision
import Systemd
import VRRP

/// What the services, the agent and the proxy say, as facts.
extension Supervisor {
    func hear(_ event: ServiceEvent) {
        switch event {
        case .ready(let name):
            guard let process = ProcessName(rawValue: name) else { return }
            // It listens before it says that it is ready.
            if process == .agent { agent.retryAtOnce() } else { proxy.retryAtOnce() }
            learnReady(process)
        case .exited(let name, let cause):
            guard let process = ProcessName(rawValue: name) else { return }
            if process == .agent { routers = [] }
            learn(.exited(process, cause: cause))
        case .watchdogExpired(let name):
            guard let process = ProcessName(rawValue: name) else { return }
            learn(.watchdogExpired(process))
        case .output(let name, let bytes):
            passOn(bytes)
            for follower in followers where follower.name.rawValue == name {
                send(output: bytes[...], to: follower.client)
            }
            followers.removeAll { !control.owns($0.client) }
        case .found(let name, let pid):
            guard let process = ProcessName(rawValue: name) else { return }
            learn(.found(process, pid: pid))
        case .absent(let name):
            guard let process = ProcessName(rawValue: name) else { return }
            learn(.absent(process))
        case .foundStopped(let name):
            guard let process = ProcessName(rawValue: name) else { return }
            learn(.foundStopped(process))
        case .started(let name, let pid):
            guard let process = ProcessName(rawValue: name) else { return }
            learn(.started(process, pid: pid))
        case .gaveUp(let name, let cause):
            guard let process = ProcessName(rawValue: name) else { return }
            if process == .agent { routers = [] }
            learn(.gaveUp(process, cause: cause))
        case .startedElsewhere(let name): wish(name, "started") { .start($0) }
        case .stoppedElsewhere(let name): wish(name, "stopped") { .stop($0) }
        case .restartedElsewhere(let name): wish(name, "restarted") { .restart($0) }
        case .reloaded(let name, let succeeded, let reason):
            guard let process = ProcessName(rawValue: name) else { return }
            finishReload(of: process, succeeded: succeeded, text: reason)
        }
    }

    /// A process that systemd started by itself is ready, though the engine did not wait for one.
    private func learnReady(_ name: ProcessName) {
        guard let process = engine.process(name) else { return }
        switch process.state {
        case .backoff, .fatal, .exited: learn(.found(name, pid: process.pid ?? 0))
        case .starting, .running, .stopping, .stopped, .unknown: learn(.ready(name))
        }
    }

    /// What systemctl did behind the supervisor's back is what an operator wants.
    private func wish(_ name: String, _ word: String, _ request: (ProcessName) -> OperatorRequest) {
        guard let process = ProcessName(rawValue: name) else { return }
        record(
            JournalEntry(
                incident: engine.incident,
                event: "\(SystemdManager.unit(of: name)) is being \(word) through systemd",
                decision: "as an operator's wish",
                reason: "nobody asked for it here"
            )
        )
        let request = request(process)
        if request != .stop(process) { manager.clearStartLimit(of: process) }
        learn(.request(request))
    }

    /// What the services write goes where the supervisor's own log goes; what nobody reads is lost.
    private func passOn(_ bytes: [UInt8]) {
        var request = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&request, 1, 0) == 1 else { return }
        _ = unsafe bytes.withUnsafeBytes { raw in
            unsafe write(STDERR_FILENO, raw.baseAddress, raw.count)
        }
    }

    func hear(_ event: PeerLink<AgentToSupervisor, SupervisorToAgent>.Event) {
        switch event {
        case .lost(let reason):
            let fields = LogFields(incident: engine.incident, process: "agent")
            log.line(.notice, "the link to the agent has ended: \(reason)", fields)
            // The next agent starts with the file that this one did not come to judge.
            agentJudged(accepted: true)
        case .frame(let frame): hear(frame.message, of: frame.incident)
        }
    }

    private func hear(_ message: AgentToSupervisor, of incident: IncidentID) {
        switch message {
        case .hello: break
        case .router(let report):
            if let index = routers.firstIndex(where: { $0.name == report.name }) {
                routers[index] = report
            } else {
                routers.append(report)
            }
            learn(.router(name: report.name, state: report.state))
        case .transition(let change):
            if let index = routers.firstIndex(where: { $0.name == change.router }) {
                routers[index].state = change.to
                routers[index].since = Clock.wall
            }
            record(
                JournalEntry(
                    incident: incident == .none ? engine.incident : incident,
                    event: "\(change.router): \(change.from.name) to \(change.to.name)",
                    decision: "the agent's",
                    reason: change.reason
                ),
                LogFields(
                    incident: incident == .none ? engine.incident : incident,
                    instance: change.router,
                    state: change.to.name,
                    process: "agent"
                )
            )
            learn(.router(name: change.router, state: change.to))
        case .peerHeard(_, _, let priority): learn(.peerHeard(priority: priority))
        case .reloadFinished(let succeeded, let text):
            agentJudged(accepted: succeeded)
            finishReload(of: .agent, succeeded: succeeded, text: text)
        case .routerRemoved(let name):
            routers.removeAll { $0.name == name }
            learn(.routerRemoved(name: name))
        case .detail(let client, let detail): pass(.detail(detail), to: client)
        case .rows(let client, let rows): pass(.rows(rows), to: client)
        case .described(let client): finishDescription(for: client)
        case .noted(let subject, let event, let decision, let reason):
            let incident = incident == .none ? engine.incident : incident
            record(
                JournalEntry(
                    incident: incident,
                    event: "\(subject): \(event)",
                    decision: decision,
                    reason: reason
                ),
                LogFields(incident: incident, instance: subject, process: "agent")
            )
        }
    }

    func hear(_ event: PeerLink<ProxyToSupervisor, SupervisorToProxy>.Event) {
        switch event {
        case .lost(let reason):
            let fields = LogFields(incident: engine.incident, process: "proxy")
            log.line(.notice, "the link to the proxy has ended: \(reason)", fields)
        case .frame(let frame): hear(frame.message)
        }
    }

    private func hear(_ message: ProxyToSupervisor) {
        switch message {
        case .hello: break
        case .beat(let beat):
            learn(.beat(turns: beat.turns, sessions: Int(clamping: beat.sessions)))
        case .health(let health):
            learn(
                .servers(
                    ServerCensus(
                        usable: Int(health.usableServers),
                        total: Int(health.servers),
                        proxies: Int(health.proxies),
                        proxiesWithoutServer: Int(health.proxiesWithoutServer)
                    )
                )
            )
        case .reloadFinished(let succeeded, let text):
            finishReload(of: .proxy, succeeded: succeeded, text: text)
        case .refreshFinished(let usable): learn(.refreshFinished(usableServers: Int(usable)))
        case .stopping: learn(.proxyEnding)
        case .draining(let sessions, let limit):
            learn(.proxyDraining(sessions: Int(clamping: sessions), limit: limit))
        case .proxy(let client, let report): pass(.proxy(report), to: client)
        case .traffic(let client, let report): pass(.traffic(report), to: client)
        case .described(let client, let next, let found):
            continueDescription(for: client, from: next, found: found)
        }
    }
}
