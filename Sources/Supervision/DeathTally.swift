package import Primitives

/// The recent deaths of one process; whether they are too many is asked with the settings of the day.
package struct DeathTally: Equatable, Sendable {
    private var deaths: [Instant] = []
    /// More are never asked for: the limit of `restart_limit` in the file.
    private static let capacity = 1000

    package init() {}

    /// Counts a death and forgets those older than `window`.
    package mutating func record(at now: Instant, window: Duration) {
        deaths.removeAll { now - $0 > window }
        if deaths.count >= Self.capacity { deaths.removeFirst() }
        deaths.append(now)
    }

    package mutating func clear() {
        deaths = []
    }

    /// Deaths within the window at the last `record`.
    package var count: Int { deaths.count }

    package func isSpent(limit: Int) -> Bool { count > limit }
}
