import Primitives

/// What every step asks of a host, taken together once a step: a host is a large value, and a sweep asks
/// millions of times.
struct HostVitals: Equatable, Sendable {
    private(set) var isOn = false
    /// When the address goes away by itself, whether or not the host is there to answer for it.
    private(set) var addressUntil: Instant?
    private(set) var agentRuns = false
    private(set) var supervisorRuns = false
    private(set) var proxyServes = false
    private(set) var hasServers = true
    private(set) var isStoppedByOperator = false
    private(set) var agentWakeAt: Instant?
    private(set) var supervisorWakeAt: Instant?
    private(set) var inboxCount = 0

    init() {}

    init(of host: SimulatedHost, at now: Instant) {
        isOn = host.isOn
        addressUntil = host.kernel.heldUntil(at: now)
        agentRuns = host.agent.condition == .running
        supervisorRuns = host.supervisor.isRunning
        proxyServes = host.proxy.serves
        hasServers = host.proxy.hasServers
        isStoppedByOperator = host.isStoppedByOperator
        agentWakeAt = host.agent.wakeAt
        supervisorWakeAt = host.supervisor.wakeAt
        inboxCount = host.agent.inboxCount
    }

    /// Whether nothing at all is wrong with the node.
    var isFit: Bool {
        isOn && agentRuns && supervisorRuns && proxyServes && hasServers
            && !isStoppedByOperator
    }

    func heldUntil(at now: Instant) -> Instant? {
        guard isOn, let addressUntil, addressUntil > now else { return nil }
        return addressUntil
    }
}

extension World {
    mutating func takeVitals() {
        for index in hosts.indices { vitals[index] = HostVitals(of: hosts[index], at: now) }
    }
}
