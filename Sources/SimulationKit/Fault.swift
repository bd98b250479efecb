import Primitives

/// Everything that can go wrong, by name. A fault that lasts has an end, which the plan schedules.
package enum Fault: Equatable, Sendable {
    case packetLoss(percent: Int)
    case packetDelay(Duration)
    case packetReordering(Duration)
    case packetDuplication(percent: Int)
    /// What one node sends does not arrive.
    case oneWayPartition(from: HostName)
    case fullPartition
    /// SIGKILL; its service manager starts it again.
    case agentKilled(HostName)
    /// SIGKILL in the middle of a turn: some of its effects are done, the rest never is.
    case agentKilledMidTurn(HostName)
    /// SIGSTOP; ends with SIGCONT.
    case agentStopped(HostName)
    /// SIGKILL; its service manager starts it again.
    case supervisorKilled(HostName)
    case proxyKilled(HostName)
    /// SIGSTOP, or a loop that does not turn.
    case proxyHung(HostName)
    /// Every start fails, and the running one is killed.
    case proxyUnstartable(HostName)
    /// No server of the node's proxy is usable; ends when they are.
    case serversLost(HostName)
    /// The plug; ends with a boot.
    case powerLoss(HostName)
    /// The hypervisor stops the machine; ends with its resumption.
    case hostPaused(HostName)
    /// `tandemctl stop proxy`; ends with `start proxy`.
    case operatorStop(HostName)
    /// `tandemctl failover`.
    case operatorFailover(HostName)
    /// `ip addr del`.
    case addressDeleted(HostName)
    /// A `vrrp_script` with a weight fails; ends when it succeeds.
    case checkFails(HostName)

    /// Whether it is the LAN that suffers.
    package var isOfTheNetwork: Bool {
        switch self {
        case .packetLoss, .packetDelay, .packetReordering, .packetDuplication, .oneWayPartition,
            .fullPartition:
            true
        case .agentKilled, .agentKilledMidTurn, .agentStopped, .supervisorKilled, .proxyKilled,
            .proxyHung,
            .proxyUnstartable, .serversLost, .powerLoss, .hostPaused, .operatorStop,
            .operatorFailover,
            .addressDeleted, .checkFails:
            false
        }
    }
}
