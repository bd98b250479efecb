import Primitives

extension World {
    /// One takeover by whoever is there, one by whoever is better once it has recovered, and one more for
    /// a MASTER that gave up for a peer that did not come.
    package static let mostTakeoversInPeace = 3

    /// The address does not wander while nothing goes wrong.
    func noFlapping() -> Violation? {
        guard observations.takeoversInPeace > Self.mostTakeoversInPeace else { return nil }
        return Violation(
            invariant: .noFlapping,
            text: "\(observations.takeoversInPeace) takeovers since the last fault, "
                + "\((now - observations.lastFault).milliseconds) ms ago"
        )
    }
}
