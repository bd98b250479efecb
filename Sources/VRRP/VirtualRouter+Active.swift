import Primitives

/// RFC 3768 §6.4.3: MASTER.
extension VirtualRouter {
    /// RFC 3768 §6.4.2: the advertisement first. The claim and the gratuitous ARP follow `claimPause` later.
    mutating func becomeActive(
        from visible: VisibleState? = nil,
        because reason: RouterTransition.Reason,
        at now: Instant
    ) -> [RouterEffect] {
        counters.becameActive &+= 1
        learnedInterval = nil
        let active = Active(
            advertisedAt: now,
            advertiseAt: now + settings.advertisementInterval,
            claimAt: now + claimPause,
            renewedAt: now,
            announcedAt: now,
            isolatedAt: isolationDeadline(at: now)
        )
        return send(priority: effectivePriority)
            + move(to: .active(active), from: visible, because: reason, at: now)
    }

    /// Takes the addresses away from a MASTER that has not advertised for `silenceLimit`: its loop stood
    /// still or its machine was paused, the kernel may have dropped the addresses, and a peer may have
    /// them. It happens before the event that woke the router, so that nothing is renewed or advertised by
    /// a node that someone else has replaced.
    mutating func deposeIfStalled(at now: Instant) -> [RouterEffect] {
        guard case .active(let active) = state,
            now > active.advertisedAt + silenceLimit
        else { return [] }
        return depose(after: now - active.advertisedAt, at: now)
    }

    /// Someone else may be MASTER by now.
    mutating func depose(after silence: Duration, at now: Instant) -> [RouterEffect] {
        counters.stalls &+= 1
        return [.releaseAddresses]
            + move(to: .backup(freshBackup(at: now)), because: .stalled(silence), at: now)
    }

    /// Nobody claims what nobody heard of: the claim waits for an advertisement that leaves, and the next one is
    /// tried soon, for the addresses are perhaps on no node. Once they are claimed, the next interval is soon enough.
    mutating func postpone(_ active: Active, at now: Instant) -> [RouterEffect] {
        var active = active
        let again = now + settings.advertisementInterval / 4
        if active.hasClaimed {
            // Peers, and the guard, are waiting for it already.
            active.advertiseAt = min(active.advertiseAt, again)
        } else {
            active.advertiseAt = again
            active.claimAt = .distantFuture
        }
        state = .active(active)
        return []
    }

    /// Whatever is due, in the order that the kernel and the LAN should see it.
    mutating func timersFired(_ active: Active, at now: Instant) -> [RouterEffect] {
        if isDue(active.isolatedAt, at: now) { return letGoIsolated(at: now) }
        var active = active
        var effects: [RouterEffect] = []
        let advertises = active.advertiseAt <= now
        // Claims, renewals and announcements take longer than a word, and other routers have theirs to say first.
        if advertises, settings.advertisementInterval < Self.shortInterval {
            effects = advertise(&active, at: now)
            if active.renewAt != nil, !isFresh(active, at: now) { active.renewAt = now }
            active.postponeWhatIsDue(at: now, until: now + settings.advertisementInterval / 8)
            state = .active(active)
            return effects
        }
        if let claimAt = active.claimAt, claimAt <= now {
            effects += claim(&active, at: now)
        }
        if advertises || isDue(active.renewAt, at: now) {
            effects += renewUnlessFresh(&active, at: now)
        }
        if advertises {
            effects += advertise(&active, at: now)
        }
        effects += announceWhatIsDue(&active, at: now)
        state = .active(active)
        return effects
    }

    func isDue(_ deadline: Instant?, at now: Instant) -> Bool {
        deadline.map { $0 <= now } ?? false
    }

    /// The design's order: the addresses are gone before anyone hears that they are free.
    mutating func stepDown(
        _ reason: StepDownReason,
        hold: Duration?,
        at now: Instant
    ) -> [RouterEffect] {
        var backup = freshBackup(at: now)
        if let hold, hold > .zero { backup.holdUntil = now + hold }
        return [.releaseAddresses] + send(priority: 0)
            + move(to: .backup(backup), because: .stepDown(reason), at: now)
    }

    /// Puts back at once what someone deleted; giving the addresses up for it would cost an outage.
    mutating func restore(
        _ addresses: [VirtualAddress],
        _ active: Active,
        at now: Instant
    ) -> [RouterEffect] {
        let held = Set(settings.heldAddresses)
        let lost = addresses.filter { $0.isTracked && held.contains($0) }
        guard active.hasClaimed, !lost.isEmpty else { return [] }
        var active = active
        counters.addressesRestored &+= UInt64(lost.count)
        let effects: [RouterEffect] =
            [.restoreAddresses(lost)]
            + announceSoon(&active, count: settings.announcementsPerBurst, at: now)
            + lost.map { .note(.addressRestored($0)) }
        state = .active(active)
        return effects
    }

    /// Something that is advertised has changed.
    mutating func advertiseNow(at now: Instant) -> [RouterEffect] {
        guard case .active(var active) = state else { return [] }
        let effects = renew(&active, at: now) + advertise(&active, at: now)
        state = .active(active)
        return effects
    }

    mutating func send(priority: UInt8) -> [RouterEffect] {
        counters.advertisementsSent &+= 1
        guard priority == 0 else { return [.advertise(priority: priority)] }
        counters.priorityZeroSent &+= 1
        return [.advertise(priority: 0)] + releaseToDeaf()
    }

    /// A timer that was read a little late does not make the next interval longer.
    mutating func advertise(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        let interval = settings.advertisementInterval
        active.advertiseAt =
            active.advertiseAt <= now
            ? max(active.advertiseAt + interval, now + interval / 2) : now + interval
        active.advertisedAt = now
        if active.claimAt == .distantFuture { active.claimAt = now + claimPause }
        return send(priority: effectivePriority) + tellDeaf(&active, at: now)
    }

    func claim(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        active.claimAt = nil
        active.renewedAt = now
        scheduleRenewal(&active, at: now)
        return [.claimAddresses] + announceTakeover(&active, at: now)
    }

    /// A netlink transaction for each answer to a rival that floods, or every 10 ms, is of no use: a lifetime of
    /// whole seconds has most of itself left. `renewAt` is always further away than this.
    func renewUnlessFresh(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        isFresh(active, at: now) ? [] : renew(&active, at: now)
    }

    private func isFresh(_ active: Active, at now: Instant) -> Bool {
        now < active.renewedAt + min(settings.addressLifetime / 2, Self.longestRenewal) / 2
    }

    /// Addresses that outlived their lifetime are gone: renewing them puts them back, so the neighbours
    /// are told as after a claim.
    func renew(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        guard active.hasClaimed, settings.addressLifetime > .zero else { return [] }
        let expired = now - active.renewedAt >= settings.addressLifetime
        active.renewedAt = now
        scheduleRenewal(&active, at: now)
        return expired
            ? [.claimAddresses]
                + announce(&active, count: settings.announcementsPerBurst, at: now)
            : [.renewAddresses]
    }

    func scheduleRenewal(_ active: inout Active, at now: Instant) {
        let period = min(settings.addressLifetime / 2, Self.longestRenewal)
        active.renewAt = settings.addressLifetime > .zero ? now + period : nil
    }
}
