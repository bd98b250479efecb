import Primitives
import VRRP

/// What each fault does to the segment, and what its end does.
extension Segment {
    mutating func strike(_ fault: SegmentFault) {
        tell("FAULT \(fault)")
        observed.faults += 1
        noteVictim(of: fault)
        // What is on its way already goes by what there was before.
        network.noteTrouble(at: now)
        switch fault {
        case .loss(let percent): network.lossPercent = percent
        case .delay(let delay): network.delay = delay
        case .reordering(let jitter): network.jitter = jitter
        case .duplication(let percent): network.duplicationPercent = percent
        case .oneWay(let from, let to): network.severed.insert(from * 8 + to)
        case .deaf(let from, let to): network.deafened.insert(from * 8 + to)
        case .cutOff(let node):
            for other in nodes.indices where other != node {
                network.severed.formUnion([node * 8 + other, other * 8 + node])
            }
            gatewayChanged()
        case .gatewayDead:
            network.isGatewayDead = true
            gatewayChanged()
        case .agentKilled(let node, let backAfter):
            expectTakeover(from: node)
            killAgent(node)
            let life = nodes[node].life
            schedule.add(.agentStarts(node, life: life), due: now + backAfter)
        case .agentShutDown(let node, let backAfter):
            guard nodes[node].isRunning else { return }
            expectHandOver(from: node)
            deliverToAll(.shutdown, of: node)
            killAgent(node)
            let life = nodes[node].life
            schedule.add(.agentStarts(node, life: life), due: now + backAfter)
        case .agentStopped(let node):
            expectTakeover(from: node)
            stopAgent(node)
        case .machinePaused(let node, let clockRuns):
            guard !nodes[node].isPaused, nodes[node].isRunning else { return }
            expectTakeover(from: node)
            observeStop(of: node)
            nodes[node].condition = .paused(since: now, clockRuns: clockRuns)
            nodes[node].disturbedAt = now
        case .machineReset(let node):
            guard !nodes[node].isPaused else { return }
            expectTakeover(from: node)
            killAgent(node)
            for member in nodes[node].members.indices {
                nodes[node].members[member].heldUntil = HeldUntil()
            }
        case .checkFails(let node): check(node, fails: true)
        case .stepDown(let node, let hold):
            expectHandOver(from: node, hold: hold)
            nodes[node].disturbedAt = now
            deliverToAll(.stepDown(.operatorRequest, hold: hold), of: node)
        case .addressDeleted(let node): deleteAddress(node)
        case .reload(let node, let reload): self.reload(node, reload)
        case .lastResort(let node):
            expectSuccessor(of: node)
            setStanding(of: node, isLastResort: true)
        case .interfaceDown(let node, let member):
            expectTakeover(from: node)
            nodes[node].disturbedAt = now
            deliver(SegmentInput(member: member, event: .fault(.interfaceDown)), to: node)
        }
        network.noteTrouble(at: now)
    }

    mutating func end(_ fault: SegmentFault) {
        tell("mended \(fault)")
        observed.faults += 1
        network.noteTrouble(at: now)
        switch fault {
        case .loss: network.lossPercent = 0
        case .delay: network.delay = .zero
        case .reordering: network.jitter = .zero
        case .duplication: network.duplicationPercent = 0
        case .deaf: network.deafened = []
        case .oneWay, .cutOff:
            network.severed = []
            gatewayChanged()
        case .gatewayDead:
            network.isGatewayDead = false
            gatewayChanged()
        case .agentKilled, .agentShutDown, .stepDown, .addressDeleted, .reload: break
        case .agentStopped(let node): thawAgent(node)
        case .machinePaused(let node, _): resume(node)
        case .machineReset(let node):
            if nodes[node].condition == .dead { startAgent(node) }
        case .checkFails(let node): check(node, fails: false)
        case .lastResort(let node): setStanding(of: node, isLastResort: false)
        case .interfaceDown(let node, let member):
            nodes[node].disturbedAt = now
            deliver(SegmentInput(member: member, event: .faultCleared(.interfaceDown)), to: node)
        }
    }

