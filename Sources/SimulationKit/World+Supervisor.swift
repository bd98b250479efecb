import Primitives
import Supervision
import VRRP

/// The supervisor's shell of the simulation: facts into the engine, verdicts out to the other two.
extension World {
    /// A fact is on its way to the supervisor, if there is one.
    mutating func tellSupervisor(_ fact: Fact, on host: HostName) {
        guard self[host].supervisor.isRunning else { return }
        schedule.add(
            .toSupervisor(host, fact, life: self[host].supervisor.life),
            due: now + SimulatedSupervisor.linkDelay
        )
    }

    mutating func supervisorReads(_ fact: Fact, on host: HostName) {
        let now = now
        guard let verdicts = self[host].supervisor.engine?.handle(fact, at: now) else { return }
        for verdict in verdicts { carryOut(verdict, on: host) }
        scheduleWakeOfSupervisor(on: host)
    }

    mutating func supervisorWakes(on host: HostName) {
        supervisorReads(.deadline, on: host)
        require(
            deadlineInFuture(
                self[host].supervisor.engine?.nextDeadline,
                of: "decision engine",
                at: now
            )
        )
    }

    private mutating func scheduleWakeOfSupervisor(on host: HostName) {
        let deadline = self[host].supervisor.engine?.nextDeadline
        self[host].supervisor.wakeAt = deadline.map {
            max($0, now) + random.duration(upTo: .milliseconds(1))
        }
    }

    private mutating func carryOut(_ verdict: Verdict, on host: HostName) {
        switch verdict {
        case .start(.proxy): startProxy(on: host)
        case .start(.agent):
            schedule.add(
                .agentStarts(host),
                due: now + .milliseconds(20) + random.duration(upTo: .milliseconds(100))
            )
        case .stop(.proxy): terminateProxy(on: host)
        case .stop(.agent): terminateAgent(on: host)
        case .kill(.proxy): killProxy(on: host)
        case .kill(.agent): killAgent(on: host)
        case .start(.supervisor), .stop(.supervisor), .kill(.supervisor): break
        case .stepDown(let reason, let hold):
            tellAgent(.router(.stepDown(reason, hold: hold)), on: host)
        case .lease(let standing, let proxyHealthy):
            let lease = SimulatedAgent.Input.lease(
                DecisionEngine.leaseDuration,
                standing,
                proxyHealthy: proxyHealthy
            )
            // One that says nothing new arrives at once; a sweep has millions of them.
            if lease == self[host].supervisor.lastLease {
                deliver(lease, to: host)
            } else {
                self[host].supervisor.lastLease = lease
                tellAgent(lease, on: host)
            }
        case .refreshProxy, .pauseProxy, .resumeProxy, .drainProxy, .reload, .exit: break
        case .journal(let entry):
            transcript.add(.decided(entry), on: host, at: now)
        }
    }

    private mutating func tellAgent(_ input: SimulatedAgent.Input, on host: HostName) {
        schedule.add(
            .toAgent(host, input, life: self[host].agent.life),
            due: now + SimulatedSupervisor.linkDelay
        )
    }

    // MARK: What the other two make known

    mutating func agentReports(_ transition: RouterTransition, on host: HostName) {
        tellSupervisor(
            .router(name: self[host].agent.router.settings.name, state: transition.to),
            on: host
        )
    }

    mutating func agentReports(_ note: RouterNote, on host: HostName) {
        switch note {
        case .masterHeard(let priority, _), .rivalHeard(let priority, _):
            tellSupervisor(.peerHeard(priority: priority), on: host)
        case .lowerPriorityHeard, .priorityChanged, .addressRestored, .addressListDiffers,
            .timerLate, .withheld, .witnessDiscredited, .rivalDeaf,
            .addressAnswered:
            break
        }
    }

    /// The agent and the supervisor have found each other.
    mutating func agentConnected(on host: HostName) {
        guard self[host].agent.condition == .running else { return }
        let router = self[host].agent.router
        self[host].supervisor.lastLease = nil
        tellSupervisor(.agentConnected, on: host)
        tellSupervisor(.router(name: router.settings.name, state: router.visibleState), on: host)
    }

    // MARK: Its life as a process

    mutating func startSupervisor(on host: HostName) {
        guard self[host].isOn, !self[host].supervisor.isRunning else { return }
        self[host].supervisor.life += 1
        self[host].supervisor.lastLease = nil
        self[host].supervisor.engine = DecisionEngine(settings: settings.supervision)
        transcript.add(.said("supervisor started"), on: host, at: now)
        let isAgentThere = self[host].agent.condition != .dead
        let isProxyThere = self[host].proxy.condition != .absent
        supervisorReads(isProxyThere ? .found(.proxy, pid: 2) : .absent(.proxy), on: host)
        supervisorReads(isAgentThere ? .found(.agent, pid: 1) : .absent(.agent), on: host)
        agentConnected(on: host)
    }

    mutating func killSupervisor(on host: HostName) {
        guard self[host].supervisor.isRunning else { return }
        self[host].supervisor.engine = nil
        self[host].supervisor.wakeAt = nil
        self[host].supervisor.life += 1
        let pause = Duration.milliseconds(50) + random.duration(upTo: .milliseconds(500))
        schedule.add(.supervisorStarts(host), due: now + pause)
    }

    // MARK: tandemctl

    mutating func operatorStops(on host: HostName) {
        self[host].isStoppedByOperator = true
        supervisorReads(.request(.stop(.proxy)), on: host)
    }

    mutating func operatorStarts(on host: HostName) {
        self[host].isStoppedByOperator = false
        supervisorReads(.request(.start(.proxy)), on: host)
    }

    mutating func operatorFailsOver(on host: HostName) {
        supervisorReads(.request(.failover), on: host)
    }
}
