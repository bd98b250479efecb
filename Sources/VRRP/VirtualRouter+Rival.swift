import Primitives

/// RFC 9568 §6.4.3: a MASTER hears another one.
extension VirtualRouter {
    mutating func hear(
        _ advertisement: Advertisement,
        from sender: IPAddress,
        as active: Active,
        at now: Instant
    ) -> [RouterEffect] {
        guard sender != source else { return [] }
        counters.advertisementsReceived &+= 1
        var active = active
        active.isolatedAt = nil
        var effects = discreditWitness(by: sender)
        // RFC 9568 §6.4.3 (705): someone gives up; the others have to hear that there is a MASTER.
        guard advertisement.priority > 0 else {
            counters.priorityZeroReceived &+= 1
            effects += answer(&active, at: now)
            // It was MASTER beside us, and the neighbours may believe it.
            effects += announceToRivalsNeighbours(&active, at: now)
            state = .active(active)
            return effects
        }
        heard = HeardMaster(address: sender, priority: advertisement.priority, at: now)
        effects += noteAddressList(of: advertisement, from: sender, at: now)
        let isHigher =
            advertisement.priority > effectivePriority
            || (advertisement.priority == effectivePriority && source.map { sender > $0 } ?? true)
        guard !isHigher else {
            return effects + yield(active, to: advertisement, from: sender, at: now)
        }
        // RFC 9568 §6.4.3 (735): the rival loses; it and the neighbours are told so.
        // The last word of whom we have just replaced is no news.
        let rival = active.hasClaimed ? meet(sender, as: &active, at: now) : nil
        if rival?.isNew == true {
            effects.append(.note(.rivalHeard(advertisement.priority, sender)))
        }
        if settings.answersLowerPriority { effects += answer(&active, at: now) }
        if let rival { effects += insist(&active, against: rival.rival, at: now) }
        effects += announceToRivalsNeighbours(&active, at: now)
        state = .active(active)
        return effects
    }

    /// RFC 9568 §6.4.3 (725): the rival wins.
    ///
    /// It may have been MASTER as long as we have, on the other side of a LAN that was cut, and does not know
    /// that the neighbours believe us. So a loser that had the addresses says one word more, as with
    /// `higher_prio_send_advert`, and the winner announces itself again.
    private mutating func yield(
        _ active: Active,
        to advertisement: Advertisement,
        from sender: IPAddress,
        at now: Instant
    ) -> [RouterEffect] {
        let said =
            settings.yieldsAloud || active.hasClaimed ? send(priority: effectivePriority) : []
        learn(advertisement.interval)
        return [.releaseAddresses] + said
            + move(
                to: .backup(freshBackup(at: now)),
                because: .higherPriority(advertisement.priority, sender),
                at: now
            )
    }

    /// At once, or as soon as the last advertisement is `answerSpacing` old.
    private mutating func answer(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        let earliest = active.advertisedAt + Self.answerSpacing
        guard now >= earliest else {
            active.advertiseAt = min(active.advertiseAt, earliest)
            return []
        }
        return renewUnlessFresh(&active, at: now) + advertise(&active, at: now)
    }

    /// Keeps since when a rival advertises without a pause. Nil: as many others were heard in the last minute.
    private func meet(
        _ sender: IPAddress,
        as active: inout Active,
        at now: Instant
    ) -> (rival: Rival, isNew: Bool)? {
        if let known = active.rivals.firstIndex(where: { $0.address == sender }) {
            let pause = settings.advertisementInterval * (settings.downTimerAdvertisements + 1)
            if now >= active.rivals[known].heardAt + pause { active.rivals[known].since = now }
            active.rivals[known].heardAt = now
            return (active.rivals[known], false)
        }
        if active.rivals.count >= Self.notedLimit {
            let oldest = active.rivals.indices.min {
                active.rivals[$0].heardAt < active.rivals[$1].heardAt
            }
            guard let oldest, now >= active.rivals[oldest].heardAt + Self.notingSpacing else {
                return nil
            }
            active.rivals.remove(at: oldest)
        }
        let rival = Rival(address: sender, since: now, heardAt: now)
        active.rivals.append(rival)
        return (rival, true)
    }

    /// A rival that still advertises long after it must have heard us does not hear us: something on the way
    /// loses multicast in one direction. It is told by unicast, twice an interval at most, and goes on being
    /// told when it has yielded: nothing else would keep it from becoming MASTER again.
    private mutating func insist(
        _ active: inout Active,
        against rival: Rival,
        at now: Instant
    ) -> [RouterEffect] {
        guard !active.deaf.contains(where: { $0.address == rival.address }) else {
            return tellDeaf(&active, at: now)
        }
        let interval = settings.advertisementInterval
        let patience = settings.answersLowerPriority ? interval / 2 : interval * 3 / 2
        // Who comes behind the last of them takes nobody's place: all of them would go on taking turns.
        guard now >= rival.since + patience, active.deaf.count < Self.deafLimit else { return [] }
        active.deaf.append(DeafRival(address: rival.address, toldAt: now))
        counters.directAdvertisements &+= 1
        return [
            .note(.rivalDeaf(rival.address)),
            .advertiseDirectly(priority: effectivePriority, to: rival.address),
        ]
    }

    /// With each advertisement to all, unless the last one was less than half an interval ago.
    mutating func tellDeaf(_ active: inout Active, at now: Instant) -> [RouterEffect] {
        var effects: [RouterEffect] = []
        let spacing = settings.advertisementInterval / 2
        for index in active.deaf.indices where now >= active.deaf[index].toldAt + spacing {
            active.deaf[index].toldAt = now
            counters.directAdvertisements &+= 1
            effects.append(
                .advertiseDirectly(
                    priority: effectivePriority,
                    to: active.deaf[index].address
                )
            )
        }
        return effects
    }

    /// Priority 0 for those who would not hear that the MASTER gives up.
    mutating func releaseToDeaf() -> [RouterEffect] {
        guard case .active(let active) = state else { return [] }
        counters.directAdvertisements &+= UInt64(active.deaf.count)
        return active.deaf.map { .advertiseDirectly(priority: 0, to: $0.address) }
    }

    /// Someone else answers for an address of ours: a node that lost it and does not know, or a stranger. The
    /// neighbours that believed it are told anew (RFC 5227 §2.4, where giving the address up is no choice).
    mutating func defend(
        _ address: IPAddress,
        against hardware: [UInt8],
        _ active: Active,
        at now: Instant
    ) -> [RouterEffect] {
        guard active.hasClaimed,
            settings.heldAddresses.contains(where: { $0.prefix.address == address })
        else { return [] }
        counters.rivalSightings &+= 1
        var active = active
        var effects: [RouterEffect] = []
        if !active.sighted.contains(hardware), active.sighted.count < Self.sightingLimit {
            active.sighted.append(hardware)
            effects.append(.note(.addressAnswered(address, by: hardware)))
        }
        let earliest = active.defendedAt.map { $0 + Self.defenceSpacing } ?? now
        if now >= earliest {
            active.defendedAt = now
            effects += announceSoon(&active, count: max(answerCount, 1), at: now)
        } else if active.defendedAt.map({ $0 <= now }) ?? true {
            active.defendedAt = earliest
            active.announceAt = min(active.announceAt ?? earliest, earliest)
        }
        state = .active(active)
        return effects
    }
}
