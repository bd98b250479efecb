import Primitives
import VRRP

/// Decides which dropped packets are worth a log line: the first of each reason, then one line a minute for
/// all that were dropped since.
struct DropLog: Equatable, Sendable {
    static let spacing: Duration = .seconds(60)

    private var known: Set<DropReason> = []
    private var unsaid: [DropReason: UInt64] = [:]
    private var nextLine: Instant = .zero

    init() {}

    /// The line to write now, if any.
    mutating func record(_ reason: DropReason, at now: Instant) -> String? {
        if known.insert(reason).inserted {
            if nextLine == .zero { nextLine = now + Self.spacing }
            return "dropped a packet: \(reason.name)"
        }
        unsaid[reason, default: 0] &+= 1
        guard now >= nextLine else { return nil }
        return flush(at: now)
    }

    private mutating func flush(at now: Instant) -> String {
        let counts = unsaid.sorted { $0.key.rawValue < $1.key.rawValue }
            .map { "\($0.value) \($0.key.name)" }
        unsaid = [:]
        nextLine = now + Self.spacing
        return "dropped packets since the last line: " + counts.joined(separator: ", ")
    }
}
