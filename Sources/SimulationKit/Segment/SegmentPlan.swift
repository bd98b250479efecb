package import Primitives
package import VRRP

/// What can go wrong on a segment.
package enum SegmentFault: Equatable, Sendable {
    case loss(percent: Int)
    case delay(Duration)
    case reordering(Duration)
    case duplication(percent: Int)
    /// What the first sends does not reach the second.
    case oneWay(from: Int, to: Int)
    /// What the first sends to all does not reach the second, but what it sends to it alone does.
    case deaf(from: Int, to: Int)
    /// A node without LAN and gateway.
    case cutOff(Int)
    case gatewayDead
    case agentKilled(Int, backAfter: Duration)
    /// Asked to end: it lets go and says so.
    case agentShutDown(Int, backAfter: Duration)
    case agentStopped(Int)
    case machinePaused(Int, clockRuns: Bool)
    case machineReset(Int)
    case checkFails(Int)
    case stepDown(Int, hold: Duration)
    case addressDeleted(Int)
    case reload(Int, SegmentReload)
    /// The supervisor lends no more than the last resort.
    case lastResort(Int)
    /// One member's interface.
    case interfaceDown(Int, member: Int)
}

extension SegmentFault {
    package enum Kind: String, Sendable, CaseIterable {
        case loss, delay, reordering, duplication, oneWay, deaf, cutOff, gatewayDead
        case agentKilled, agentShutDown, agentStopped, machinePaused, machineReset
        case checkFails, stepDown, addressDeleted, reload, lastResort, interfaceDown
    }

    package var kind: Kind {
        switch self {
        case .loss: .loss
        case .delay: .delay
        case .reordering: .reordering
        case .duplication: .duplication
        case .oneWay: .oneWay
        case .deaf: .deaf
        case .cutOff: .cutOff
        case .gatewayDead: .gatewayDead
        case .agentKilled: .agentKilled
        case .agentShutDown: .agentShutDown
        case .agentStopped: .agentStopped
        case .machinePaused: .machinePaused
        case .machineReset: .machineReset
        case .checkFails: .checkFails
        case .stepDown: .stepDown
        case .addressDeleted: .addressDeleted
        case .reload: .reload
        case .lastResort: .lastResort
        case .interfaceDown: .interfaceDown
        }
    }

    /// Whom it strikes; nil: the LAN.
    var victim: Int? {
        switch self {
        case .loss, .delay, .reordering, .duplication, .gatewayDead: nil
        case .oneWay(let from, _), .deaf(let from, _): from
        case .cutOff(let node), .agentKilled(let node, _), .agentShutDown(let node, _),
            .agentStopped(let node), .machinePaused(let node, _), .machineReset(let node),
            .checkFails(let node), .stepDown(let node, _), .addressDeleted(let node),
            .reload(let node, _), .lastResort(let node), .interfaceDown(let node, _):
            node
        }
    }
}

/// What a reload changes; nil: nothing.
package struct SegmentReload: Equatable, Sendable {
    package var priority: UInt8
    package var interval: Duration?
    package var weight: Int?
    package var preempt: Bool?
    package var hasSecondAddress: Bool?

    func applied(to old: RouterSettings, of member: Int) -> RouterSettings {
        var settings = old
        settings.basePriority = priority
        settings.advertisementInterval = interval ?? old.advertisementInterval
        settings.preempt = preempt ?? old.preempt
        if let weight { settings.tracks = [Track(subject: SegmentPlan.check, weight: weight)] }
        if let hasSecondAddress {
            let count = hasSecondAddress ? 2 : 1
            settings.addresses = Array(SegmentPlan.addresses(of: member).prefix(count))
        }
        return settings
    }
}

