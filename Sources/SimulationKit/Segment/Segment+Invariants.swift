import Primitives
import VRRP

/// An invariant of a segment that was broken, and how.
package struct SegmentViolation: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Invariant: String, Sendable {
        case atMostOneHolder
        case releasedBeforeSilence
        case bestTakesOver
        case handsOverAtOnce
        case isolatedHoldsNothing
        case converges
        case noFlapping
        case lastAnnouncerHolds
        case groupTogether
        case queuesBounded
        case deadlineInFuture
    }

    package var invariant: Invariant
    package var text: String

    package var description: String { "\(invariant.rawValue): \(text)" }
}

/// What the invariants have to remember from step to step.
package struct SegmentObservations: Equatable, Sendable {
    var lastResumption: Instant = .zero
    /// Of a machine whose clock does not know that it stood still.
    var lastBlindResumption: Instant = .zero
    /// When an agent that did not run last went on.
    var lastOutage: Instant = .zero
    /// The one before that.
    var outageBefore: Instant = .zero
    var lastAdoption: Instant = .zero
    /// When an agent last stopped right behind an advertisement of its own.
    var lastRacingStop: Instant = .zero
    var lastTransition: Instant = .zero
    /// How many have struck or ended.
    var faults = 0
    /// Who announced last, by member.
    var announcers: [Int: Int] = [:]
    var leftInitialize: [Instant] = []
    package internal(set) var directAdvertisements = 0
    package internal(set) var adoptions = 0
    /// On a LAN that is well.
    package internal(set) var longestExcusedOverlap: Duration = .zero
}

extension Segment {
    /// A MASTER that is stopped between its advertisement and the answer that preempts it neither hears the
    /// answer nor lets go: a way there, a way back, and the turns of two loops.
    private var handOverRace: Duration { network.healthyDelay * 6 }

    private var longestInterval: Duration {
        nodes.reduce(.zero) { longest, node in
            max(longest, node.members[0].router.settings.advertisementInterval)
        }
    }

    mutating func require(
        _ invariant: SegmentViolation.Invariant,
        _ text: @autoclosure () -> String
    ) {
        guard violation == nil else { return }
        let violation = SegmentViolation(invariant: invariant, text: text())
        self.violation = violation
        tell("VIOLATION \(violation)")
    }

    /// Time passes, and nothing happens but what the kernels do by themselves.
    mutating func pass(to next: Instant) {
        for member in nodes[0].members.indices {
            let holders = holders(of: member)
            guard holders.count > 1, next > now else { continue }
            guard !isOverlapPermitted() else { continue }
            require(
                .atMostOneHolder,
                "nodes \(holders) have the address of member \(member) on a LAN that is well"
            )
        }
        now = next
    }

    /// After the LAN is whole again, or after a machine stood still without knowing it, both MASTERs have to
    /// hear each other: the next advertisement, and its way. An agent that does not run can't let go: then its
    /// addresses' lifetime counts.
    private func isOverlapPermitted() -> Bool {
        let mutual = longestInterval + network.healthyDelay * 8 + .milliseconds(20)
        let lifetime = nodes[0].members[0].router.settings.addressLifetime + .milliseconds(100)
        let hangs =
            nodes.contains { $0.condition == .stopped || $0.condition == .dead }
            || now < observed.lastOutage + mutual
        let slack = hangs ? mutual + lifetime : mutual
        if !network.isCalm(for: slack, at: now) { return true }
        if now < observed.lastBlindResumption + slack { return true }
        // A BACKUP that stood still waits one advertisement and its skew time more, and may have a MASTER's
        // last packet still to read: one that dies in between leaves its addresses behind.
        let whole = max(longestInterval, .seconds(1))
        let patience = mutual + whole + lifetime
        if nodes.contains(where: { $0.condition == .stopped || $0.condition == .dead }) {
            let late = max(observed.lastOutage, observed.lastResumption)
            if now < late + patience { return true }
        } else if now < observed.lastOutage + network.healthyDelay * 8 {
            // The MASTER that was gone is back in time, and hears of the other one.
            let late = max(observed.outageBefore, observed.lastResumption)
            if now < late + patience { return true }
        }
        // Then an adoption ends it by the first exchange.
        if now < observed.lastAdoption + mutual { return true }
        if diedUnheard(within: lifetime) { return true }
        let turn = network.healthyDelay * 4
        if now < observed.lastResumption + turn { return true }
        return now < observed.lastRacingStop + lifetime
    }

    /// A node that has just started waits by its own interval: a MASTER with a longer one (RFC 9568 §6.1, a
    /// reload that has reached one of them) that ends before it is heard leaves its addresses behind.
    private func diedUnheard(within lifetime: Duration) -> Bool {
        nodes.contains { silent in
            guard silent.condition == .stopped || silent.condition == .dead else { return false }
            let interval = silent.members[0].router.settings.advertisementInterval
            return now < silent.disturbedAt + lifetime
                && nodes.contains { other in
                    other.members[0].router.settings.advertisementInterval < interval
                        && other.startedAt + interval > silent.disturbedAt
                }
        }
    }

    mutating func observeStop(of node: Int) {
        let spoke = nodes[node].members.contains { member in
            member.spokeAt.map { $0 + handOverRace > now } ?? false
        }
        if spoke { observed.lastRacingStop = now }
    }

