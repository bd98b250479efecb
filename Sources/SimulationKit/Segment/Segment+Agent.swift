import Primitives
import VRRP

/// The shell of a segment's agents: hands events to the routers and carries out the effects.
extension Segment {
    mutating func deliver(_ input: SegmentInput, to node: Int) {
        switch nodes[node].condition {
        case .running: handle(input.event, by: node, input.member)
        case .stopped: nodes[node].inbox.append(input)
        case .dead, .paused: break
        }
    }

    mutating func agentWakes(_ node: Int, _ member: Int) {
        var clock = clock(of: node)
        if defect == .noSkew, nodes[node].members[member].router.visibleState == .backup,
            let deadline = nodes[node].members[member].router.nextDeadline
        {
            clock = max(clock, deadline)
        }
        handle(.deadline, by: node, member, at: clock)
        if defect != .noSkew, let next = nodes[node].members[member].router.nextDeadline,
            next <= clock
        {
            require(.deadlineInFuture, "node \(node) is due again at once")
        }
    }

    /// `CLOCK_BOOTTIME` of the node.
    func clock(of node: Int) -> Instant {
        now.advanced(by: .zero - nodes[node].clockLag)
    }

    mutating func handle(
        _ event: RouterEvent,
        by node: Int,
        _ member: Int,
        at clock: Instant? = nil
    ) {
        let life = nodes[node].life
        react(to: event, by: node, member, at: clock ?? self.clock(of: node))
        guard nodes[node].members.count > 1, nodes[node].life == life else { return }
        // GroupElection is asked until it says nothing.
        for _ in 0..<8 {
            let orders = GroupElection.orders(
                for: nodes[node].members.map(\.router.groupMember)
            )
            guard !orders.isEmpty else { return }
            for order in orders {
                react(to: order.event, by: node, order.member, at: self.clock(of: node))
            }
        }
        require(.queuesBounded, "the group of node \(node) does not settle")
    }

    private mutating func react(
        to event: RouterEvent,
        by node: Int,
        _ member: Int,
        at clock: Instant
    ) {
        guard let event = perturbed(event, node, member) else { return }
        let effects = nodes[node].members[member].router.handle(event, at: clock)
        for effect in perturbed(effects, node, member) { carryOut(effect, node, member) }
        scheduleWake(node, member)
    }

    private mutating func carryOut(_ effect: RouterEffect, _ node: Int, _ member: Int) {
        switch effect {
        case .claimAddresses, .renewAddresses:
            let settings = nodes[node].members[member].router.settings
            nodes[node].members[member].renewedAt = clock(of: node)
            for address in settings.heldAddresses { hold(address, node, member) }
        case .restoreAddresses(let addresses):
            for address in addresses { hold(address, node, member) }
        // The shell releases what its machine's settings name.
        case .releaseAddresses:
            let settings = nodes[node].members[member].router.settings
            for address in settings.heldAddresses { letGo(of: address, node, member) }
        case .releaseAddress(let address): letGo(of: address, node, member)
        case .advertise(let priority):
            guard priority > 0 || defect != .noPriorityZero else { return }
            if priority == 0, nodes[node].holds(member, at: now) {
                require(.releasedBeforeSilence, "node \(node) says 0 and has the address")
            }
            for receiver in nodes.indices where receiver != node {
                send(priority, from: node, member, to: receiver)
            }
            nodes[node].members[member].spokeAt = now
        case .advertiseDirectly(let priority, let address):
            guard let receiver = nodes.firstIndex(where: { $0.address == address }) else { return }
            observed.directAdvertisements += 1
            send(priority, from: node, member, to: receiver, isDirect: true)
        case .announceOwnership:
            observed.announcers[member] = node
        case .transition(let transition):
            tell(
                "node \(node).\(member) \(transition.from) -> \(transition.to): \(transition.reason)"
            )
            observe(transition, node, member)
        case .note: break
        }
    }

