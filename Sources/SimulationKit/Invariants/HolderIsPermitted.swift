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
            let heldSince = observations.heldSince[host.rawValue],
            let fitSince = observations.fitSince[host.other.rawValue],
            max(unfitSince, heldSince, fitSince) + limit < now,
            network.isCalm(for: limit, at: now)
        else { return nil }
        return Violation(
            invariant: .holderIsPermitted,
            text:
                "\(host) has had the address for \((now - heldSince).milliseconds) ms, its proxy has "
                + "not served for \((now - unfitSince).milliseconds) ms, and \(host.other) has been "
                + "well for \((now - fitSince).milliseconds) ms"
        )
    }
}
