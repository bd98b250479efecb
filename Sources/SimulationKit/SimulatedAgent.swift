import Primitives
package import VRRP

/// `tandem-agent` on one node: a virtual router, the ledger of leases, and what its sockets hold while it
/// does not run.
package struct SimulatedAgent: Equatable, Sendable {
    package enum Condition: Equatable, Sendable {
        case running
        /// SIGSTOP: its sockets fill.
        case stopped
        case dead
    }

    enum Input: Equatable, Sendable {
        case router(RouterEvent)
        case lease(Duration, Standing, proxyHealthy: Bool)
    }

    /// What a socket's buffer holds for a process that does not read.
    package static let inboxLimit = 128

    /// Silence towards the service manager that gets it killed.
    package static let watchdog: Duration = .seconds(8)

    package internal(set) var condition: Condition = .dead
    package internal(set) var router: VirtualRouter
    package internal(set) var ledger: LeaseLedger
    var inbox = BoundedQueue<Input>(limit: inboxLimit)
    /// When the loop turns next by itself.
    var wakeAt: Instant?
    /// The answer of the proxy check that the router was told last.
    var proxyAnswer: Bool?
    /// Which life of the process this is; messages to an earlier one are lost.
    var life = 0
    /// Set when it is going to be killed in the middle of a turn: after so many effects.
    var effectsLeft: Int?
    /// For the mutant whose clock does not count the time that it stood still.
    var stoppedAt: Instant?
    var clockLag: Duration = .zero

    init(settings: RouterSettings) {
        router = VirtualRouter(settings: settings)
        ledger = LeaseLedger(grace: .zero, supervised: false, at: .zero)
    }

    package var inboxCount: Int { inbox.count }

    /// When the earliest of its machines wants to be called.
    var nextDeadline: Instant? {
        switch (router.nextDeadline, ledger.nextDeadline) {
        case (let first?, let second?): min(first, second)
        case (let one, nil), (nil, let one): one
        }
    }
}
