package import Primitives

/// Which faults strike when, and when they end: drawn from a seed.
package struct FaultPlan: Equatable, Sendable {
    package struct Entry: Equatable, Sendable {
        package var fault: Fault
        package var begins: Duration
        /// Nil: it is a blow, not a condition.
        package var lasts: Duration?
    }

    package let entries: [Entry]

    /// Faults of the processes and of the machines only, or of the LAN as well.
    package init(
        faults: Int,
        within span: Duration,
        withNetwork: Bool,
        using random: inout SeededGenerator
    ) {
        entries = (0..<faults).map { _ in
            Self.entry(
                begins: .seconds(4) + random.duration(upTo: span),
                withNetwork: withNetwork,
                using: &random
            )
        }
    }

    /// The last moment at which the plan does anything.
    package var end: Duration {
        entries.reduce(.zero) { max($0, $1.begins + ($1.lasts ?? .zero)) }
    }

    private static func entry(
        begins: Duration,
        withNetwork: Bool,
        using random: inout SeededGenerator
    ) -> Entry {
        let host: HostName = random.chance(percent: 60) ? .machine1 : .machine2
        let long = random.duration(upTo: .seconds(10))
        let short = random.duration(upTo: .seconds(3))
        var candidates: [(Fault, Duration?)] = [
            (.agentKilled(host), nil),
            (.agentKilledMidTurn(host), nil),
            (.agentStopped(host), random.chance(percent: 50) ? long : short),
            (.supervisorKilled(host), nil),
            (.proxyKilled(host), nil),
            (.proxyHung(host), long * 2),
            (.proxyUnstartable(host), long),
            (.serversLost(host), long),
            (.powerLoss(host), long),
            (.hostPaused(host), random.chance(percent: 50) ? long : short),
            (.operatorStop(host), long),
            (.operatorFailover(host), nil),
            (.addressDeleted(host), nil),
            (.checkFails(host), long),
        ]
        if withNetwork {
            candidates += [
                (.packetLoss(percent: Int(random.next() % 90) + 10), long),
                (.packetDelay(random.duration(upTo: .milliseconds(800))), long),
                (.packetReordering(random.duration(upTo: .milliseconds(800))), long),
                (.packetDuplication(percent: 50), long),
                (.oneWayPartition(from: host), long),
                (.fullPartition, long),
            ]
        }
        let (fault, lasts) = random.choice(of: candidates) ?? (.fullPartition, long)
        return Entry(fault: fault, begins: begins, lasts: lasts)
    }
}
