import Glibc
import LinuxIO
import Logging
import Messages
import Primitives
import ServiceManager
import Supervision
import VRRP

/// What the services, the agent and the proxy say, as facts.
extension Supervisor {
    func hear(_ event: ServiceEvent) {
        switch event {
        case .ready(let name):
            guard let process = ProcessName(rawValue: name) else { return }
            // It listens before it says that it is ready.
            if process == .agent { agent.retryAtOnce() } else { proxy.retryAtOnce() }
            learn(.ready(process))
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
        }
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
        case .lost(let reason): log.notice("the link to the agent has ended: \(reason)")
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
                )
            )
            learn(.router(name: change.router, state: change.to))
        case .peerHeard(_, _, let priority): learn(.peerHeard(priority: priority))
        case .reloadFinished(let succeeded, let text):
            finishReload(of: .agent, succeeded: succeeded, text: text)
        case .routerRemoved(let name):
            routers.removeAll { $0.name == name }
            learn(.routerRemoved(name: name))
        }
    }

    func hear(_ event: PeerLink<ProxyToSupervisor, SupervisorToProxy>.Event) {
        switch event {
        case .lost(let reason): log.notice("the link to the proxy has ended: \(reason)")
        case .frame(let frame): hear(frame.message)
        }
    }

    private func hear(_ message: ProxyToSupervisor) {
        switch message {
        case .hello: break
        case .beat(let beat): learn(.beat(turns: beat.turns))
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
        case .stopping: break
        }
    }
}
