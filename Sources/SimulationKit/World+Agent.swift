import Primitives
import Supervision
import VRRP

/// The agent's shell of the simulation: hands events to the pure machines and carries out the effects.
extension World {
    /// Something arrives at the agent's sockets.
    mutating func deliver(_ input: SimulatedAgent.Input, to host: HostName) {
        switch self[host].agent.condition {
        case .running: agentReads(input, on: host)
        case .stopped: self[host].agent.inbox.append(input)
        case .dead: break
        }
    }

    /// The loop of a running agent reads one input.
    mutating func agentReads(_ input: SimulatedAgent.Input, on host: HostName) {
        switch input {
        case .router(let event): routerHandles(event, on: host)
        case .lease(let duration, let standing, let proxyHealthy):
            ledgerHandles(
                .lease(until: now + duration, standing: standing, proxyHealthy: proxyHealthy),
                on: host
            )
        }
        scheduleWake(of: host)
    }

    /// The agent's deadline has come, perhaps long ago.
    mutating func agentWakes(on host: HostName) {
        if let deadline = self[host].agent.router.nextDeadline, deadline <= agentClock(of: host) {
            routerHandles(.deadline, on: host)
            require(
                deadlineInFuture(
                    self[host].agent.router.nextDeadline,
                    of: "virtual router",
                    at: agentClock(of: host)
                )
            )
        }
        if let deadline = self[host].agent.ledger.nextDeadline, deadline <= now {
            ledgerHandles(.deadline, on: host)
            require(
                deadlineInFuture(self[host].agent.ledger.nextDeadline, of: "lease ledger", at: now)
            )
        }
        scheduleWake(of: host)
    }

    mutating func ledgerHandles(_ event: LeaseLedger.Event, on host: HostName) {
        for event in self[host].agent.ledger.handle(event, at: now) {
            routerHandles(event, on: host)
        }
        let answer = self[host].agent.ledger.proxyIsHealthy
        guard answer != self[host].agent.proxyAnswer else { return }
        self[host].agent.proxyAnswer = answer
        if let answer {
            routerHandles(.check(PairSettings.proxyCheck, succeeded: answer), on: host)
        }
    }

    mutating func routerHandles(_ event: RouterEvent, on host: HostName) {
        var event = event
        var effects: [RouterEffect]
        if let mutation {
            guard let perturbed = mutation.perturb(event, for: self[host].agent.router) else {
                return
            }
            event = perturbed
        }
        effects = self[host].agent.router.handle(event, at: agentClock(of: host))
        if let mutation { effects = mutation.perturb(effects) }
        if event != .deadline || effects.contains(where: { !$0.isRoutine }) {
            transcript.add(.handled(event), on: host, at: now)
        }
        for effect in effects {
            if let left = self[host].agent.effectsLeft {
                guard left > 0 else {
                    killAgent(on: host)
                    return
                }
                self[host].agent.effectsLeft = left - 1
            }
            carryOut(effect, on: host)
        }
    }

    private mutating func carryOut(_ effect: RouterEffect, on host: HostName) {
        if !effect.isRoutine { transcript.add(.did(effect), on: host, at: now) }
        switch effect {
        case .claimAddresses, .renewAddresses, .restoreAddresses:
            if effect == .claimAddresses, !self[host].kernel.holds(at: now) {
                observations.takeoversInPeace += 1
            }
            let lifetime = self[host].agent.router.settings.addressLifetime
            self[host].kernel.replace(
                lifetime: mutation == .lifetimeIgnored ? .zero : lifetime,
                at: now
            )
        case .releaseAddresses, .releaseAddress: self[host].kernel.remove()
        case .advertise(let priority):
            if priority == 0 { require(releasedBeforeSilence(on: host)) }
            send(self[host].agent.router.settings.advertisement(priority: priority), from: host)
        case .announceOwnership, .advertiseDirectly: break
        case .transition(let transition): agentReports(transition, on: host)
        case .note(let note): agentReports(note, on: host)
        }
    }

