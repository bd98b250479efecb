import Primitives

/// An agent that was killed as MASTER and is back before anyone missed it keeps the addresses.
///
/// Nobody can have replaced it by its silence: the last renewal went out with an advertisement or came
/// less than an interval after one, and a peer waits three intervals and its skew. Whoever replaced it by a
/// higher priority answers its first advertisement before `claimPause` is over, and until then nothing is
/// renewed. `docs/decisions/0010` has the proof.
extension VirtualRouter {
    /// The last moment at which a remnant is as good as new.
    func adoptUntil(_ remnant: Remnant) -> Instant {
        let silence = settings.advertisementInterval * (settings.downTimerAdvertisements - 1)
        return remnant.renewedAt
            + min(
                settings.addressLifetime,
                silence,
                settings.advertisementInterval * 2
            )
    }

    func isAdoptable(_ remnant: Remnant, at now: Instant) -> Bool {
        // A sync group needs the consent of all, which takes longer than the addresses last.
        guard !settings.isGrouped, standing == .full, remnant.renewedAt <= now else {
            return false
        }
        if case .silent = witness { return false }
        return faults.isEmpty && now < adoptUntil(remnant)
    }

    /// What is not worth keeping is released.
    mutating func reviewRemnant(at now: Instant) -> [RouterEffect] {
        guard let remnant, !isAdoptable(remnant, at: now) else { return [] }
        return giveUpRemnant()
    }

    mutating func giveUpRemnant() -> [RouterEffect] {
        guard remnant != nil else { return [] }
        remnant = nil
        return [.releaseAddresses]
    }

    /// A router in Initialize hears nothing (RFC 9568 §6.4.1), but that there is another MASTER.
    mutating func hearInInitialize(
        _ advertisement: Advertisement,
        from sender: IPAddress
    ) -> [RouterEffect] {
        guard sender != source, advertisement.priority > 0 else { return [] }
        return giveUpRemnant()
    }
}
