import Primitives

/// A reload, which a MASTER survives as MASTER (keepalived.conf(5) says what makes a router another one).
extension VirtualRouter {
    mutating func reconfigure(_ new: RouterSettings, at now: Instant) -> [RouterEffect] {
        let old = settings
        guard new != old else { return [] }
        let effects = reconsider(at: now) { router in
            router.settings = new
            router.carryOutcomesOver(from: old)
        }
        switch state {
        case .initialize: return effects
        case .backup(var backup):
            guard old.advertisementInterval != new.advertisementInterval else { return effects }
            setTimer(of: &backup, at: now)
            state = .backup(backup)
            return effects
        case .active: return effects + applyToAddresses(old: old, at: now)
        }
    }

    /// Checks keep what they have said; a new one is taken to be well until it says otherwise.
    private mutating func carryOutcomesOver(from old: RouterSettings) {
        var kept: [Track.Subject: TrackOutcome] = [:]
        for track in settings.tracks {
            let wasTracked = old.tracks.contains { $0.subject == track.subject }
            kept[track.subject] = wasTracked ? outcomes[track.subject] : .succeeded
        }
        outcomes = kept
    }

    /// Removes what is gone, claims what is new, and advertises at once.
    private mutating func applyToAddresses(
        old: RouterSettings,
        at now: Instant
    ) -> [RouterEffect] {
        guard case .active(var active) = state else { return [] }
        var effects: [RouterEffect] = []
        if active.hasClaimed {
            effects += old.addresses.filter { !settings.addresses.contains($0) }
                .map { .releaseAddress($0) }
            if settings.addresses.contains(where: { !old.addresses.contains($0) }) {
                effects += claim(&active, at: now)
            } else if old.addressLifetime != settings.addressLifetime {
                active.renewedAt = now
                scheduleRenewal(&active, at: now)
                effects.append(.renewAddresses)
            }
        }
        state = .active(active)
        let hasAdvertised = active.advertisedAt == now
        return hasAdvertised ? effects : effects + advertiseNow(at: now)
    }
}
