import Primitives

/// RFC 3768 §6.4.2: BACKUP.
extension VirtualRouter {
    func freshBackup(at now: Instant) -> Backup {
        var backup = Backup(activeDownAt: now, preemptFrom: now)
        setTimer(of: &backup, at: now)
        return backup
    }

    /// Master_Down_Timer := Master_Down_Interval.
    func setTimer(of backup: inout Backup, at now: Instant) {
        backup.activeDownAt = now + activeDownInterval
        backup.preemptFrom =
            now + (activeInterval * (settings.downTimerAdvertisements - 1) + skewTime)
        backup.hasWaitedOnceMore = false
    }

    /// Nobody was heard for the whole interval, or a hold is over.
    mutating func timerFired(_ backup: Backup, at now: Instant) -> [RouterEffect] {
        var backup = backup
        if let holdUntil = backup.holdUntil {
            guard holdUntil <= now else { return [] }
            backup.holdUntil = nil
            setTimer(of: &backup, at: now)
            state = .backup(backup)
            return []
        }
        guard backup.activeDownAt <= now else { return [] }
        guard !isLate(backup, at: now) else {
            let effects = waitOnceMore(&backup, at: now)
            state = .backup(backup)
            return effects
        }
        // Neither preempted nor heard again: whether it died is found out as with any MASTER.
        // A MASTER of version 3 with a longer interval than ours has its addresses for longer, too.
        if let lower = backup.preempting {
            let interval = max(activeInterval, backup.preemptingInterval)
            let deadAt = lower.at + (interval * settings.downTimerAdvertisements + skewTime)
            backup.activeDownAt = max(backup.activeDownAt, deadAt)
        }
        guard backup.activeDownAt <= now else {
            state = .backup(backup)
            return []
        }
        let reason: RouterTransition.Reason =
            backup.released.map { .masterReleased($0) } ?? .masterDown
        // RFC 9568 §6.4.2, unless this node may be cut off.
        guard witnessPermitsClaim || backup.released != nil else {
            return withhold(backup, at: now)
        }
        return settings.isGrouped
            ? wish(backup, because: reason, at: now)
            : becomeActive(because: reason, at: now)
    }

    /// A loop that stood still heard nobody: what the MASTER said meanwhile is still to be read.
    private func isLate(_ backup: Backup, at now: Instant) -> Bool {
        guard backup.holdUntil == nil else { return false }
        // A loop that is always a little late must not wait for ever: it has listened since.
        let tolerance = backup.hasWaitedOnceMore ? max(tolerance, activeInterval) : tolerance
        return now > backup.activeDownAt + tolerance
    }

    /// One more advertisement, and none of those that waited in the socket: they may be old.
    private func waitOnceMore(_ backup: inout Backup, at now: Instant) -> [RouterEffect] {
        let lateness = now - backup.activeDownAt
        backup.activeDownAt = now + activeInterval + skewTime
        backup.preemptFrom = now + activeInterval / 4
        backup.hasWaitedOnceMore = true
        return [.note(.timerLate(lateness))]
    }

    /// A MASTER of lower priority is discarded, and the timer runs on (RFC 3768 §6.4.2). It is preempted in
    /// answer to its last advertisement before the timer fires, not when the timer fires: then it is known
    /// to run, hears us, and lets go. A MASTER that hung in the meantime would keep the addresses until
    /// their lifetime is over.
    mutating func hear(
        _ advertisement: Advertisement,
        from sender: IPAddress,
        as backup: Backup,
        at now: Instant
    ) -> [RouterEffect] {
        guard sender != source else { return [] }
        counters.advertisementsReceived &+= 1
        let discredited = discreditWitness(by: sender)
        guard advertisement.priority > 0 else {
            return discredited + hearRelease(from: sender, as: backup, at: now)
        }
        var backup = backup
        backup.isWithheld = false
        let master = HeardMaster(address: sender, priority: advertisement.priority, at: now)
        heard = master
        var effects = discredited + noteAddressList(of: advertisement, from: sender, at: now)
        if isNews(master, after: backup.notedMasters[sender]?.word),
            backup.notedMasters.note(master.priority, of: sender, at: now)
        {
            effects.append(.note(.masterHeard(master.priority, sender)))
        }
        if backup.holdUntil != nil {
            backup.holdUntil = nil
            setTimer(of: &backup, at: now)
        }
        if counts(master, for: &backup) {
            learn(advertisement.interval)
            let preemptFrom = backup.preemptFrom
            setTimer(of: &backup, at: now)
            if let delayedUntil = backup.delayedUntil {
                backup.preemptFrom = max(preemptFrom, delayedUntil)
            }
            backup.released = nil
            backup.preempting = nil
            backup.wantsActive = nil
        } else {
            if backup.preempting?.address != sender, noteLower(master, in: &backup, at: now) {
                effects.append(.note(.lowerPriorityHeard(master.priority, sender)))
            }
            backup.preempting = master
            backup.preemptingInterval = settings.version == .v3 ? advertisement.interval : .zero
            if isLate(backup, at: now) { effects += waitOnceMore(&backup, at: now) }
            if now >= backup.preemptFrom {
                let reason = RouterTransition.Reason.preempted(master.priority, sender)
                return effects
                    + (settings.isGrouped
                        ? wish(backup, because: reason, at: now)
                        : becomeActive(because: reason, at: now))
            }
        }
        state = .backup(backup)
        return effects
    }