    /// Ends whatever lasts.
    mutating func mendEverything() {
        for fault: SegmentFault in [
            .loss(percent: 0), .delay(.zero), .reordering(.zero), .duplication(percent: 0),
            .oneWay(from: 0, to: 1), .deaf(from: 0, to: 1), .gatewayDead,
        ] { end(fault) }
        for node in nodes.indices {
            end(.machinePaused(node, clockRuns: true))
            end(.agentStopped(node))
            end(.machineReset(node))
            end(.checkFails(node))
            end(.lastResort(node))
            for member in nodes[node].members.indices { end(.interfaceDown(node, member: member)) }
        }
    }

    private mutating func deliverToAll(_ event: RouterEvent, of node: Int) {
        for member in nodes[node].members.indices {
            deliver(SegmentInput(member: member, event: event), to: node)
        }
    }

    private mutating func check(_ node: Int, fails: Bool) {
        guard nodes[node].checkFails != fails else { return }
        nodes[node].checkFails = fails
        let isFault = nodes[node].members.allSatisfy { member in
            member.router.settings.tracks.contains { $0.weight == 0 }
        }
        if fails, isFault { expectHandOver(from: node) }
        nodes[node].disturbedAt = now
        deliverToAll(.check(SegmentPlan.check, succeeded: !fails), of: node)
    }

    private mutating func deleteAddress(_ node: Int) {
        for member in nodes[node].members.indices {
            let addresses = SegmentPlan.addresses(of: member)
            var lost: [VirtualAddress] = []
            for (slot, address) in addresses.enumerated()
            where nodes[node].holds(member, slot: slot, at: now) != nil {
                nodes[node].members[member].heldUntil[slot] = nil
                lost.append(address)
            }
            guard !lost.isEmpty else { continue }
            deliver(SegmentInput(member: member, event: .addressesLost(lost)), to: node)
        }
    }

    private mutating func setStanding(of node: Int, isLastResort: Bool) {
        guard nodes[node].isLastResort != isLastResort else { return }
        nodes[node].isLastResort = isLastResort
        nodes[node].disturbedAt = now
        deliverToAll(.standing(isLastResort ? .lastResort : .full), of: node)
    }

    private mutating func reload(_ node: Int, _ reload: SegmentReload) {
        guard nodes[node].isRunning else { return }
        nodes[node].disturbedAt = now
        for member in nodes[node].members.indices {
            let settings = reload.applied(
                to: nodes[node].members[member].router.settings,
                of: member
            )
            nodes[node].members[member].advertisement = settings.advertisement(priority: 0)
            handle(.reconfigured(settings), by: node, member)
        }
    }

    // MARK: The agent's life

    mutating func startAgent(_ node: Int) {
        guard nodes[node].condition == .dead else { return }
        nodes[node].life += 1
        nodes[node].condition = .running
        nodes[node].startedAt = now
        nodes[node].disturbedAt = now
        tell("agent of node \(node) starts")
        for member in nodes[node].members.indices {
            let settings = nodes[node].members[member].router.settings
            nodes[node].members[member].router = VirtualRouter(settings: settings)
        }
        for member in nodes[node].members.indices {
            let remnant =
                nodes[node].holds(member, at: now)
                ? Remnant(renewedAt: nodes[node].members[member].renewedAt) : nil
            let checks = RouterEvent.check(SegmentPlan.check, succeeded: !nodes[node].checkFails)
            if nodes[node].isLastResort { handle(.standing(.lastResort), by: node, member) }
            handle(checks, by: node, member)
            handle(
                .start(source: nodes[node].address, faults: [], remnant: remnant),
                by: node,
                member
            )
        }
        scheduleGateway(node)
    }

    mutating func killAgent(_ node: Int) {
        guard nodes[node].condition != .dead, !nodes[node].isPaused else { return }
        if nodes[node].isRunning { observeStop(of: node) }
        nodes[node].condition = .dead
        nodes[node].life += 1
        nodes[node].inbox = []
        nodes[node].disturbedAt = now
        letGuardWatch(node)
    }

    private mutating func stopAgent(_ node: Int) {
        guard nodes[node].isRunning else { return }
        observeStop(of: node)
        nodes[node].condition = .stopped
        nodes[node].disturbedAt = now
        letGuardWatch(node)
    }

