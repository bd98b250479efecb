package import Primitives

/// When the proxy last proved that its event loops turn. A beat whose count of turns did not grow proves
/// nothing, however punctual it is.
package struct BeatLedger: Equatable, Sendable {
    private var turns: UInt64?
    private var provedAt: Instant?

    package init() {}

    /// The silence counts from here: the proxy is ready, or the supervisor has just found it.
    package mutating func begin(at now: Instant) {
        turns = nil
        provedAt = now
    }

    /// Nobody listened until now: the silence counts anew from here.
    package mutating func excuse(at now: Instant) {
        guard let silentSince = provedAt else { return }
        provedAt = max(silentSince, now)
    }

    /// The proxy is not expected to beat.
    package mutating func end() {
        turns = nil
        provedAt = nil
    }

    package mutating func record(turns new: UInt64, at now: Instant) {
        guard provedAt != nil else { return }
        if let turns, new <= turns { return }
        turns = new
        provedAt = now
    }

    package func nextDeadline(watchdog: Duration) -> Instant? {
        provedAt.map { $0 + watchdog }
    }

    /// How long the loops have proved nothing, once that is too long.
    package func overdue(at now: Instant, watchdog: Duration) -> Duration? {
        guard let provedAt, now - provedAt >= watchdog else { return nil }
        return now - provedAt
    }
}
