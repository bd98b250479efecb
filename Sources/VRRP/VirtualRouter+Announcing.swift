import Primitives

/// Gratuitous ARP and unsolicited neighbour advertisements (RFC 9568 §6.4.1, keepalived.conf(5) `garp_*`).
extension VirtualRouter {
    /// After a claim: a burst, and a second one for neighbours that missed it.
    func announceTakeover(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        let count = settings.announcementsPerBurst
        let effects = announce(&active, count: count, at: now)
        active.secondBurst = burst(of: count, after: settings.secondBurstDelay, at: now)
        return effects
    }

    func announceWhatIsDue(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        if isDue(active.announceAt, at: now) {
            return announceAnswer(&active, at: now)
        }
        if let burst = active.secondBurst, burst.at <= now {
            active.secondBurst = nil
            return announce(&active, count: burst.count, at: now)
        }
        guard isDue(active.refreshAt, at: now) else { return [] }
        return announce(&active, count: settings.announcementsPerRefresh, at: now)
    }

    /// After a rival, whose announcements the neighbours may have believed.
    func announceToRivalsNeighbours(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        announceSoon(&active, count: answerCount, at: now)
    }

    /// What answers something from outside goes out at once, or when the last announcement is
    /// `announcementSpacing` old.
    func announceSoon(
        _ active: inout Active,
        count: Int,
        at now: Instant
    ) -> [RouterEffect] {
        guard active.hasClaimed, count > 0 else { return [] }
        let earliest = active.announcedAt + Self.announcementSpacing
        guard now >= earliest else {
            active.announceAt = min(active.announceAt ?? earliest, earliest)
            return []
        }
        return announceAnswer(&active, count: count, at: now)
    }

    func announce(
        _ active: inout Active,
        count: Int,
        at now: Instant
    ) -> [RouterEffect] {
        active.announcedAt = now
        active.announceAt = nil
        active.refreshAt =
            settings.announcementRefresh > .zero ? now + settings.announcementRefresh : nil
        return [.announceOwnership(count: max(count, 1))]
    }

    var answerCount: Int {
        settings.announcementsPerAnswer ?? settings.announcementsPerBurst
    }

    private func announceAnswer(
        _ active: inout Active,
        count: Int? = nil,
        at now: Instant
    ) -> [RouterEffect] {
        let count = count ?? max(answerCount, 1)
        let effects = announce(&active, count: count, at: now)
        let delay = settings.secondAnswerDelay ?? settings.secondBurstDelay
        active.secondBurst = burst(of: count, after: delay, at: now)
        return effects
    }

    private func burst(of count: Int, after delay: Duration, at now: Instant) -> Burst? {
        delay > .zero ? Burst(at: now + delay, count: count) : nil
    }
}
