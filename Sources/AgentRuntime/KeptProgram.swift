import Messages
import Primitives

/// A program that is to run always: when it ends it is started again, ever later while it ends at once.
struct KeptProgram: Equatable {
    static let shortestPause: Duration = .seconds(1)
    static let longestPause: Duration = .seconds(60)

    let order: ProgramOrder
    private(set) var startAt: Instant
    private var pause = shortestPause
    /// The token of its process while it runs.
    var running: UInt64?

    init(order: ProgramOrder, startAt: Instant) {
        self.order = order
        self.startAt = startAt
    }

    mutating func hasEnded(at now: Instant) {
        // It had run for a while, so this is no loop.
        if now - startAt > Self.longestPause { pause = Self.shortestPause }
        running = nil
        startAt = now + pause
        pause = min(pause * 2, Self.longestPause)
    }
}
