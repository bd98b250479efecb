package import Primitives
import VRRP

/// One node: its kernel and its three processes.
package struct SimulatedHost: Equatable, Sendable {
    package enum Condition: Equatable, Sendable {
        case on
        /// The hypervisor does not run it.
        case paused(since: Instant)
        case off
    }

    package internal(set) var condition: Condition = .off
    package internal(set) var kernel = SimulatedKernel()
    package internal(set) var agent: SimulatedAgent
    package internal(set) var proxy = SimulatedProxy()
    package internal(set) var supervisor = SimulatedSupervisor()
    /// The user's own script fails.
    var extraCheckFails = false
    /// `tandemctl stop proxy` was said last, not `start proxy`.
    var isStoppedByOperator = false

    init(settings: RouterSettings) {
        agent = SimulatedAgent(settings: settings)
    }

    package var isOn: Bool { condition == .on }

    /// False as well if the node is not there to answer for its address.
    package func holds(at now: Instant) -> Bool { isOn && kernel.holds(at: now) }
}
