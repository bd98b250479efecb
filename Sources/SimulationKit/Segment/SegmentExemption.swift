import Primitives
import VRRP

/// Why two nodes may have an address at the same time. Each is about the two themselves or the way between them, and
/// each has its end: what happens elsewhere on the segment is no excuse.
package enum SegmentExemption: String, Sendable, CaseIterable {
    /// So many advertisements in a row were lost as the other one waits for.
    case masterUnheard
    /// One of the two has just become MASTER, and its word, or the answer to it, was lost: until the next one.
    case wordLost
    /// One of the two has just become MASTER, and packets are on their way for longer than on a healthy LAN.
    case wordLate
    /// Only the multicast of one is lost to the other, which is told by unicast from its second advertisement on.
    case deafRival
    /// An agent that does not run can't let go, and the last that it said to the other one, or was told by it, was
    /// lost or late.
    case diedUnheard
    /// It stopped between its advertisement and the answer that preempts it (`docs/decisions/0006`).
    case handOverRace
    /// A machine that does not know that it stood still advertises, or is told, within an interval.
    case blindResumption
    /// A machine that stood still has not had its first turn yet.
    case firstTurn
    /// A BACKUP that stood still waits for what is left of its timer, or one advertisement and its skew time more; a
    /// MASTER that ends or stands still in just that time has its addresses yet.
    case lateBackup
    /// A node that has just started waits by its own interval: a MASTER with a longer one (RFC 9568 §6.1, a reload
    /// that has reached one of them) that ends before it is heard leaves its addresses behind.
    case longerInterval
    /// It adopted what an earlier life left, and is answered (`docs/decisions/0010`).
    case adoption

    /// The LAN's fault, not the nodes'.
    var isOfTheLAN: Bool {
        switch self {
        case .masterUnheard, .wordLost, .wordLate, .deafRival, .diedUnheard: true
        case .handOverRace, .blindResumption, .firstTurn, .lateBackup, .longerInterval, .adoption:
            false
        }
    }
}

/// Two nodes that have the same address of a member, `first` being the one whose state is older.
struct SegmentOverlap: Equatable, Sendable {
    var member: Int
    var first: Int
    var second: Int
    /// When it is looked at.
    var at: Instant
}

extension Segment {
    // MARK: Named bounds

    /// How much longer than on a healthy LAN a packet may have been on its way.
    private func slowness(at time: Instant) -> Duration {
        let present = network.delay + network.jitter
        let isRecent = time <= network.slowUntil + network.slowest
        return isRecent ? max(present, network.slowest) : present
    }

    /// A way there, a way back, the turns of two loops that are each a little late, and the pause between two answers.
    func exchange(at time: Instant) -> Duration {
        network.healthyDelay * 6 + slowness(at: time) * 2 + VirtualRouter.answerSpacing
    }

    /// A MASTER that is stopped between its advertisement and the answer that preempts it neither hears the
    /// answer nor lets go.
    var handOverRace: Duration { network.healthyDelay * 6 + slowness(at: now) * 2 }

    /// How long an address stays whose agent does not run: the kernel's lifetime, or below a second the guard's
    /// two and a half advertisements.
    func lifetime(of node: Int, _ member: Int) -> Duration {
        let settings = nodes[node].members[member].router.settings
        guard settings.advertisementInterval < .seconds(1) else { return settings.addressLifetime }
        return min(settings.addressLifetime, settings.advertisementInterval * 5 / 2)
    }

    func interval(of node: Int) -> Duration {
        nodes[node].members[0].router.settings.advertisementInterval
    }

    /// The unit of skew times: a second in version 2, an interval in version 3 (RFC 9568 §6.1).
    var wholeSkew: Duration {
        plan.settings[0][0].version == .v2 ? .seconds(1) : longestInterval
    }

    /// No overlap that is the nodes' own doing is longer: one advertisement that is missing, and the lifetime of
    /// one that ends just before it.
    package var longestOwnOverlap: Duration {
        let lifetimes = nodes.indices.map { lifetime(of: $0, 0) }
        return longestInterval + (lifetimes.max() ?? .zero) + exchange(at: now)
    }

