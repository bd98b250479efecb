package import Primitives

/// What the supervisor lent this node last, and what becomes of it when no more comes.
///
/// The supervisor lends standing and the proxy's health for a short time. When neither the lease itself
/// nor `grace` since it was read lasts any longer, the node stands as a last resort and the proxy counts
/// as failed: it keeps the addresses only while nobody better wants them. A node that never had a
/// supervisor stands by its own checks alone.
package struct LeaseLedger: Equatable, Sendable {
    package enum Event: Equatable, Sendable {
        /// A lease was read: it lasts until then.
        case lease(until: Instant, standing: Standing, proxyHealthy: Bool)
        /// `nextDeadline` has come.
        case deadline
        /// The configuration was read anew: `lease_grace`.
        case grace(Duration)
    }

    private struct Lease: Equatable, Sendable {
        var standing: Standing
        var proxyHealthy: Bool
    }

    package private(set) var grace: Duration
    private var lease: Lease?
    /// When the lease, or the wait for the first one, began and ends; nil: nobody is expected.
    private var heardAt: Instant?
    private var lentUntil: Instant = .zero
    private var hasLapsed = false

    /// `supervised`: a supervisor belongs to this node, and its first lease is awaited for `grace`.
    /// Without one the node becomes supervised by the first lease that it reads.
    package init(grace: Duration, supervised: Bool, at now: Instant) {
        self.grace = grace
        heardAt = supervised ? now : nil
    }

    package var isSupervised: Bool { heardAt != nil }

    package var standing: Standing {
        hasLapsed ? .lastResort : lease?.standing ?? .full
    }

    /// The answer for scripts that only ask whether a process named haproxy exists; nil: nobody has said
    /// yet, or nobody ever will.
    package var proxyIsHealthy: Bool? {
        hasLapsed ? false : lease?.proxyHealthy
    }

    /// When silence begins to count.
    package var nextDeadline: Instant? {
        guard let heardAt, !hasLapsed else { return nil }
        return max(lentUntil, heardAt + grace)
    }

    /// Returns what every router of the node has to be told, which is a change of standing or nothing.
    package mutating func handle(_ event: Event, at now: Instant) -> [RouterEvent] {
        let before = standing
        switch event {
        case .lease(let until, let standing, let proxyHealthy):
            lease = Lease(standing: standing, proxyHealthy: proxyHealthy)
            heardAt = now
            lentUntil = until
            hasLapsed = false
        case .deadline: break
        case .grace(let grace): self.grace = grace
        }
        if let nextDeadline, nextDeadline <= now { hasLapsed = true }
        return standing == before ? [] : [.standing(standing)]
    }
}