    /// Below a second, the guard takes the addresses away when the loop has been silent for two and a half
    /// advertisements.
    private mutating func letGuardWatch(_ node: Int) {
        guard defect != .noGuard else { return }
        for member in nodes[node].members.indices {
            let interval = nodes[node].members[member].router.settings.advertisementInterval
            guard interval < .seconds(1), let spokeAt = nodes[node].members[member].spokeAt
            else { continue }
            var addressGuard = VIPGuard()
            _ = addressGuard.handle(.promise(interval: interval), at: spokeAt)
            guard let deadline = addressGuard.nextDeadline else { continue }
            for slot in HeldUntil.slots {
                let until = nodes[node].members[member].heldUntil[slot]
                nodes[node].members[member].heldUntil[slot] =
                    until.map { min($0, max(now, deadline)) }
            }
        }
    }

    /// SIGCONT. Whether the loop looks at its clock or at its sockets first is up to the kernel.
    private mutating func thawAgent(_ node: Int) {
        guard nodes[node].condition == .stopped else { return }
        if defect == .noStallGuard {
            nodes[node].clockLag = nodes[node].clockLag + (now - nodes[node].disturbedAt)
        }
        nodes[node].condition = .running
        nodes[node].disturbedAt = now
        nodes[node].thawedAt = now
        let clockFirst = random.chance(percent: 50)
        for member in nodes[node].members.indices where clockFirst {
            let deadline = nodes[node].members[member].router.nextDeadline
            if let deadline, deadline <= clock(of: node) { handle(.deadline, by: node, member) }
        }
        let inbox = nodes[node].inbox
        nodes[node].inbox = []
        for member in nodes[node].members.indices
        where nodes[node].members[member].router.holdsAddresses {
            let addresses = SegmentPlan.addresses(of: member)
            var lost: [VirtualAddress] = []
            for (slot, address) in addresses.enumerated()
            where nodes[node].holds(member, slot: slot, at: now) == nil {
                lost.append(address)
            }
            if !lost.isEmpty { handle(.addressesLost(lost), by: node, member) }
        }
        for input in inbox { handle(input.event, by: node, input.member) }
        for member in nodes[node].members.indices { scheduleWake(node, member) }
    }

    private mutating func resume(_ node: Int) {
        guard case .paused(let since, let clockRuns) = nodes[node].condition else { return }
        let pause = now - since
        nodes[node].condition = .running
        nodes[node].disturbedAt = now
        nodes[node].resumedAt = now
        if !clockRuns {
            nodes[node].clockLag = nodes[node].clockLag + pause
            nodes[node].resumedBlindlyAt = now
            observed.lastBlindResumption = now
        }
        deliverToAll(.check(SegmentPlan.check, succeeded: !nodes[node].checkFails), of: node)
        deliverToAll(.standing(nodes[node].isLastResort ? .lastResort : .full), of: node)
        for member in nodes[node].members.indices {
            for slot in HeldUntil.slots {
                guard let until = nodes[node].members[member].heldUntil[slot],
                    until != .distantFuture
                else { continue }
                nodes[node].members[member].heldUntil[slot] = until > since ? until + pause : nil
            }
            scheduleWake(node, member)
        }
        gatewayChanged()
    }

    // MARK: The gateway

    private func reachesGateway(_ node: Int) -> Bool {
        !network.isGatewayDead && !network.isCutOff(node, of: nodes.count)
    }

    private mutating func gatewayChanged() {
        for node in nodes.indices {
            let isIsolated =
                network.isCutOff(node, of: nodes.count)
            nodes[node].isolatedSince =
                isIsolated ? nodes[node].isolatedSince ?? now : nil
            scheduleGateway(node)
        }
    }

    /// It answers at once, and is missed after two intervals.
    private mutating func scheduleGateway(_ node: Int) {
        guard plan.hasGateway else { return }
        let answers = reachesGateway(node) || defect == .witnessLies
        schedule.add(
            .gateway(node, answers: answers, life: nodes[node].life),
            due: now + (answers ? network.healthyDelay : unit * 2)
        )
    }

    mutating func hearGateway(_ node: Int, _ answers: Bool) {
        guard answers == reachesGateway(node) || defect == .witnessLies else { return }
        deliverToAll(answers ? .gatewayAnswered : .gatewaySilent, of: node)
    }
}
