import Primitives
package import Supervision

/// `tandem-supervisor` on one node: the decision engine, and whether it runs. Its service manager outlives
/// it, as systemd does.
package struct SimulatedSupervisor: Equatable, Sendable {
    /// From one process of a node to the other.
    package static let linkDelay: Duration = .microseconds(300)

    /// Nil: it does not run.
    package internal(set) var engine: DecisionEngine?
    var lastLease: SimulatedAgent.Input?
    /// When the loop turns next by itself.
    var wakeAt: Instant?
    /// Which life of the process this is; facts for an earlier one are lost.
    var life = 0

    package var isRunning: Bool { engine != nil }
}
