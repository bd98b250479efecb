import Primitives

/// What the LAN of a segment does to packets.
struct SegmentNetwork: Equatable, Sendable {
    /// What became of the advertisements from one node's member to another's.
    struct Way: Equatable, Sendable {
        /// How many have been lost since the last one that arrived.
        var lostInARow = 0
        var lostAt: Instant?
        /// When one arrived again after `lostInARow`, and how many that were.
        var mended: (lost: Int, at: Instant)?

        static func == (left: Way, right: Way) -> Bool {
            left.lostInARow == right.lostInARow && left.lostAt == right.lostAt
                && left.mended?.lost == right.mended?.lost && left.mended?.at == right.mended?.at
        }
    }

    private static let mostNodes = 5

    var lossPercent = 0
    var duplicationPercent = 0
    var delay: Duration = .zero
    var jitter: Duration = .zero
    /// Pairs of sender and receiver, as sender * 8 + receiver.
    var severed: Set<Int> = []
    /// The same: multicast alone is lost.
    var deafened: Set<Int> = []
    var isGatewayDead = false
    /// Of the last packet, by pair as in `severed`.
    private var arrivals: [Int: Instant] = [:]
    /// By sender, receiver and member.
    private var ways = Array(repeating: Way(), count: mostNodes * mostNodes * 2)
    /// When the last packet that was treated badly arrives at the latest.
    private(set) var troubleUntil: Instant = .zero
    /// What a packet has needed beyond its healthy way since `slowUntil` last was over.
    private(set) var slowest: Duration = .zero
    private(set) var slowUntil: Instant = .zero
    /// The longest way of a packet on a healthy LAN, and the longest turn of a loop.
    let healthyDelay: Duration

    init(unit: Duration) {
        healthyDelay = min(.milliseconds(1), unit / 20)
    }

    /// A packet that arrives twice is no trouble to anybody.
    var isImpaired: Bool {
        lossPercent > 0 || delay > .zero || jitter > .zero || !severed.isEmpty || !deafened.isEmpty
    }

    func isCalm(for window: Duration, at now: Instant) -> Bool {
        !isImpaired && troubleUntil + window < now
    }

    func way(from sender: Int, to receiver: Int, member: Int) -> Way {
        ways[(sender * Self.mostNodes + receiver) * 2 + member]
    }

    mutating func noteFate(
        from sender: Int,
        to receiver: Int,
        member: Int,
        arrives: Bool,
        at now: Instant
    ) {
        let index = (sender * Self.mostNodes + receiver) * 2 + member
        guard arrives else {
            ways[index].lostInARow += 1
            ways[index].lostAt = now
            return
        }
        guard ways[index].lostInARow > 0 else { return }
        ways[index].mended = (ways[index].lostInARow, now)
        ways[index].lostInARow = 0
    }

    /// A switch does not let packets of one sender overtake each other, unless that is the fault.
    mutating func arrival(of earliest: Instant, from sender: Int, at receiver: Int) -> Instant {
        guard jitter == .zero else { return earliest }
        let arrival = max(earliest, arrivals[sender * 8 + receiver] ?? .zero)
        arrivals[sender * 8 + receiver] = arrival
        return arrival
    }

    /// Before anything gets better.
    mutating func noteTrouble(at now: Instant) {
        guard isImpaired else { return }
        troubleUntil = max(troubleUntil, now + healthyDelay + delay + jitter)
        guard delay + jitter > .zero else { return }
        if slowUntil < now { slowest = .zero }
        slowest = max(slowest, delay + jitter)
        slowUntil = max(slowUntil, now + slowest)
    }

    func severs(_ sender: Int, from receiver: Int) -> Bool {
        severed.contains(sender * 8 + receiver)
    }

    func deafens(_ receiver: Int, to sender: Int) -> Bool {
        deafened.contains(sender * 8 + receiver)
    }

    func isCutOff(_ node: Int, of count: Int) -> Bool {
        (0..<count).allSatisfy {
            $0 == node || severs(node, from: $0) && severs($0, from: node)
        }
    }
}
