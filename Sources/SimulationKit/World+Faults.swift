import Primitives
import VRRP

/// What each fault does to the world, and what its end does.
extension World {
    mutating func strike(_ fault: Fault) {
        transcript.add(.fault(fault), on: nil, at: now)
        observations.note(fault, at: now)
        switch fault {
        case .packetLoss(let percent): network.lossPercent = percent
        case .packetDelay(let delay): network.delay = delay
        case .packetReordering(let jitter): network.jitter = jitter
        case .packetDuplication(let percent): network.duplicationPercent = percent
        case .oneWayPartition(let sender): network.silenced.insert(sender)
        case .fullPartition: network.silenced = Set(HostName.allCases)
        case .agentKilled(let host): if self[host].isOn { killAgent(on: host) }
        case .agentKilledMidTurn(let host):
            self[host].agent.effectsLeft = Int(random.next() % 4)
        case .agentStopped(let host): if self[host].isOn { stopAgent(on: host) }
        case .supervisorKilled(let host): if self[host].isOn { killSupervisor(on: host) }
        case .proxyKilled(let host): if self[host].isOn { killProxy(on: host) }
        case .proxyHung(let host): if self[host].isOn { self[host].proxy.hang() }
        case .proxyUnstartable(let host):
            self[host].proxy.canStart = false
            if self[host].isOn { killProxy(on: host) }
        case .serversLost(let host): setServers(on: host, present: false)
        case .powerLoss(let host): switchOff(host)
        case .hostPaused(let host):
            if self[host].isOn { self[host].condition = .paused(since: now) }
        case .operatorStop(let host): if self[host].isOn { operatorStops(on: host) }
        case .operatorFailover(let host): if self[host].isOn { operatorFailsOver(on: host) }
        case .addressDeleted(let host): deleteAddress(on: host)
        case .checkFails(let host): extraCheck(on: host, fails: true)
        }
    }

    mutating func end(_ fault: Fault) {
        transcript.add(.mended(fault), on: nil, at: now)
        observations.note(fault, at: now)
        switch fault {
        case .packetLoss, .packetDelay, .packetReordering, .packetDuplication, .oneWayPartition,
            .fullPartition:
            network.heal(at: now)
        case .agentKilled, .agentKilledMidTurn, .supervisorKilled, .proxyKilled, .operatorFailover,
            .addressDeleted:
            break
        case .agentStopped(let host): if self[host].isOn { thawAgent(on: host) }
        case .proxyHung(let host): thawProxy(on: host)
        case .proxyUnstartable(let host): self[host].proxy.canStart = true
        case .serversLost(let host): setServers(on: host, present: true)
        case .powerLoss(let host): switchOn(host)
        case .hostPaused(let host): resume(host)
        case .operatorStop(let host): if self[host].isOn { operatorStarts(on: host) }
        case .checkFails(let host): extraCheck(on: host, fails: false)
        }
    }

    /// Ends whatever lasts: the pair is left to itself on a healthy LAN.
    package mutating func mendEverything() {
        end(.fullPartition)
        for host in HostName.allCases {
            end(.hostPaused(host))
            end(.powerLoss(host))
            end(.agentStopped(host))
            end(.proxyHung(host))
            end(.proxyUnstartable(host))
            end(.serversLost(host))
            end(.checkFails(host))
            if self[host].isStoppedByOperator { end(.operatorStop(host)) }
        }
        takeVitals()
    }

    private mutating func switchOff(_ host: HostName) {
        guard self[host].condition != .off else { return }
        let lives = (self[host].agent.life, self[host].supervisor.life, self[host].proxy.life)
        let canStart = self[host].proxy.canStart
        let hasServers = self[host].proxy.hasServers
        let extraCheckFails = self[host].extraCheckFails
        self[host] = SimulatedHost(settings: settings.router(of: host))
        self[host].agent.life = lives.0 + 1
        self[host].supervisor.life = lives.1 + 1
        self[host].proxy.life = lives.2 + 1
        self[host].proxy.canStart = canStart
        self[host].proxy.hasServers = hasServers
        self[host].extraCheckFails = extraCheckFails
    }

    private mutating func switchOn(_ host: HostName) {
        guard self[host].condition == .off else { return }
        self[host].condition = .on
        let moment = Duration.milliseconds(500)
        schedule.add(.supervisorStarts(host), due: now + random.duration(upTo: moment))
    }

    private mutating func resume(_ host: HostName) {
        guard case .paused(let since) = self[host].condition else { return }
        self[host].condition = .on
        self[host].kernel.resume(after: now - since)
        observations.lastResumption = now
        // Its processes run again, in any order and a moment later.
        let moment = Duration.milliseconds(5)
        if let wakeAt = self[host].agent.wakeAt {
            self[host].agent.wakeAt = max(wakeAt, now + random.duration(upTo: moment))
        }
        if let wakeAt = self[host].supervisor.wakeAt {
            self[host].supervisor.wakeAt = max(wakeAt, now + random.duration(upTo: moment))
        }
    }

    private mutating func deleteAddress(on host: HostName) {
        guard self[host].isOn, self[host].kernel.holds(at: now) else { return }
        self[host].kernel.remove()
        schedule.add(
            .toAgent(
                host,
                .router(.addressesLost([PairSettings.virtualAddress])),
                life: self[host].agent.life
            ),
            due: now + random.duration(upTo: .milliseconds(1))
        )
    }

    private mutating func extraCheck(on host: HostName, fails: Bool) {
        self[host].extraCheckFails = fails
        guard self[host].isOn else { return }
        deliver(.router(.check(PairSettings.extraCheck, succeeded: !fails)), to: host)
    }
}
