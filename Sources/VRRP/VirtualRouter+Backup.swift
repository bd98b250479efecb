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
        backup.preemptFrom = now + (settings.advertisementInterval * 2 + skewTime)
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
        if let lower = backup.preempting, now < lower.at + activeDownInterval {
            backup.activeDownAt = lower.at + activeDownInterval
            state = .backup(backup)
            return []
        }
        let reason: RouterTransition.Reason =
            backup.released.map { .masterReleased($0) } ?? .masterDown
        return becomeActive(because: reason, at: now)
    }

    /// A loop that stood still heard nobody: what the MASTER said meanwhile is still to be read.
    private func isLate(_ backup: Backup, at now: Instant) -> Bool {
        backup.holdUntil == nil
            && now > backup.activeDownAt + settings.advertisementInterval / 4
    }

    /// One more advertisement, and none of those that waited in the socket: they may be old.
    private func waitOnceMore(_ backup: inout Backup, at now: Instant) -> [RouterEffect] {
        let lateness = now - backup.activeDownAt
        backup.activeDownAt = now + settings.advertisementInterval + skewTime
        backup.preemptFrom = now + settings.advertisementInterval / 4
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
        guard advertisement.priority > 0 else {
            return hearRelease(from: sender, as: backup, at: now)
        }
        var backup = backup
        let master = HeardMaster(address: sender, priority: advertisement.priority, at: now)
        heard = master
        var effects = noteAddressList(of: advertisement, from: sender)
        if isNews(master, after: backup.notedMaster) {
            backup.notedMaster = master
            effects.append(.note(.masterHeard(master.priority, sender)))
        }
        if backup.holdUntil != nil {
            backup.holdUntil = nil
            setTimer(of: &backup, at: now)
        }
        if counts(master, for: &backup) {
            setTimer(of: &backup, at: now)
            backup.released = nil
            backup.preempting = nil
        } else {
            if backup.preempting?.address != sender {
                effects.append(.note(.lowerPriorityHeard(master.priority, sender)))
            }
            backup.preempting = master
            if isLate(backup, at: now) { effects += waitOnceMore(&backup, at: now) }
            if now >= backup.preemptFrom {
                return effects
                    + becomeActive(because: .preempted(master.priority, sender), at: now)
            }
        }
        state = .backup(backup)
        return effects
    }

    /// Another MASTER than the last one, or the same that is no longer a last resort.
    private func isNews(_ master: HeardMaster, after noted: HeardMaster?) -> Bool {
        guard let noted, noted.address == master.address else { return true }
        return noted.priority == EffectivePriority.lastResort
            && master.priority != EffectivePriority.lastResort
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
        guard master.priority != EffectivePriority.lastResort else { return false }
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
        state = .backup(backup)
        return []
    }

    /// Says once for each list and sender that the peer's addresses are not ours.
    mutating func noteAddressList(
        of advertisement: Advertisement,
        from sender: IPAddress
    ) -> [RouterEffect] {
        guard Set(advertisement.addresses) != Set(settings.advertisedAddresses) else { return [] }
        counters.addressListMismatches &+= 1
        let list = NotedList(addresses: advertisement.addresses, sender: sender)
        guard notedList != list else { return [] }
        notedList = list
        return [.note(.addressListDiffers(advertisement.addresses, from: sender))]
    }
}
