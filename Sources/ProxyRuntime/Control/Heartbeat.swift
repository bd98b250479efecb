/// When a beat may be sent: every event loop has turned since the last one. A loop that is stuck makes silence,
/// and silence is what the supervisor notices.
struct Heartbeat: Equatable, Sendable {
    private var provedTurns: [UInt64] = []

    /// The turns of the slowest loop if every loop has turned since the last beat; nil: no beat.
    mutating func turnFinished(loops: [UInt64]) -> UInt64? {
        guard !loops.isEmpty else { return nil }
        let isNew = provedTurns.count != loops.count
        guard isNew || zip(loops, provedTurns).allSatisfy({ $0 > $1 }) else { return nil }
        provedTurns = loops
        return loops.min()
    }
}