/// One seed's routers and faults.
package struct SegmentPlan: Equatable, Sendable {
    package struct Entry: Equatable, Sendable {
        package var fault: SegmentFault
        package var begins: Duration
        /// Nil: it is a blow, not a condition.
        package var lasts: Duration?
    }

    /// By node, then by member.
    package private(set) var settings: [[RouterSettings]] = []
    package private(set) var entries: [Entry] = []
    package private(set) var hasGateway = false
    /// What a third of the seeds leave alone.
    package private(set) var hasNetworkFaults = false

    package static let check = Track.Subject.script("check")
    private static let weights = [0, 2, -20, -5]
    private static let lists = [0, 1].map { member in
        [100, 110].map { first in
            VirtualAddress(prefix: Prefix(host: IPAddress(192, 0, 2, UInt8(first + member))))
        }
    }

    /// What the nodes' lists for one member are made of: all have the first address.
    static func addresses(of member: Int) -> [VirtualAddress] { lists[member] }
    private static let intervals: [Duration] = [
        .milliseconds(10), .milliseconds(100), .milliseconds(500), .seconds(1), .seconds(3),
    ]

    package init(routers: ClosedRange<Int>, using random: inout SeededGenerator) {
        let span = routers.upperBound - routers.lowerBound + 1
        let count = routers.lowerBound + Int(random.next() % UInt64(span))
        let version: ProtocolVersion = random.chance(percent: 50) ? .v2 : .v3
        let interval =
            version == .v2
            ? .seconds(random.chance(percent: 80) ? 1 : 2)
            : random.choice(of: Self.intervals) ?? .seconds(1)
        let isGrouped = random.chance(percent: 25)
        hasGateway = random.chance(percent: 30)
        hasNetworkFaults = random.chance(percent: 66)
        let hasTwoAddresses = random.chance(percent: 30)
        for _ in 0..<count {
            let base = UInt8(90 + random.next() % 20)
            let weight = random.choice(of: Self.weights) ?? 0
            let preempts = random.chance(percent: 80)
            let delays = random.chance(percent: 15)
            let isLoud = random.chance(percent: 20)
            let isOdd = random.chance(percent: 10)
            let length = hasTwoAddresses != isOdd ? 2 : 1
            settings.append(
                (0..<(isGrouped ? 2 : 1)).map { member in
                    var settings = RouterSettings(
                        name: "VI_\(member)",
                        interface: "eth\(member)",
                        virtualRouterID: UInt8(51 + member),
                        basePriority: base,
                        advertisementInterval: interval,
                        addresses: Array(Self.addresses(of: member).prefix(length)),
                        preempt: preempts,
                        preemptDelay: delays ? interval * 5 : .zero,
                        tracks: [Track(subject: Self.check, weight: weight)]
                    )
                    settings.version = version
                    settings.isGrouped = isGrouped
                    settings.yieldsAloud = isLoud
                    settings.gateway = hasGateway ? .automatic : nil
                    return settings
                }
            )
        }
        let faults = Int(random.next() % 5) + 1
        entries = (0..<faults).map { _ in
            entry(interval: interval, version: version, using: &random)
        }
        guard hasNetworkFaults || hasBlindPause else { return }
        // A loser's last word may be lost, and a machine that does not know that it stood still has nothing to
        // announce: only a refresh tells the neighbours then.
        for node in settings.indices {
            for member in settings[node].indices {
                settings[node][member].announcementRefresh = interval * 10
            }
        }
    }

    private var hasBlindPause: Bool {
        entries.contains { entry in
            if case .machinePaused(_, clockRuns: false) = entry.fault { true } else { false }
        }
    }

    /// Who hears a peer while the gateway is dead rightly trusts the gateway no more.
    var mayDiscreditGateway: Bool { entries.contains { $0.fault == .gatewayDead } }

    /// The last moment at which the plan does anything.
    package var end: Duration {
        entries.reduce(.zero) { max($0, $1.begins + ($1.lasts ?? .zero)) }
    }

    private func entry(
        interval: Duration,
        version: ProtocolVersion,
        using random: inout SeededGenerator
    ) -> Entry {
        let count = settings.count
        let node = Int(random.next() % UInt64(count))
        let other = (node + 1 + Int(random.next() % UInt64(count - 1))) % count
        let member = Int(random.next() % UInt64(settings[node].count))
        let long = random.duration(upTo: interval * 12)
        let short = random.duration(upTo: interval * 3)
        let either = random.chance(percent: 50) ? long : short
        let priority = UInt8(80 + random.next() % 40)
        let reload = SegmentReload(
            priority: priority,
            interval: version == .v3 ? interval * Int(random.next() % 3 + 1) : nil,
            weight: random.chance(percent: 50) ? random.choice(of: Self.weights) : nil,
            preempt: random.chance(percent: 30) ? random.chance(percent: 50) : nil,
            hasSecondAddress: random.chance(percent: 50) ? random.chance(percent: 50) : nil
        )
        var candidates: [(SegmentFault, Duration?)] = [
            (.agentKilled(node, backAfter: random.duration(upTo: interval)), nil),
            (.agentKilled(node, backAfter: random.duration(upTo: interval / 5)), nil),
            (.agentKilled(node, backAfter: long), nil),
            (.agentShutDown(node, backAfter: either), nil),
            (.agentStopped(node), either),
            (.machinePaused(node, clockRuns: true), either),
            (.machinePaused(node, clockRuns: false), either),
            (.machineReset(node), long),
            (.checkFails(node), long),
            (.stepDown(node, hold: random.duration(upTo: interval * 5)), nil),
            (.addressDeleted(node), nil),
            (.reload(node, reload), nil),
            (.lastResort(node), long),
            (.interfaceDown(node, member: member), long),
        ]
        if hasNetworkFaults {
            candidates += [
                (.loss(percent: Int(random.next() % 90) + 10), long),
                (.delay(random.duration(upTo: interval)), long),
                (.reordering(random.duration(upTo: interval)), long),
                (.duplication(percent: 50), long),
                (.oneWay(from: node, to: other), long),
                (.deaf(from: node, to: other), long),
                (.cutOff(node), long),
                (.gatewayDead, long),
            ]
        }
        let (fault, lasts) = random.choice(of: candidates) ?? (.gatewayDead, long)
        let begins = interval * 4 + random.duration(upTo: interval * 12)
        return Entry(fault: fault, begins: begins, lasts: lasts)
    }
}