    /// RFC 9568 §6.4.2: Active_Adver_Interval is what the MASTER says.
    mutating func learn(_ interval: Duration) {
        guard settings.version == .v3 else { return }
        learnedInterval = interval
    }

    /// A MASTER that the log was not told of, or one that is no longer a last resort.
    private func isNews(_ master: HeardMaster, after noted: UInt8?) -> Bool {
        guard let noted else { return true }
        return noted == EffectivePriority.lastResort
            && master.priority != EffectivePriority.lastResort
    }

    private func noteLower(
        _ master: HeardMaster,
        in backup: inout Backup,
        at now: Instant
    ) -> Bool {
        if let noted = backup.notedLower[master.address], now < noted.at + Self.notingSpacing {
            return false
        }
        return backup.notedLower.note(master.priority, of: master.address, at: now)
    }

    /// RFC 3768 §6.4.2: the MASTER gave up, so only the skew time is waited.
    private mutating func hearRelease(
        from sender: IPAddress,
        as backup: Backup,
        at now: Instant
    ) -> [RouterEffect] {
        counters.priorityZeroReceived &+= 1
        var backup = backup
        backup.activeDownAt = now + skewTime
        backup.preemptFrom = now
        backup.preempting = nil
        backup.released = sender
        backup.isWithheld = false
        state = .backup(backup)
        return []
    }

    /// Whether the MASTER's advertisement sets the timer anew (RFC 3768 §6.4.2).
    ///
    /// A MASTER of priority 1 is a last resort: it asks for someone better, and neither `nopreempt` nor
    /// `preempt_delay` keeps the address on it.
    private func counts(_ master: HeardMaster, for backup: inout Backup) -> Bool {
        guard master.priority < effectivePriority else {
            backup.delayedUntil = nil
            return true
        }
        guard master.priority != EffectivePriority.lastResort else {
            if backup.delayedUntil != nil {
                backup.delayedUntil = nil
                backup.preemptFrom = min(
                    backup.preemptFrom,
                    backup.activeDownAt.advanced(by: .zero - activeInterval)
                )
            }
            return false
        }
        guard settings.preempt else { return true }
        guard settings.preemptDelay > .zero else { return false }
        let delayedUntil = backup.delayedUntil ?? master.at + settings.preemptDelay
        backup.delayedUntil = delayedUntil
        return master.at < delayedUntil
    }

    /// A step-down of a node that is BACKUP already: there is nothing to let go, but the hold counts.
    mutating func holdBack(_ backup: Backup, hold: Duration?, at now: Instant) -> [RouterEffect] {
        guard let hold, hold > .zero else { return [] }
        var backup = backup
        backup.holdUntil = max(backup.holdUntil ?? .zero, now + hold)
        backup.wantsActive = nil
        state = .backup(backup)
        return []
    }

    /// Says once for each sender that its addresses are not ours, and again when they are others.
    mutating func noteAddressList(
        of advertisement: Advertisement,
        from sender: IPAddress,
        at now: Instant
    ) -> [RouterEffect] {
        // Nearly always it is the same list in the same order.
        let isSame = advertisement.addresses.elementsEqual(
            settings.addresses.lazy.map(\.prefix.address)
        )
        guard !isSame, Set(advertisement.addresses) != Set(settings.advertisedAddresses) else {
            return []
        }
        counters.addressListMismatches &+= 1
        if let noted = notedLists[sender],
            noted.word == advertisement.addresses || now < noted.at + Self.notingSpacing
        {
            return []
        }
        guard notedLists.note(advertisement.addresses, of: sender, at: now) else { return [] }
        return [.note(.addressListDiffers(advertisement.addresses, from: sender))]
    }
}
