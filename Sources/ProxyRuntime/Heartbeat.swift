/// When a beat may be sent: only when every loop has turned since the last one.
struct Heartbeat: Equatable {
    private var last: [UInt64] = []

    /// The turns of the slowest loop, or nil while one of them stands still.
    mutating func turnsFinished(_ turns: [UInt64]) -> UInt64? {
        guard let slowest = turns.min() else { return nil }
        let hasProgressed =
            last.count != turns.count || zip(turns, last).allSatisfy { $0 > $1 }
        guard hasProgressed else { return nil }
        last = turns
        return slowest
    }
}
