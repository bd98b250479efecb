package import Primitives
import VRRP

/// One LAN with two to five routers, in virtual time: everything that happens follows from the seed. Where
/// `World` has two whole nodes with supervisors and proxies, a segment has many agents and nothing else, and
/// is quick enough for sweeps of many thousand seeds.
package struct Segment: Equatable, Sendable {
    enum Event: Equatable, Sendable {
        case packet(SegmentInput, to: Int)
        case agentStarts(Int, life: Int)
        case gateway(Int, answers: Bool, life: Int)
        case fault(SegmentFault)
        case mend(SegmentFault)
        /// A MASTER is gone: somebody that runs, and not this one, has to have the addresses by now, if nothing
        /// else happened.
        case expectHolder(SegmentViolation.Invariant, otherThan: Int?, afterFaults: Int)
    }

    package let plan: SegmentPlan
    package let defect: SegmentDefect?
    package internal(set) var now: Instant = .zero + .seconds(1000)
    package internal(set) var steps = 0
    /// The first invariant that was broken.
    package internal(set) var violation: SegmentViolation?
    package internal(set) var observed = SegmentObservations()
    /// The last things that happened.
    package internal(set) var story: [String] = []

    var nodes: [SegmentNode]
    var network: SegmentNetwork
    var random: SeededGenerator
    var schedule = Schedule<Event>()
    /// The shortest interval at the start, which scales every small delay.
    let unit: Duration
    /// When two began to have an address at the same time, by the two and the address.
    var overlaps: [Int: Instant] = [:]
    private let keepsStory: Bool

    package init(
        seed: UInt64,
        plan: SegmentPlan,
        defect: SegmentDefect? = nil,
        keepsStory: Bool = false
    ) {
        self.plan = plan
        self.defect = defect
        self.keepsStory = keepsStory
        random = SeededGenerator(seed: seed)
        unit = plan.settings[0][0].advertisementInterval
        network = SegmentNetwork(unit: unit)
        nodes = plan.settings.enumerated().map { index, settings in
            SegmentNode(address: IPAddress(192, 0, 2, UInt8(1 + index)), settings: settings)
        }
        observed.leftInitialize = Array(repeating: now, count: nodes.count)
        for index in nodes.indices {
            let due = now + random.duration(upTo: unit * 2)
            schedule.add(.agentStarts(index, life: 0), due: due)
        }
        for entry in plan.entries {
            schedule.add(.fault(entry.fault), due: now + entry.begins)
            if let lasts = entry.lasts {
                schedule.add(.mend(entry.fault), due: now + entry.begins + lasts)
            }
        }
    }

    /// The nodes that have the member's addresses at present.
    func holders(of member: Int) -> [Int] {
        nodes.indices.filter { nodes[$0].holds(member, at: now) }
    }

    /// Lets everything happen that happens until `end`, or until an invariant is broken.
    mutating func run(until end: Instant) {
        while violation == nil, let due = nextDue, due <= end { step() }
        if violation == nil { pass(to: max(now, end)) }
    }

    private var nextWake: (due: Instant, node: Int, member: Int)? {
        var next: (due: Instant, node: Int, member: Int)?
        for node in nodes.indices where nodes[node].condition == .running {
            for member in nodes[node].members.indices {
                guard let wakeAt = nodes[node].members[member].wakeAt,
                    wakeAt < next?.due ?? .distantFuture
                else { continue }
                next = (wakeAt, node, member)
            }
        }
        return next
    }

    private var nextDue: Instant? {
        switch (nextWake?.due, schedule.nextDue) {
        case (let wake?, let event?): min(wake, event)
        case (let wake, let event): wake ?? event
        }
    }

    private mutating func step() {
        let wake = nextWake
        steps += 1
        if let wake, wake.due < schedule.nextDue ?? .distantFuture {
            pass(to: max(now, wake.due))
            if violation == nil { agentWakes(wake.node, wake.member) }
        } else if let due = schedule.nextDue {
            pass(to: max(now, due))
            if violation == nil, let (_, event) = schedule.popFirst() { happen(event) }
        }
        checkAfterStep()
    }

    private mutating func happen(_ event: Event) {
        switch event {
        case .packet(let input, let node): deliver(input, to: node)
        case .agentStarts(let node, let life):
            if nodes[node].life == life { startAgent(node) }
        case .gateway(let node, let answers, let life):
            if nodes[node].life == life { hearGateway(node, answers) }
        case .fault(let fault): strike(fault)
        case .mend(let fault): end(fault)
        case .expectHolder(let invariant, let node, let faults):
            requireHolder(invariant, otherThan: node, afterFaults: faults)
        }
    }

    mutating func tell(_ text: @autoclosure () -> String) {
        guard keepsStory else { return }
        let microseconds = (now - (.zero + .seconds(1000))).nanoseconds / 1000
        story.append("\(microseconds) us: \(text())")
        if story.count > 400 { story.removeFirst(200) }
    }
}
