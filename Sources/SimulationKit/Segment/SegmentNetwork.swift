import Primitives

/// What the LAN of a segment does to packets.
struct SegmentNetwork: Equatable, Sendable {
    var lossPercent = 0
    var duplicationPercent = 0
    var delay: Duration = .zero
    var jitter: Duration = .zero
    /// Pairs of sender and receiver, as sender * 8 + receiver.
    var severed: Set<Int> = []
    var isGatewayDead = false
    /// Of the last packet, by pair as in `severed`.
    private var arrivals: [Int: Instant] = [:]
    /// When the last packet that was treated badly arrives at the latest.
    private(set) var troubleUntil: Instant = .zero
    /// The longest way of a packet on a healthy LAN, and the longest turn of a loop.
    let healthyDelay: Duration

    init(unit: Duration) {
        healthyDelay = min(.milliseconds(1), unit / 20)
    }

    var isImpaired: Bool {
        lossPercent > 0 || duplicationPercent > 0 || delay > .zero || jitter > .zero
            || !severed.isEmpty
    }

    func isCalm(for window: Duration, at now: Instant) -> Bool {
        !isImpaired && troubleUntil + window < now
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
    }

    func severs(_ sender: Int, from receiver: Int) -> Bool {
        severed.contains(sender * 8 + receiver)
    }

    func isCutOff(_ node: Int, of count: Int) -> Bool {
        (0..<count).allSatisfy {
            $0 == node || severs(node, from: $0) && severs($0, from: node)
        }
    }
}
