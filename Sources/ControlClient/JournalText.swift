package import Supervision

/// `why` for people: two lines an entry, oldest first.
package enum JournalText {
    package static func lines(_ entries: [JournalEntry]) -> [String] {
        guard !entries.isEmpty else { return ["nothing has been decided yet"] }
        return entries.flatMap { entry in
            [
                "\(TimeText.precise(entry.wallClock))  incident \(entry.incident)  \(entry.event)",
                "    \(entry.decision): \(entry.reason)",
            ]
        }
    }
}
