package import Primitives
import Supervision
import VRRP

/// One LAN with two nodes, in virtual time: everything that happens follows from the seed.
package struct World: Equatable, Sendable {
    enum Event: Equatable, Sendable {
        case packet(Advertisement, from: HostName)
        case toAgent(HostName, SimulatedAgent.Input, life: Int)
        case toSupervisor(HostName, Fact, life: Int)
        case agentStarts(HostName)
        /// The service manager has not heard of the agent for too long.
        case agentWatchdog(HostName, life: Int)
        case supervisorStarts(HostName)
        case proxy(HostName, SimulatedProxy.Step, life: Int)
        case fault(Fault)
        case mend(Fault)
    }

    private enum Turn {
        case event
        case agent(HostName)
        case supervisor(HostName)
    }

    package let settings: PairSettings
    package let mutation: Mutation?
    package internal(set) var now: Instant = .zero + .seconds(100)
    package internal(set) var steps = 0
    package internal(set) var network = LocalNetwork()
    package internal(set) var transcript: Transcript
    package internal(set) var observations = Observations()
    /// The first invariant that was broken.
    package internal(set) var violation: Violation?

    var hosts: [SimulatedHost]
    var vitals = [HostVitals(), HostVitals()]
    var random: SeededGenerator
    var schedule = Schedule<Event>()

    /// Both nodes are switched on in the first moments.
    package init(
        seed: UInt64,
        settings: PairSettings,
        mutation: Mutation? = nil,
        keepsTranscript: Bool = false
    ) {
        self.settings = settings
        self.mutation = mutation
        random = SeededGenerator(seed: seed)
        transcript = Transcript(keepsAll: keepsTranscript)
        hosts = HostName.allCases.map { SimulatedHost(settings: settings.router(of: $0)) }
        for host in HostName.allCases {
            schedule.add(.mend(.powerLoss(host)), due: now + random.duration(upTo: .seconds(2)))
        }
    }

    package internal(set) subscript(host: HostName) -> SimulatedHost {
        get { hosts[host.rawValue] }
        _modify { yield &hosts[host.rawValue] }
    }

    /// The nodes that have the address at present.
    package var holders: [HostName] {
        HostName.allCases.filter { vitals[$0.rawValue].heldUntil(at: now) != nil }
    }

    package mutating func inject(_ fault: Fault, after delay: Duration = .zero) {
        schedule.add(.fault(fault), due: now + delay)
    }

    package mutating func mend(_ fault: Fault, after delay: Duration = .zero) {
        schedule.add(.mend(fault), due: now + delay)
    }

    /// Lets everything happen that happens until `pause` from now, or until an invariant is broken.
    package mutating func run(for pause: Duration) {
        let end = now + pause
        while violation == nil, let due = nextTurn?.due, due <= end { step() }
        pass(to: max(now, end))
    }

    /// Runs until the condition holds, and says when; nil if it does not come true in time.
    package mutating func run(
        for limit: Duration,
        until condition: (World) -> Bool
    ) -> Instant? {
        let end = now + limit
        while !condition(self) {
            guard violation == nil, let due = nextTurn?.due, due <= end else {
                pass(to: max(now, end))
                return condition(self) ? now : nil
            }
            step()
        }
        return now
    }

    /// The next thing that happens, and then every invariant.
    package mutating func step() {
        guard let (due, turn) = nextTurn else { return }
        pass(to: max(now, due))
        steps += 1
        switch turn {
        case .event:
            if let (_, event) = schedule.popFirst() { happen(event) }
        case .agent(let host): agentWakes(on: host)
        case .supervisor(let host): supervisorWakes(on: host)
        }
        takeVitals()
        checkInvariants()
    }

    private var nextTurn: (due: Instant, turn: Turn)? {
        var next: (due: Instant, turn: Turn)? = schedule.nextDue.map { ($0, .event) }
        for index in vitals.indices where vitals[index].isOn {
            if let wakeAt = vitals[index].agentWakeAt, wakeAt < next?.due ?? .distantFuture {
                next = (wakeAt, .agent(HostName.allCases[index]))
            }
            if let wakeAt = vitals[index].supervisorWakeAt, wakeAt < next?.due ?? .distantFuture {
                next = (wakeAt, .supervisor(HostName.allCases[index]))
            }
        }
        return next
    }

    private mutating func happen(_ event: Event) {
        switch event {
        case .packet(let advertisement, let sender):
            guard self[sender.other].isOn else { return }
            deliver(.router(.received(advertisement, from: sender.address)), to: sender.other)
        case .toAgent(let host, let input, let life):
            guard awaitsResumption(of: host, event) == false, self[host].agent.life == life else {
                return
            }
            deliver(input, to: host)
        case .toSupervisor(let host, let fact, let life):
            guard awaitsResumption(of: host, event) == false,
                self[host].supervisor.life == life
            else { return }
            supervisorReads(fact, on: host)
        case .agentStarts(let host):
            if awaitsResumption(of: host, event) == false { startAgent(on: host) }
        case .agentWatchdog(let host, let life):
            guard awaitsResumption(of: host, event) == false, self[host].agent.life == life,
                self[host].agent.condition == .stopped
            else { return }
            tellSupervisor(.watchdogExpired(.agent), on: host)
        case .supervisorStarts(let host):
            if awaitsResumption(of: host, event) == false { startSupervisor(on: host) }
        case .proxy(let host, let step, let life):
            guard awaitsResumption(of: host, event) == false, self[host].proxy.life == life else {
                return
            }
            proxySteps(step, on: host)
        case .fault(let fault): strike(fault)
        case .mend(let fault): end(fault)
        }
    }

    /// Nothing happens on a machine that is paused; it happens when the machine goes on.
    private mutating func awaitsResumption(of host: HostName, _ event: Event) -> Bool {
        guard case .paused = self[host].condition else { return false }
        schedule.add(event, due: now + .milliseconds(100))
        return true
    }
}