    mutating func observe(_ transition: RouterTransition, _ node: Int, _ member: Int) {
        observed.lastTransition = now
        if transition.reason == .adopted {
            observed.adoptions += 1
            observed.lastAdoption = now
        }
        guard transition.to == .active else { return }
        switch transition.reason {
        case .masterDown, .masterReleased: requireBest(node, member)
        default: break
        }
    }

    /// Where all have heard the same, the highest priority takes over: the skew time sees to it.
    private mutating func requireBest(_ node: Int, _ member: Int) {
        guard nodes[node].members.count == 1, !plan.hasGateway,
            network.isCalm(for: unit * 8, at: now), isUndisturbed(node),
            // A MASTER come back from nowhere may answer a priority 0 that not all have heard yet.
            now > observed.lastBlindResumption + unit * 4
        else { return }
        let router = nodes[node].members[member].router
        for other in nodes.indices where other != node && isUndisturbed(other) {
            let rival = nodes[other].members[member].router
            guard rival.visibleState == .backup,
                rival.settings.advertisementInterval == router.settings.advertisementInterval,
                router.skewTime - rival.skewTime > network.healthyDelay * 4
            else { continue }
            require(
                .bestTakesOver,
                "node \(node) takes over with \(router.effectivePriority), though \(other) has "
                    + "\(rival.effectivePriority)"
            )
        }
    }

    /// A MASTER that gives up costs no more than the skew time of another one that is well, if it does not come
    /// back before.
    mutating func expectHandOver(from node: Int, hold: Duration) {
        let heirs = nodes.indices.filter { $0 != node && isUndisturbed($0) }
        guard nodes[node].holds(0, at: now), nodes[node].members.count == 1, !heirs.isEmpty,
            nodes[node].condition == .running, network.isCalm(for: unit * 12, at: now),
            heirs.allSatisfy({ nodes[$0].members[0].router.visibleState == .backup })
        else { return }
        let whole = plan.settings[0][0].version == .v2 ? Duration.seconds(1) : longestInterval
        let patience = whole + .milliseconds(20) + network.healthyDelay * 8
        guard hold > patience else { return }
        schedule.add(.expectHolder(afterFaults: observed.faults), due: now + patience)
    }

    mutating func requireHolder(afterFaults faults: Int) {
        guard faults == observed.faults, holders(of: 0).isEmpty else { return }
        require(.handsOverAtOnce, "nobody has taken over from a MASTER that gave up")
    }

    private func isUndisturbed(_ node: Int) -> Bool {
        nodes[node].condition == .running && nodes[node].disturbedAt + unit * 12 < now
    }

    /// After every step.
    mutating func checkAfterStep() {
        guard plan.hasGateway, !plan.mayDiscreditGateway else { return }
        for node in nodes.indices { requireIsolatedHoldsNothing(node) }
    }

    /// Two intervals until the gateway is missed, a master-down interval until the node lets go.
    private mutating func requireIsolatedHoldsNothing(_ index: Int) {
        let node = nodes[index]
        guard let since = node.isolatedSince, node.condition == .running else { return }
        let router = node.members[0].router
        let whole = plan.settings[0][0].version == .v2 ? Duration.seconds(1) : longestInterval
        let begin = max(since, max(node.disturbedAt, network.troubleUntil))
        let patience =
            unit * 2 + router.settings.advertisementInterval * 4 + longestInterval + whole
        guard now > begin + patience else { return }
        for member in node.members.indices where node.holds(member, at: now) {
            require(.isolatedHoldsNothing, "node \(index) is cut off and keeps the address")
        }
    }

    /// What everybody needs to find together once everything is mended.
    var settlingTime: Duration {
        let whole = plan.settings[0][0].version == .v2 ? Duration.seconds(1) : longestInterval
        return longestInterval * 16 + whole * 4 + unit * 12
    }

    /// One holder for each member, the same one, which nobody may preempt, and who was the last to announce.
    mutating func requireConvergence() {
        let since = now
        run(until: now + longestInterval * 4)
        if observed.lastTransition > since {
            require(.noFlapping, "the routers are mended and still change their states")
        }
        // Announcements that answer something are a second apart.
        let isAnnounced = nodes[0].members.indices.allSatisfy { member in
            observed.announcers[member].map { holders(of: member) == [$0] } ?? false
        }
        if !isAnnounced { run(until: now + VirtualRouter.announcementSpacing) }
        for member in nodes[0].members.indices {
            let holders = holders(of: member)
            guard let holder = holders.first, holders.count == 1 else {
                require(.converges, "\(holders) have the address of member \(member) in the end")
                return
            }
            let own = nodes[holder].members[member].router.effectivePriority
            for node in nodes.indices {
                let router = nodes[node].members[member].router
                guard router.settings.preempt, router.effectivePriority > own else { continue }
                require(.converges, "node \(holder) is MASTER with \(own), though \(node) has more")
            }
            if observed.announcers[member] != holder {
                require(.lastAnnouncerHolds, "the neighbours believe another node than \(holder)")
            }
            if holders != self.holders(of: 0) {
                require(.groupTogether, "the members of a group are on two nodes")
            }
        }
    }
}
