import Primitives
import VRRP

/// An invariant of a segment that was broken, and how.
package struct SegmentViolation: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Invariant: String, Sendable {
        case atMostOneHolder
        case releasedBeforeSilence
        case bestTakesOver
        /// A MASTER that says that it gives up is followed within the skew time.
        case handsOverAtOnce
        /// A MASTER that falls silent is followed within the master-down interval.
        case takesOverInTime
        /// A MASTER that is no more than the last resort is followed by whoever is more.
        case relievesLastResort
        /// An overlap of two that is their own doing ends.
        case overlapEnds
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
    /// Of a machine whose clock does not know that it stood still.
    var lastBlindResumption: Instant = .zero
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
    /// The longest time on two nodes, by what excused it in the end.
    package internal(set) var overlaps: [SegmentExemption: Duration] = [:]
    /// How many faults struck the MASTER, or the LAN while there was one.
    package internal(set) var strokes: [SegmentFault.Kind: Int] = [:]
    /// How often a MASTER had to be followed in time.
    package internal(set) var successions: [SegmentViolation.Invariant: Int] = [:]
}

extension Segment {
    var longestInterval: Duration {
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
        if next > now {
            for member in nodes[0].members.indices where mayOverlap(member) {
                for slot in HeldUntil.slots {
                    lookForOverlaps(of: member, slot: slot, until: next)
                }
            }
        }
        now = next
    }

    private func mayOverlap(_ member: Int) -> Bool {
        var holders = 0
        for node in nodes.indices where nodes[node].holds(member, at: now) { holders += 1 }
        return holders > 1 || !overlaps.isEmpty
    }

    private mutating func lookForOverlaps(of member: Int, slot: Int, until next: Instant) {
        let holders = nodes.indices.filter { nodes[$0].holds(member, slot: slot, at: now) != nil }
        guard holders.count > 1 else {
            if !overlaps.isEmpty { overlaps = overlaps.filter { $0.key % 4 != member * 2 + slot } }
            return
        }
        for (index, first) in holders.enumerated() {
            for second in holders[(index + 1)...] {
                guard let left = nodes[first].holds(member, slot: slot, at: now),
                    let right = nodes[second].holds(member, slot: slot, at: now)
                else { continue }
                let end = min(next, min(left, right))
                judge(
                    SegmentOverlap(member: member, first: first, second: second, at: end),
                    slot: slot
                )
            }
        }
    }

    private mutating func judge(_ overlap: SegmentOverlap, slot: Int) {
        guard let exemption = exemption(of: overlap) else {
            require(
                .atMostOneHolder,
                "nodes \(overlap.first) and \(overlap.second) have an address of member "
                    + "\(overlap.member), and nothing excuses it"
            )
            return
        }
        let key = (overlap.first * 8 + overlap.second) * 4 + overlap.member * 2 + slot
        let begin = overlaps[key] ?? now
        overlaps[key] = begin
        let length = overlap.at - begin
        if observed.overlaps[exemption] == nil { tell("two have it: \(exemption)") }
        observed.overlaps[exemption] = max(observed.overlaps[exemption] ?? .zero, length)
        guard !exemption.isOfTheLAN, network.isCalm(for: longestInterval * 4, at: begin) else {
            return
        }
        observed.longestExcusedOverlap = max(observed.longestExcusedOverlap, length)
        if length > longestOwnOverlap {
            require(
                .overlapEnds,
                "nodes \(overlap.first) and \(overlap.second) have an address for \(length)"
            )
        }
    }

    mutating func observeStop(of node: Int) {
        let spoke = nodes[node].members.contains { member in
            member.spokeAt.map { $0 + handOverRace > now } ?? false
        }
        if spoke { nodes[node].racedAt = now }
    }