    // MARK: Which one holds

    /// Nil: nothing excuses it.
    func exemption(of overlap: SegmentOverlap) -> SegmentExemption? {
        let turned = SegmentOverlap(
            member: overlap.member,
            first: overlap.second,
            second: overlap.first,
            at: overlap.at
        )
        return exemptionOfNodes(overlap) ?? exemptionOfNodes(turned)
            ?? exemptionOfLAN(overlap) ?? exemptionOfLAN(turned)
    }

    /// What `first` has lived through.
    private func exemptionOfNodes(_ overlap: SegmentOverlap) -> SegmentExemption? {
        let (first, second) = (nodes[overlap.first], nodes[overlap.second])
        let (time, member) = (overlap.at, overlap.member)
        let exchange = exchange(at: time)
        let stays = lifetime(of: overlap.first, member)
        func isWithin(_ limit: Duration, of begin: Instant?) -> Bool {
            begin.map { time <= $0 + limit } ?? false
        }
        if isWithin(exchange, of: first.resumedAt) { return .firstTurn }
        if first.members[member].adoptedAt.map({
            time <= $0 + first.members[member].router.claimPause + exchange
        })
            ?? false
        {
            return .adoption
        }
        if isWithin(stays + exchange, of: first.racedAt) { return .handOverRace }
        let mutual = max(interval(of: overlap.first), interval(of: overlap.second)) + exchange
        let mayStay = [overlap.first, overlap.second].filter { !nodes[$0].isRunning }
            .map { lifetime(of: $0, member) }.max()
        if isWithin(mutual + (mayStay ?? .zero), of: first.resumedBlindlyAt) {
            return .blindResumption
        }
        guard
            !first.isRunning || isWithin(exchange, of: first.thawedAt)
                || isWithin(mutual, of: first.resumedAt)
        else { return nil }
        let late = [second.thawedAt, second.resumedAt].compactMap(\.self).max()
        if isWithin(mutual + wholeSkew + stays, of: late) { return .lateBackup }
        let isLonger = interval(of: overlap.second) < interval(of: overlap.first)
        if isLonger, second.startedAt + interval(of: overlap.first) > first.disturbedAt {
            return .longerInterval
        }
        return nil
    }

    /// What became of the advertisements of `first` to `second`.
    private func exemptionOfLAN(_ overlap: SegmentOverlap) -> SegmentExemption? {
        let (first, second) = (nodes[overlap.first], nodes[overlap.second])
        let (time, member) = (overlap.at, overlap.member)
        let exchange = exchange(at: time)
        let way = network.way(from: overlap.first, to: overlap.second, member: member)
        let patience = second.members[member].router.settings.downTimerAdvertisements
        let begin = max(first.members[member].activeSince, second.members[member].activeSince)
        if network.deafens(overlap.second, to: overlap.first),
            !network.severs(overlap.first, from: overlap.second)
        {
            let told = interval(of: overlap.first) + interval(of: overlap.second)
            if time <= begin + told + exchange { return .deafRival }
        } else if way.lostInARow >= patience {
            return .masterUnheard
        }
        if let mended = way.mended, mended.lost >= patience, time <= mended.at + exchange {
            return .masterUnheard
        }
        if let lostAt = way.lostAt, lostAt >= begin,
            time <= lostAt + interval(of: overlap.first) + exchange
        {
            return .wordLost
        }
        if slowness(at: time) > .zero,
            time <= begin + first.members[member].router.claimPause + exchange
        {
            return .wordLate
        }
        // What it was told meanwhile, it reads when it goes on.
        let isLeft = [first, second].contains { node in
            !node.isRunning || node.thawedAt.map { time <= $0 + exchange } ?? false
        }
        let isMissing = way.lostInARow > 0 || way.lostAt.map { $0 >= begin } ?? false
        let wasMissing = way.mended.map { time <= $0.at + exchange } ?? false
        if isLeft, isMissing || wasMissing { return .diedUnheard }
        return nil
    }
}
