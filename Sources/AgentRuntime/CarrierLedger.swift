import KeepalivedSyntax
import Primitives

/// Which interfaces count as up: a change has to last for as long as the file says
/// (keepalived.conf(5), `interface_up_down_delays`).
struct CarrierLedger: Equatable, Sendable {
    private struct Entry: Equatable, Sendable {
        var counts: Bool
        /// Since when it is otherwise.
        var otherwiseSince: Instant?
        var delay: Duration = .zero
    }

    var delays: [String: InterfaceDelays] = [:] {
        didSet { entries = entries.filter { delays[$0.key] != nil } }
    }
    private var entries: [String: Entry] = [:]

    init() {}

    /// What counts, for an interface that is so now. The first look counts at once.
    mutating func settled(_ name: String, isRunning: Bool, at now: Instant) -> Bool {
        guard let delays = delays[name] else { return isRunning }
        var entry = entries[name] ?? Entry(counts: isRunning)
        if isRunning == entry.counts {
            entry.otherwiseSince = nil
        } else {
            let since = entry.otherwiseSince ?? now
            entry.delay = isRunning ? delays.up : delays.down
            entry.otherwiseSince = since
            if now - since >= entry.delay {
                entry.counts = isRunning
                entry.otherwiseSince = nil
            }
        }
        entries[name] = entry
        return entry.counts
    }

    var nextDeadline: Instant? {
        entries.values.compactMap { entry in entry.otherwiseSince.map { $0 + entry.delay } }.min()
    }
}
