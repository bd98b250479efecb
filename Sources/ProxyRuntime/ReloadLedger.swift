import Messages

/// How the reloads of this life have ended.
struct ReloadLedger {
    private(set) var succeeded: UInt32 = 0
    private(set) var failed: UInt32 = 0
    private(set) var last: ReloadReport?

    /// `failure`: why the configuration stays as it was; nil: it does not.
    mutating func count(_ failure: String?, at wall: UInt64) {
        if failure == nil { succeeded &+= 1 } else { failed &+= 1 }
        last = ReloadReport(
            succeeded: failure == nil,
            text: failure ?? "reloaded",
            wallClock: wall
        )
    }
}
