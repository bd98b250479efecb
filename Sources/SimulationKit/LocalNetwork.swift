package import Primitives

/// The LAN between the two nodes: what it loses, delays, doubles and cuts.
package struct LocalNetwork: Equatable, Sendable {
    /// The longest way of a packet on a healthy LAN, with the receiver's turn of its loop.
    package static let healthyDelay: Duration = .milliseconds(2)

    package var lossPercent = 0
    package var duplicationPercent = 0
    /// Every packet waits this much longer: a queue somewhere.
    package var delay: Duration = .zero
    /// Each packet waits up to this much longer, so that they overtake each other.
    package var jitter: Duration = .zero
    /// Nothing that these send arrives.
    package var silenced: Set<HostName> = []
    /// When the last packet that was treated badly arrives at the latest.
    private var lastTrouble: Instant?

    package init() {}

    package var isImpaired: Bool {
        lossPercent > 0 || duplicationPercent > 0 || delay > .zero || jitter > .zero
            || !silenced.isEmpty
    }

    /// True if nothing went wrong on the LAN for so long before `now`.
    package func isCalm(for window: Duration, at now: Instant) -> Bool {
        guard !isImpaired else { return false }
        guard let lastTrouble else { return true }
        return lastTrouble + window < now
    }

    /// Whatever was wrong is over; what is on its way still arrives late.
    package mutating func heal(at now: Instant) {
        let longestOnTheWay = Self.healthyDelay + delay + jitter
        if isImpaired { lastTrouble = now + longestOnTheWay }
        lossPercent = 0
        duplicationPercent = 0
        delay = .zero
        jitter = .zero
        silenced = []
    }

    /// When the copies of one packet arrive: none, one or two.
    package func arrivals(
        from sender: HostName,
        at now: Instant,
        using random: inout SeededGenerator
    ) -> [Instant] {
        guard !silenced.contains(sender) else { return [] }
        let copies = random.chance(percent: duplicationPercent) ? 2 : 1
        return (0..<copies).compactMap { _ in
            guard !random.chance(percent: lossPercent) else { return nil }
            let way = random.duration(upTo: Self.healthyDelay) + delay
            return now + way + random.duration(upTo: jitter)
        }
    }
}

extension SeededGenerator {
    /// From a microsecond to the limit.
    package mutating func duration(upTo limit: Duration) -> Duration {
        let microseconds = max(limit.nanoseconds / 1000, 1)
        return .microseconds(Int64(next() % UInt64(microseconds)) + 1)
    }

    package mutating func choice<Element>(of elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[Int(next() % UInt64(elements.count))]
    }
}