    private mutating func send(_ advertisement: Advertisement, from host: HostName) {
        observations.lastAdvertisement[host.rawValue] = now
        for arrival in network.arrivals(from: host, at: now, using: &random) {
            schedule.add(.packet(advertisement, from: host), due: arrival)
        }
    }

    /// The loop turns a little after its deadline.
    mutating func scheduleWake(of host: HostName) {
        guard self[host].agent.condition == .running,
            let deadline = self[host].agent.nextDeadline
        else {
            self[host].agent.wakeAt = nil
            return
        }
        let due = deadline + self[host].agent.clockLag
        self[host].agent.wakeAt = max(due, now) + random.duration(upTo: .milliseconds(1))
    }

    /// `CLOCK_BOOTTIME`, or what the blinded mutant takes for it.
    private func agentClock(of host: HostName) -> Instant {
        now.advanced(by: .zero - self[host].agent.clockLag)
    }

    // MARK: Its life as a process

    mutating func startAgent(on host: HostName) {
        guard self[host].isOn, self[host].agent.condition == .dead else { return }
        let life = self[host].agent.life + 1
        self[host].agent = SimulatedAgent(settings: settings.router(of: host))
        self[host].agent.life = life
        self[host].agent.condition = .running
        self[host].agent.ledger = LeaseLedger(
            grace: settings.leaseGrace,
            supervised: true,
            at: now
        )
        transcript.add(.said("agent started"), on: host, at: now)
        routerHandles(
            .check(PairSettings.extraCheck, succeeded: !self[host].extraCheckFails),
            on: host
        )
        routerHandles(.start(source: host.address, faults: []), on: host)
        scheduleWake(of: host)
        tellSupervisor(.started(.agent, pid: 1), on: host)
        tellSupervisor(.ready(.agent), on: host)
        agentConnected(on: host)
    }

    mutating func killAgent(on host: HostName) {
        guard self[host].agent.condition != .dead else { return }
        observeStop(of: host)
        self[host].agent.condition = .dead
        self[host].agent.wakeAt = nil
        self[host].agent.inbox.removeAll()
        self[host].agent.life += 1
        tellSupervisor(.exited(.agent, cause: "killed by SIGKILL"), on: host)
    }

    /// SIGTERM.
    mutating func terminateAgent(on host: HostName) {
        guard self[host].agent.condition == .running else { return }
        routerHandles(.shutdown, on: host)
        killAgent(on: host)
    }

    mutating func stopAgent(on host: HostName) {
        guard self[host].agent.condition == .running else { return }
        observeStop(of: host)
        self[host].agent.condition = .stopped
        self[host].agent.wakeAt = nil
        self[host].agent.stoppedAt = now
        schedule.add(
            .agentWatchdog(host, life: self[host].agent.life),
            due: now + SimulatedAgent.watchdog
        )
    }

    /// SIGCONT. Whether the loop looks at its clock or at its sockets first is up to the kernel.
    mutating func thawAgent(on host: HostName) {
        guard self[host].agent.condition == .stopped else { return }
        observations.lastOutage = now
        self[host].agent.condition = .running
        if mutation == .stallGuardBlinded, let stoppedAt = self[host].agent.stoppedAt {
            self[host].agent.clockLag = self[host].agent.clockLag + (now - stoppedAt)
        }
        self[host].agent.stoppedAt = nil
        if self[host].agent.router.holdsAddresses, !self[host].kernel.holds(at: now) {
            self[host].agent.inbox.append(.router(.addressesLost([PairSettings.virtualAddress])))
        }
        if random.chance(percent: 50) { agentWakes(on: host) }
        while let input = self[host].agent.inbox.popFirst() { agentReads(input, on: host) }
        scheduleWake(of: host)
    }
}

extension RouterEffect {
    /// What a MASTER does every second; a transcript of it would hold nothing else.
    var isRoutine: Bool {
        switch self {
        case .renewAddresses, .announceOwnership: true
        case .advertise(let priority): priority > 0
        case .claimAddresses, .releaseAddresses, .restoreAddresses, .releaseAddress,
            .advertiseDirectly, .transition, .note:
            false
        }
    }
}
