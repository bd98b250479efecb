import Primitives
import VRRP

/// What each fault does to the segment, and what its end does.
extension Segment {
    mutating func strike(_ fault: SegmentFault) {
        tell("FAULT \(fault)")
        observed.faults += 1
        switch fault {
        case .loss(let percent): network.lossPercent = percent
        case .delay(let delay): network.delay = delay
        case .reordering(let jitter): network.jitter = jitter
        case .duplication(let percent): network.duplicationPercent = percent
        case .oneWay(let from, let to): network.severed.insert(from * 8 + to)
        case .cutOff(let node):
            for other in nodes.indices where other != node {
                network.severed.formUnion([node * 8 + other, other * 8 + node])
            }
            gatewayChanged()
        case .gatewayDead:
            network.isGatewayDead = true
            gatewayChanged()
        case .agentKilled(let node, let backAfter):
            killAgent(node)
            let life = nodes[node].life
            schedule.add(.agentStarts(node, life: life), due: now + backAfter)
        case .agentStopped(let node): stopAgent(node)
        case .machinePaused(let node, let clockRuns):
            guard !nodes[node].isPaused, nodes[node].condition == .running else { return }
            observeStop(of: node)
            nodes[node].condition = .paused(since: now, clockRuns: clockRuns)
            nodes[node].disturbedAt = now
        case .machineReset(let node):
            guard !nodes[node].isPaused else { return }
            killAgent(node)
            for member in nodes[node].members.indices {
                nodes[node].members[member].heldUntil = nil
            }
        case .checkFails(let node): check(node, fails: true)
        case .stepDown(let node, let hold):
            nodes[node].disturbedAt = now
            expectHandOver(from: node, hold: hold)
            deliverToAll(.stepDown(.operatorRequest, hold: hold), of: node)
        case .addressDeleted(let node): deleteAddress(node)
        case .reload(let node, let priority, let interval):
            reload(node, priority: priority, interval: interval)
        case .interfaceDown(let node, let member):
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
        case .oneWay, .cutOff:
            network.severed = []
            gatewayChanged()
        case .gatewayDead:
            network.isGatewayDead = false
            gatewayChanged()
        case .agentKilled, .stepDown, .addressDeleted, .reload: break
        case .agentStopped(let node): thawAgent(node)
        case .machinePaused(let node, _): resume(node)
        case .machineReset(let node):
            if nodes[node].condition == .dead { startAgent(node) }
        case .checkFails(let node): check(node, fails: false)
        case .interfaceDown(let node, let member):
            nodes[node].disturbedAt = now
            deliver(SegmentInput(member: member, event: .faultCleared(.interfaceDown)), to: node)
        }
    }

    /// Ends whatever lasts.
    mutating func mendEverything() {
        for fault: SegmentFault in [
            .loss(percent: 0), .delay(.zero), .reordering(.zero), .duplication(percent: 0),
            .oneWay(from: 0, to: 1), .gatewayDead,
        ] { end(fault) }
        for node in nodes.indices {
            end(.machinePaused(node, clockRuns: true))
            end(.agentStopped(node))
            end(.machineReset(node))
            end(.checkFails(node))
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
        nodes[node].disturbedAt = now
        deliverToAll(.check(SegmentPlan.check, succeeded: !fails), of: node)
    }

    private mutating func deleteAddress(_ node: Int) {
        for member in nodes[node].members.indices where nodes[node].holds(member, at: now) {
            nodes[node].members[member].heldUntil = nil
            guard
                let address = nodes[node].members[member].router.settings.addresses.first
            else { continue }
            deliver(SegmentInput(member: member, event: .addressesLost([address])), to: node)
        }
    }

    private mutating func reload(_ node: Int, priority: UInt8, interval: Duration?) {
        guard nodes[node].condition == .running else { return }
        nodes[node].disturbedAt = now
        for member in nodes[node].members.indices {
            var settings = nodes[node].members[member].router.settings
            settings.basePriority = priority
            settings.advertisementInterval = interval ?? settings.advertisementInterval
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
        if nodes[node].condition == .running { observeStop(of: node) }
        nodes[node].condition = .dead
        nodes[node].life += 1
        nodes[node].inbox = []
        nodes[node].disturbedAt = now
        letGuardWatch(node)
    }

    private mutating func stopAgent(_ node: Int) {
        guard nodes[node].condition == .running else { return }
        observeStop(of: node)
        nodes[node].condition = .stopped
        nodes[node].disturbedAt = now
        letGuardWatch(node)
    }

    /// Below a second, the guard takes the addresses away when the loop has been silent for two and a half
    /// advertisements.
    private mutating func letGuardWatch(_ node: Int) {
        guard defect != .noLease else { return }
        for member in nodes[node].members.indices {
            let settings = nodes[node].members[member].router.settings
            let patience = settings.advertisementInterval * 5 / 2
            guard let until = nodes[node].members[member].heldUntil,
                let spokeAt = nodes[node].members[member].spokeAt,
                patience < settings.addressLifetime
            else { continue }
            nodes[node].members[member].heldUntil = min(until, max(now, spokeAt + patience))
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
        observed.outageBefore = observed.lastOutage
        observed.lastOutage = now
        let clockFirst = random.chance(percent: 50)
        for member in nodes[node].members.indices where clockFirst {
            let deadline = nodes[node].members[member].router.nextDeadline
            if let deadline, deadline <= clock(of: node) { handle(.deadline, by: node, member) }
        }
        let inbox = nodes[node].inbox
        nodes[node].inbox = []
        for member in nodes[node].members.indices
        where nodes[node].members[member].router.holdsAddresses
            && !nodes[node].holds(member, at: now)
        {
            guard
                let address = nodes[node].members[member].router.settings.addresses.first
            else { continue }
            handle(.addressesLost([address]), by: node, member)
        }
        for input in inbox { handle(input.event, by: node, input.member) }
        for member in nodes[node].members.indices { scheduleWake(node, member) }
    }

    private mutating func resume(_ node: Int) {
        guard case .paused(let since, let clockRuns) = nodes[node].condition else { return }
        let pause = now - since
        nodes[node].condition = .running
        nodes[node].disturbedAt = now
        observed.lastResumption = now
        if !clockRuns {
            nodes[node].clockLag = nodes[node].clockLag + pause
            observed.lastBlindResumption = now
        }
        deliverToAll(.check(SegmentPlan.check, succeeded: !nodes[node].checkFails), of: node)
        for member in nodes[node].members.indices {
            if let until = nodes[node].members[member].heldUntil, until != .distantFuture {
                nodes[node].members[member].heldUntil = until > since ? until + pause : nil
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
