import Primitives

/// RFC 3768 §6.4.2: BACKUP.
extension VirtualRouter {
    func freshBackup(at now: Instant) -> Backup {
        Backup(activeDownAt: now + activeDownInterval)
    }

    /// Nobody was heard for the whole interval, or a hold is over.
    mutating func timerFired(_ backup: Backup, at now: Instant) -> [RouterEffect] {
        var backup = backup
        if let holdUntil = backup.holdUntil {
            guard holdUntil <= now else { return [] }
            backup.holdUntil = nil
            backup.activeDownAt = now + activeDownInterval
            state = .backup(backup)
            return []
        }
        guard backup.activeDownAt <= now else { return [] }
        let lateness = now - backup.activeDownAt
        // A loop that stood still heard nobody: what the MASTER said meanwhile is still to be read.
        guard lateness <= settings.advertisementInterval / 4 else {
            backup.activeDownAt = now + settings.advertisementInterval + skewTime
            state = .backup(backup)
            return [.note(.timerLate(lateness))]
        }
        let reason: RouterTransition.Reason =
            if let released = backup.released {
                .masterReleased(released)
            } else if let lower = backup.preempting {
                .preempted(lower.priority, lower.address)
            } else {
                .masterDown
            }
        return becomeActive(because: reason, at: now)
    }

    mutating func hear(
        _ advertisement: Advertisement,
        from sender: IPv4Address,
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
        if backup.notedMaster != sender {
            backup.notedMaster = sender
            effects.append(.note(.masterHeard(master.priority, sender)))
        }
        if backup.holdUntil != nil {
            backup.holdUntil = nil
            backup.activeDownAt = now + activeDownInterval
        }
        if counts(master, for: &backup) {
            backup.activeDownAt = now + activeDownInterval
            backup.released = nil
            backup.preempting = nil
        } else {
            if backup.preempting?.address != sender {
                effects.append(.note(.lowerPriorityHeard(master.priority, sender)))
            }
            backup.preempting = master
        }
        state = .backup(backup)
        return effects
    }

    /// RFC 3768 §6.4.2: the MASTER gave up, so only the skew time is waited.
    private mutating func hearRelease(
        from sender: IPv4Address,
        as backup: Backup,
        at now: Instant
    ) -> [RouterEffect] {
        counters.priorityZeroReceived &+= 1
        var backup = backup
        backup.activeDownAt = now + skewTime
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
            backup.preemptAt = nil
            return true
        }
        guard master.priority != EffectivePriority.lastResort else { return false }
        guard settings.preempt else { return true }
        guard settings.preemptDelay > .zero else { return false }
        let preemptAt = backup.preemptAt ?? master.at + settings.preemptDelay
        backup.preemptAt = preemptAt
        return master.at < preemptAt
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
        from sender: IPv4Address
    ) -> [RouterEffect] {
        guard Set(advertisement.addresses) != Set(settings.advertisedAddresses) else { return [] }
        counters.addressListMismatches &+= 1
        let list = NotedList(addresses: advertisement.addresses, sender: sender)
        guard notedList != list else { return [] }
        notedList = list
        return [.note(.addressListDiffers(advertisement.addresses, from: sender))]
    }
}
