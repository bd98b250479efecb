import Primitives

/// What the log was told of senders: a few of them, so that nobody fills it by taking turns or by making
/// addresses up.
struct NotedSenders<Word: Equatable & Sendable>: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var sender: IPAddress
        var word: Word
        var at: Instant
    }

    private var entries: [Entry] = []

    init() {}

    subscript(sender: IPAddress) -> Entry? { entries.first { $0.sender == sender } }

    /// Keeps it in the place of what was known of the sender, or of whoever was noted `notingSpacing` ago. False:
    /// there is no room, so nothing is to be said.
    mutating func note(_ word: Word, of sender: IPAddress, at now: Instant) -> Bool {
        let entry = Entry(sender: sender, word: word, at: now)
        if let known = entries.firstIndex(where: { $0.sender == sender }) {
            entries[known] = entry
            return true
        }
        if entries.count >= VirtualRouter.notedLimit {
            let oldest = entries.indices.min { entries[$0].at < entries[$1].at }
            guard let oldest, now >= entries[oldest].at + VirtualRouter.notingSpacing else {
                return false
            }
            entries.remove(at: oldest)
        }
        entries.append(entry)
        return true
    }
}
