package import VRRP

/// What happened, as the shell saw it.
package enum Fact: Equatable, Sendable {
    /// The supervisor begins; this process runs already, with this pid.
    case found(ProcessName, pid: Int32)
    /// The supervisor begins; this process does not run.
    case absent(ProcessName)
    /// The supervisor begins; an operator stopped this process before.
    case foundStopped(ProcessName)
    case started(ProcessName, pid: Int32)
    /// It could not be executed at all.
    case startFailed(ProcessName, reason: String)
    /// `READY=1`.
    case ready(ProcessName)
    /// It ended; `cause` is a phrase such as `killed by SIGKILL`.
    case exited(ProcessName, cause: String)
    /// It ended, and whoever runs it does not start it again unless asked: systemd's start limit is spent.
    case gaveUp(ProcessName, cause: String)
    /// It was silent towards the service manager for longer than its watchdog allows.
    case watchdogExpired(ProcessName)

    /// `turns` of the slowest event loop of the proxy.
    case beat(turns: UInt64, sessions: Int = 0)
    /// It has begun to stop, and ends within milliseconds.
    case proxyEnding
    /// It takes no new connections and waits for those that it has.
    case proxyDraining(sessions: Int, limit: Duration)
    case servers(ServerCensus)
    case refreshFinished(usableServers: Int)
    case agentConnected
    /// The state of one virtual router; also sent when nothing changed.
    case router(name: String, state: VisibleState)
    case routerRemoved(name: String)
    /// A MASTER other than this node; priority 1 is a last resort, which wants nobody to step down for it.
    case peerHeard(priority: UInt8)

    case request(OperatorRequest)
    case reconfigured(SupervisionSettings)
    /// The supervisor's own loop stood still for so long: what it did not hear meanwhile proves nothing.
    case stalled(Duration)
    case deadline
}

/// How many servers the proxy could use.
package struct ServerCensus: Equatable, Sendable {
    package var usable: Int
    package var total: Int
    package var proxies: Int
    package var proxiesWithoutServer: Int

    package init(usable: Int, total: Int, proxies: Int, proxiesWithoutServer: Int) {
        self.usable = usable
        self.total = total
        self.proxies = proxies
        self.proxiesWithoutServer = proxiesWithoutServer
    }

    /// Every proxy that has servers has none left.
    package var isEmpty: Bool { proxies > 0 && proxiesWithoutServer >= proxies }
}

/// What an operator asks for. `DecisionEngine.refusal(of:)` tells whether it makes sense now.
package enum OperatorRequest: Equatable, Sendable {
    case start(ProcessName)
    case stop(ProcessName)
    case restart(ProcessName)
    case failover
    case reload
    case shutdown
}