    mutating func observe(_ transition: RouterTransition, _ node: Int, _ member: Int) {
        observed.lastTransition = now
        if transition.reason == .adopted {
            observed.adoptions += 1
            nodes[node].members[member].adoptedAt = now
        }
        guard transition.to == .active else { return }
        nodes[node].members[member].activeSince = now
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

    // MARK: Somebody follows

    /// A MASTER that gives up costs no more than the skew time of another one that is well, if it does not come
    /// back before.
    mutating func expectHandOver(from node: Int, hold: Duration? = nil) {
        guard let heirs = heirs(of: node) else { return }
        let skew = heirs.map { nodes[$0].members[0].router.skewTime }.min() ?? .zero
        let patience = skew + takeover
        guard hold.map({ $0 > patience }) ?? true else { return }
        expect(.handsOverAtOnce, otherThan: nil, within: patience)
    }

    /// A MASTER that ends without a word costs the master-down interval of another one that is well.
    mutating func expectTakeover(from node: Int) {
        guard let heirs = heirs(of: node) else { return }
        // A MASTER of lower priority is missed by its own interval, if that is longer.
        let patience =
            heirs.map { heir in
                let router = nodes[heir].members[0].router
                let theirs = interval(of: node) * router.settings.downTimerAdvertisements
                return max(router.activeDownInterval, theirs + router.skewTime)
            }.min() ?? .zero
        expect(.takesOverInTime, otherThan: nil, within: patience + takeover)
    }

    /// Neither `nopreempt` nor `preempt_delay` keeps the addresses on a last resort.
    mutating func expectSuccessor(of node: Int) {
        guard let heirs = heirs(of: node)?.filter({ !nodes[$0].isLastResort }), !heirs.isEmpty
        else { return }
        let patience = heirs.map { nodes[$0].members[0].router.activeDownInterval }.min() ?? .zero
        expect(.relievesLastResort, otherThan: node, within: patience + takeover)
    }

    /// From the end of a timer until the addresses are there.
    private var takeover: Duration { VirtualRouter.claimDelay + exchange(at: now) }

    private mutating func expect(
        _ invariant: SegmentViolation.Invariant,
        otherThan node: Int?,
        within patience: Duration
    ) {
        schedule.add(
            .expectHolder(invariant, otherThan: node, afterFaults: observed.faults),
            due: now + patience
        )
    }

    /// Who may follow a MASTER that is well; nil: nothing can be said.
    private func heirs(of node: Int) -> [Int]? {
        guard nodes[node].isRunning, nodes[node].members.count == 1, nodes[node].holds(0, at: now),
            nodes[node].members[0].router.visibleState == .active,
            network.isCalm(for: longestInterval * 4, at: now), !plan.mayDiscreditGateway
        else { return nil }
        let others = nodes.indices.filter { $0 != node }
        // As long as holds last, and longer than a timer.
        let heirs = others.filter { heir in
            nodes[heir].isRunning && nodes[heir].disturbedAt + longestInterval * 5 < now
        }
        guard !heirs.isEmpty,
            heirs.allSatisfy({ nodes[$0].members[0].router.visibleState == .backup })
        else { return nil }
        return heirs
    }

    mutating func requireHolder(
        _ invariant: SegmentViolation.Invariant,
        otherThan node: Int?,
        afterFaults faults: Int
    ) {
        guard faults == observed.faults else { return }
        observed.successions[invariant, default: 0] += 1
        // One that is about to claim counts: somebody better may just have preempted the heir.
        let isFollowed = nodes.indices.contains { other in
            other != node && nodes[other].isRunning
                && nodes[other].members[0].router.visibleState == .active
        }
        guard !isFollowed else { return }
        require(invariant, "nobody has followed the MASTER")
    }

    mutating func noteVictim(of fault: SegmentFault) {
        let isStruck = nodes.indices.contains { node in
            nodes[node].isRunning && nodes[node].holds(0, at: now) && node == fault.victim ?? node
        }
        if isStruck { observed.strokes[fault.kind, default: 0] += 1 }
    }

    private func isUndisturbed(_ node: Int) -> Bool {
        nodes[node].isRunning && nodes[node].disturbedAt + unit * 12 < now
    }

    /// After every step.
    mutating func checkAfterStep() {
        guard plan.hasGateway, !plan.mayDiscreditGateway else { return }
        for node in nodes.indices { requireIsolatedHoldsNothing(node) }
    }

    /// Two intervals until the gateway is missed, a master-down interval until the node lets go.
    private mutating func requireIsolatedHoldsNothing(_ index: Int) {
        let node = nodes[index]
        guard let since = node.isolatedSince, node.isRunning else { return }
        let router = node.members[0].router
        let begin = max(since, max(node.disturbedAt, network.troubleUntil))
        let patience =
            unit * 2 + router.settings.advertisementInterval * 4 + longestInterval + wholeSkew
        guard now > begin + patience else { return }
        for member in node.members.indices where node.holds(member, at: now) {
            require(.isolatedHoldsNothing, "node \(index) is cut off and keeps the address")
        }
    }

    /// What everybody needs to find together once everything is mended.
    var settlingTime: Duration {
        longestInterval * 16 + wholeSkew * 4 + unit * 12
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
