import Primitives

/// How many a second.
struct Rate: Equatable {
    var current: UInt64 = 0
    var highest: UInt64 = 0
}

/// A rate made of a total that only grows, looked at once a second. As HAProxy's, the current one is of the second that
/// runs, with the share of the last whole one that is less than a second ago, and the highest is of whole seconds.
struct RateMeter: Equatable {
    static let second: UInt64 = 1_000_000_000

    /// When the second began that runs now, and the total then.
    private var begin: Instant
    private var before: UInt64 = 0
    private var lastSecond: UInt64 = 0
    private var highest: UInt64 = 0

    init(at now: Instant) { begin = now }

    mutating func measure(_ total: UInt64, at now: Instant) {
        let elapsed = now.nanoseconds &- min(begin.nanoseconds, now.nanoseconds)
        guard elapsed >= Self.second else { return }
        lastSecond = count(total) / (elapsed / Self.second)
        highest = max(highest, lastSecond)
        before = total
        begin = now
    }

    func rate(_ total: UInt64, at now: Instant) -> Rate {
        let elapsed = now.nanoseconds &- min(begin.nanoseconds, now.nanoseconds)
        let count = count(total) / max(elapsed / Self.second, 1)
        let left = (Self.second &- min(elapsed, Self.second)) / 1_000_000
        let most = max(highest, count)
        // A share is an estimate: it tells of nothing that was never seen.
        return Rate(current: min(count &+ lastSecond &* left / 1000, most), highest: most)
    }

    private func count(_ total: UInt64) -> UInt64 { total &- min(before, total) }
}