    /// The kernel keeps the address for its lifetime; below a second the guard takes it away before a peer
    /// can claim it.
    private mutating func hold(_ address: VirtualAddress, _ node: Int, _ member: Int) {
        guard let slot = SegmentPlan.addresses(of: member).firstIndex(of: address) else { return }
        let lifetime = nodes[node].members[member].router.settings.addressLifetime
        nodes[node].members[member].heldUntil[slot] =
            defect == .noLease ? .distantFuture : now + lifetime
    }

    private mutating func letGo(of address: VirtualAddress, _ node: Int, _ member: Int) {
        guard let slot = SegmentPlan.addresses(of: member).firstIndex(of: address) else { return }
        nodes[node].members[member].heldUntil[slot] = nil
    }

    private mutating func send(
        _ priority: UInt8,
        from node: Int,
        _ member: Int,
        to receiver: Int,
        isDirect: Bool = false
    ) {
        guard !network.severs(node, from: receiver),
            isDirect || !network.deafens(receiver, to: node)
        else {
            network.noteFate(
                from: node,
                to: receiver,
                member: member,
                arrives: false,
                at: now
            )
            return
        }
        var advertisement = nodes[node].members[member].advertisement
        advertisement.priority = priority
        let input = SegmentInput(
            member: member,
            event: .received(advertisement, from: nodes[node].address)
        )
        let copies = random.chance(percent: network.duplicationPercent) ? 2 : 1
        var arrives = false
        for _ in 0..<copies where !random.chance(percent: network.lossPercent) {
            var way = random.duration(upTo: network.healthyDelay) + network.delay
            if network.jitter > .zero { way = way + random.duration(upTo: network.jitter) }
            let arrival = network.arrival(of: now + way, from: node, at: receiver)
            schedule.add(.packet(input, to: receiver), due: arrival)
            arrives = true
        }
        network.noteFate(from: node, to: receiver, member: member, arrives: arrives, at: now)
    }

    /// The loop turns a little after its deadline.
    mutating func scheduleWake(_ node: Int, _ member: Int) {
        let router = nodes[node].members[member].router
        guard nodes[node].condition == .running, var deadline = router.nextDeadline else {
            nodes[node].members[member].wakeAt = nil
            return
        }
        if defect == .noSkew, router.visibleState == .backup {
            deadline = deadline + (.zero - router.skewTime)
        }
        nodes[node].members[member].wakeAt =
            max(deadline + nodes[node].clockLag, now) + random.duration(upTo: network.healthyDelay)
    }

    // MARK: Defects

    private func perturbed(_ event: RouterEvent, _ node: Int, _ member: Int) -> RouterEvent? {
        guard let defect, case .received(let advertisement, _) = event else { return event }
        let router = nodes[node].members[member].router
        switch defect {
        case .noTieBreak:
            guard advertisement.priority == router.effectivePriority else { return event }
            return .received(advertisement, from: IPAddress(0, 0, 0, 1))
        case .neverPreempts:
            guard router.visibleState == .backup, advertisement.priority > 0,
                advertisement.priority < router.effectivePriority
            else { return event }
            var raised = advertisement
            raised.priority = router.effectivePriority
            return .received(raised, from: IPAddress(0, 0, 0, 1))
        case .noSkew, .noPriorityZero, .noLease, .noGuard, .noStallGuard, .claimsAtOnce,
            .speaksBeforeRelease, .witnessLies:
            return event
        }
    }

    private func perturbed(
        _ effects: [RouterEffect],
        _ node: Int,
        _ member: Int
    ) -> [RouterEffect] {
        switch defect {
        case .claimsAtOnce:
            let claims = effects.contains { effect in
                guard case .transition(let transition) = effect else { return false }
                return transition.to == .active
            }
            return claims ? effects + [.claimAddresses] : effects
        case .speaksBeforeRelease where effects.contains(.advertise(priority: 0)):
            return [.advertise(priority: 0)] + effects.filter { $0 != .advertise(priority: 0) }
        case .speaksBeforeRelease, .noSkew, .noTieBreak, .neverPreempts, .noPriorityZero, .noLease,
            .noGuard, .noStallGuard, .witnessLies, nil:
            return effects
        }
    }
}
