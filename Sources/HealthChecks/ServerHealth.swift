/// The health of one checked server by rise and fall, as HAProxy counts it (configuration manual §5.2).
///
/// A server begins UP, but only just: its first failed check takes it DOWN, its first good one makes it well.
package struct ServerHealth: Equatable, Sendable {
    package enum Change: Equatable, Sendable {
        case wentUp
        case wentDown
    }

    package let rise: Int
    package let fall: Int
    /// 0 to `rise + fall - 1`; UP from `rise` on.
    private var points: Int

    package init(rise: Int, fall: Int) {
        self.rise = max(rise, 1)
        self.fall = max(fall, 1)
        points = self.rise
    }

    package var isUp: Bool { points >= rise }

    /// Nothing speaks against its state.
    package var isSettled: Bool { points == 0 || points == rise + fall - 1 }

    package mutating func record(succeeded: Bool) -> Change? {
        let wasUp = isUp
        if succeeded {
            points += 1
            if points >= rise, !wasUp || points > rise + fall - 1 { points = rise + fall - 1 }
            // The first success of a server that has just begun makes it fully well.
            if wasUp, points == rise + 1 { points = rise + fall - 1 }
        } else if wasUp {
            points -= 1
            if points < rise { points = 0 }
        } else {
            points = 0
        }
        guard wasUp != isUp else { return nil }
        return isUp ? .wentUp : .wentDown
    }

    /// `2/3 UP`, as HAProxy writes it into its logs: what counts towards the state, of what is needed.
    package var summary: String {
        isUp ? "\(points - rise + 1)/\(fall) UP" : "\(points)/\(rise) DOWN"
    }
}

/// How far apart a server's checks are.
package struct CheckPace: Equatable, Sendable {
    package var interval: Duration
    /// Between two states; nil: `interval`.
    package var fastInterval: Duration?
    /// While DOWN; nil: `interval`.
    package var downInterval: Duration?

    package init(interval: Duration, fastInterval: Duration?, downInterval: Duration?) {
        self.interval = interval
        self.fastInterval = fastInterval
        self.downInterval = downInterval
    }

    package func delay(after health: ServerHealth) -> Duration {
        guard health.isSettled else { return fastInterval ?? interval }
        return health.isUp ? interval : downInterval ?? interval
    }

    /// First checks are spread over the smallest interval, the first server's at once.
    package static func firstDelay(index: Int, of count: Int, smallest: Duration) -> Duration {
        count > 1 ? smallest * index / count : .zero
    }
}
