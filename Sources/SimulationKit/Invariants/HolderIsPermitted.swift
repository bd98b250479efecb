import Primitives

extension World {
    /// Watchdog, beat and restart of a supervisor, and then the master-down interval of a peer that hears a
    /// last resort: nothing may take longer than this to move the address.
    package static func longestUnfitHolding(interval: Duration) -> Duration {
        interval * 3 + .seconds(3)
    }

    /// A node whose proxy can't serve does not keep the address from a node that is well.
    func holderIsPermitted(_ host: HostName) -> Violation? {
        let limit = Self.longestUnfitHolding(interval: settings.advertisementInterval)
        guard let unfitSince = observations.unfitSince[host.rawValue],
            let fitSince = observations.fitSince[host.other.rawValue],
            max(unfitSince, fitSince) + limit < now,
            network.isCalm(for: limit, at: now),
            vitals[host.rawValue].heldUntil(at: now) != nil
        else { return nil }
        return Violation(
            invariant: .holderIsPermitted,
            text: "\(host) has the address, its proxy has not served for "
                + "\((now - unfitSince).milliseconds) ms, and \(host.other) has been well for "
                + "\((now - fitSince).milliseconds) ms"
        )
    }
}
