import Primitives

/// What would happen to the address if one check failed on the node that has it, found by running two
/// virtual routers in virtual time: the question that the check of a configuration file answers.
package struct PairForecast: Equatable, Sendable {
    package enum Outcome: Equatable, Sendable {
        /// The peer is MASTER, so long after the check has failed.
        case moves(after: Duration)
        /// This node is still MASTER, and nothing will change that.
        case stays
        /// This node is not MASTER while both are well, so there is nothing to move.
        case notMaster
        /// The nodes drop each other's advertisements for this reason: both are MASTER whatever happens.
        case split(DropReason)
    }

    package let subject: Track.Subject
    /// The number that its file holds; nil for what is no file.
    package let value: Int?
    package let outcome: Outcome
    /// The sums of this node while all is well, and once the check has failed.
    package let healthyPriority: EffectivePriority
    package let failedPriority: EffectivePriority
    package let peerPriority: EffectivePriority
    /// The failure takes this node out (weight 0) instead of changing its priority.
    package let faults: Bool
    /// Whether this node takes the address back when the check succeeds again; false where it never left.
    package let returns: Bool

    private let name: String

    /// Runs the pair: both nodes start with all checks well, then `subject` fails on `node` alone, or its file
    /// holds `value`.
    package init(
        of subject: Track.Subject,
        on node: RouterSettings,
        peer: RouterSettings,
        holding value: Int? = nil
    ) {
        var pair = SimulatedPair(node: node, peer: peer)
        let settling = pair.settlingTime
        self.subject = subject
        self.value = value
        name = subject.name
        pair.start()
        pair.run(for: settling)
        // The longest case: the peer has just heard that all is well.
        let sent = pair.node.counters.advertisementsSent
        pair.run(for: settling, until: { $0.node.counters.advertisementsSent != sent })
        healthyPriority = pair.node.priority
        peerPriority = pair.peer.priority
        let startsMaster = pair.nodeHolds
        let deafness = pair.deafness
        let failedAt = pair.now
        if let value {
            pair.report(.reading(subject, value: value))
        } else {
            pair.report(.check(subject, succeeded: false))
        }
        failedPriority = pair.node.priority
        faults = pair.node.visibleState == .fault
        guard startsMaster, deafness == nil else {
            outcome = deafness.map { .split($0) } ?? .notMaster
            returns = false
            return
        }
        let movedAt = pair.run(for: settling, until: { !$0.nodeHolds && $0.peerHolds })
        guard let movedAt else {
            outcome = .stays
            returns = false
            return
        }
        outcome = .moves(after: movedAt - failedAt)
        let track = node.tracks.first { $0.subject == subject }
        pair.report(track?.wellReport ?? .check(subject, succeeded: true))
        returns = pair.run(for: settling, until: { $0.nodeHolds && !$0.peerHolds }) != nil
    }

    /// A forecast for every check that `node` tracks, in the file's order; for a tracked file, one for each
    /// number that says something of its own.
    package static func all(for node: RouterSettings, peer: RouterSettings) -> [PairForecast] {
        node.tracks.flatMap { track in
            let values = track.harmfulValues
            return values.isEmpty
                ? [PairForecast(of: track.subject, on: node, peer: peer)]
                : values.map { PairForecast(of: track.subject, on: node, peer: peer, holding: $0) }
        }
    }

    /// The peer that a file on its own is judged against: the same router with the priority that most
    /// pairs give their second node, 100, or one below where this node has no more than that itself.
    package static func assumedPeer(of node: RouterSettings) -> RouterSettings {
        var peer = node
        peer.basePriority = node.basePriority > 100 ? 100 : max(node.basePriority, 2) - 1
        return peer
    }
}

extension PairForecast: CustomStringConvertible {
    /// One sentence for the operator.
    package var description: String {
        let event = value.map { "holds \($0)" } ?? "fails"
        let beginning = "if \(name) \(event) here,"
        let sum = failedPriority.sum
        let peer = "the peer's \(peerPriority.sum)"
        switch outcome {
        case .moves(let after):
            let why = faults ? "this node goes to FAULT" : "\(sum) is below \(peer)"
            return "\(beginning) the VIP moves after \(after.tenths) s: \(why)"
        case .stays where faults:
            return "\(beginning) this node goes to FAULT, and the peer does not take the VIP"
        case .stays:
            let relation =
                switch (failedPriority.value, peerPriority.value) {
                case (let ours, let theirs) where ours > theirs: "is still above \(peer)"
                case (let ours, let theirs) where ours < theirs:
                    "is below \(peer), but the peer does not preempt (nopreempt)"
                default: "is not below \(peer)"
                }
            return "\(beginning) the VIP does not move: \(sum) \(relation)"
        case .split(let reason):
            return
                "both nodes are MASTER at once: each drops the other's advertisements (\(reason.name))"
        case .notMaster:
            return "\(beginning) nothing moves: while both nodes are well, the peer is MASTER "
                + "with \(peerPriority.sum) against \(healthyPriority.sum)"
        }
    }
}

extension EffectivePriority {
    /// `150 - 2`: the terms without their names.
    fileprivate var sum: String {
        contributions.reduce(String(base)) { text, contribution in
            text + (contribution.amount < 0 ? " - " : " + ") + String(contribution.amount.magnitude)
        }
    }
}

extension Duration {
    /// Seconds with one decimal, rounded.
    fileprivate var tenths: String {
        let tenths = (milliseconds + 50) / 100
        return "\(tenths / 10).\(tenths % 10)"
    }
}
