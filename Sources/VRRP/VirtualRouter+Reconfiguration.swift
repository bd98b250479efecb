import Primitives

/// A reload, which a MASTER survives as MASTER (keepalived.conf(5) says what makes a router another one).
extension VirtualRouter {
    mutating func reconfigure(_ new: RouterSettings, at now: Instant) -> [RouterEffect] {
        let old = settings
        guard new != old else { return [] }
        // What is kept of an earlier life is that configuration's.
        let given: [RouterEffect] =
            remnant == nil || old.heldAddresses == new.heldAddresses
            ? [] : old.heldAddresses.map { .releaseAddress($0) }
        if !given.isEmpty { remnant = nil }
        let effects =
            given
            + reconsider(at: now) { router in
                router.settings = new
                router.carryOutcomesOver(from: old)
            }
        switch state {
        case .initialize: return effects
        case .backup(var backup):
            let isTimed =
                old.advertisementInterval != new.advertisementInterval
                || old.downTimerAdvertisements != new.downTimerAdvertisements
            guard isTimed || backup.wantsActive != nil, backup.holdUntil == nil else {
                return effects
            }
            backup.wantsActive = nil
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
        let (before, after) = (old.heldAddresses, settings.heldAddresses)
        // Adopted ones are there before they are claimed.
        var effects: [RouterEffect] =
            before.filter { !after.contains($0) }.map { .releaseAddress($0) }
        if active.hasClaimed {
            if after.contains(where: { !before.contains($0) }) {
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
