import Primitives

/// RFC 3768 §6.4.3: MASTER.
extension VirtualRouter {
    /// RFC 3768 §6.4.2: the advertisement first. The claim and the gratuitous ARP follow `claimDelay` later.
    mutating func becomeActive(
        from visible: VisibleState? = nil,
        because reason: RouterTransition.Reason,
        at now: Instant
    ) -> [RouterEffect] {
        counters.becameActive &+= 1
        let active = Active(
            advertisedAt: now,
            advertiseAt: now + settings.advertisementInterval,
            claimAt: now + Self.claimDelay,
            renewedAt: now,
            announcedAt: now
        )
        return send(priority: effectivePriority)
            + move(to: .active(active), from: visible, because: reason, at: now)
    }

    /// Takes the addresses away from a MASTER that has not advertised for two intervals: its loop stood
    /// still or its machine was paused, the kernel may have dropped the addresses, and a peer may have
    /// them. It happens before the event that woke the router, so that nothing is renewed or advertised by
    /// a node that someone else has replaced.
    mutating func deposeIfStalled(at now: Instant) -> [RouterEffect] {
        guard case .active(let active) = state,
            now > active.advertisedAt + settings.advertisementInterval * 2
        else { return [] }
        counters.stalls &+= 1
        return [.releaseAddresses]
            + move(
                to: .backup(freshBackup(at: now)),
                because: .stalled(now - active.advertisedAt),
                at: now
            )
    }

    /// Whatever is due, in the order that the kernel and the LAN should see it.
    mutating func timersFired(_ active: Active, at now: Instant) -> [RouterEffect] {
        var active = active
        var effects: [RouterEffect] = []
        if let claimAt = active.claimAt, claimAt <= now {
            effects += claim(&active, at: now)
        }
        let advertises = active.advertiseAt <= now
        if advertises || isDue(active.renewAt, at: now) {
            effects += renew(&active, at: now)
        }
        if advertises {
            effects += advertise(&active, at: now)
        }
        if isDue(active.announceAt, at: now) || isDue(active.refreshAt, at: now) {
            effects += announce(&active, at: now)
        }
        state = .active(active)
        return effects
    }

    private func isDue(_ deadline: Instant?, at now: Instant) -> Bool {
        deadline.map { $0 <= now } ?? false
    }

    mutating func hear(
        _ advertisement: Advertisement,
        from sender: IPAddress,
        as active: Active,
        at now: Instant
    ) -> [RouterEffect] {
        guard sender != source else { return [] }
        counters.advertisementsReceived &+= 1
        var active = active
        // RFC 3768 §6.4.3: someone gives up; the others have to hear that there is a MASTER.
        guard advertisement.priority > 0 else {
            counters.priorityZeroReceived &+= 1
            let effects = answer(&active, at: now)
            state = .active(active)
            return effects
        }
        heard = HeardMaster(address: sender, priority: advertisement.priority, at: now)
        let noted = noteAddressList(of: advertisement, from: sender)
        let isHigher =
            advertisement.priority > effectivePriority
            || (advertisement.priority == effectivePriority && source.map { sender > $0 } ?? true)
        // RFC 3768 §6.4.3: the rival wins.
        guard !isHigher else {
            return noted + [.releaseAddresses]
                + move(
                    to: .backup(freshBackup(at: now)),
                    because: .higherPriority(advertisement.priority, sender),
                    at: now
                )
        }
        // RFC 9568 §6.4.3: the rival loses; it and the neighbours are told so.
        var effects = noted
        if active.notedRival != sender {
            active.notedRival = sender
            effects.append(.note(.rivalHeard(advertisement.priority, sender)))
        }
        effects += answer(&active, at: now)
        effects += announceSoon(&active, at: now)
        state = .active(active)
        return effects
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

    /// Puts back at once what someone deleted; giving the address up for it would cost an outage.
    mutating func restore(
        _ address: VirtualAddress,
        _ active: Active,
        at now: Instant
    ) -> [RouterEffect] {
        guard active.hasClaimed, settings.addresses.contains(address) else { return [] }
        var active = active
        counters.addressesRestored &+= 1
        let effects: [RouterEffect] =
            [.restoreAddress(address)] + announceSoon(&active, at: now)
            + [.note(.addressRestored(address))]
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
        if priority == 0 { counters.priorityZeroSent &+= 1 }
        return [.advertise(priority: priority)]
    }

    private mutating func advertise(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        active.advertisedAt = now
        active.advertiseAt = now + settings.advertisementInterval
        return send(priority: effectivePriority)
    }

    /// At once, or as soon as the last advertisement is `answerSpacing` old.
    private mutating func answer(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        let earliest = active.advertisedAt + Self.answerSpacing
        guard now >= earliest else {
            active.advertiseAt = min(active.advertiseAt, earliest)
            return []
        }
        return renew(&active, at: now) + advertise(&active, at: now)
    }

    func claim(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        active.claimAt = nil
        active.renewedAt = now
        scheduleRenewal(&active, at: now)
        let effects: [RouterEffect] = [.claimAddresses] + announce(&active, at: now)
        if settings.secondBurstDelay > .zero {
            active.announceAt = now + settings.secondBurstDelay
        }
        return effects
    }

    /// Addresses that outlived their lifetime are gone: renewing them puts them back, so the neighbours
    /// are told as after a claim.
    private func renew(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        guard active.hasClaimed, settings.addressLifetime > .zero else { return [] }
        let expired = now - active.renewedAt >= settings.addressLifetime
        active.renewedAt = now
        scheduleRenewal(&active, at: now)
        return expired
            ? [.claimAddresses] + announce(&active, at: now)
            : [.renewAddresses]
    }

    func scheduleRenewal(_ active: inout Active, at now: Instant) {
        let period = min(settings.addressLifetime / 2, Self.longestRenewal)
        active.renewAt = settings.addressLifetime > .zero ? now + period : nil
    }

    private func announce(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        active.announcedAt = now
        active.announceAt = nil
        active.refreshAt =
            settings.announcementRefresh > .zero ? now + settings.announcementRefresh : nil
        return [.announceOwnership]
    }

    private func announceSoon(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        guard active.hasClaimed else { return [] }
        let earliest = active.announcedAt + Self.announcementSpacing
        guard now >= earliest else {
            active.announceAt = min(active.announceAt ?? earliest, earliest)
            return []
        }
        return announce(&active, at: now)
    }
}
