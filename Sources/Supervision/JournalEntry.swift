package import Primitives

/// One line of `tandemctl why`: what happened, what was decided, and for what reason.
package struct JournalEntry: Equatable, Sendable {
    /// Nanoseconds since 1970, stamped by the shell when it stores the entry; 0 until then.
    package var wallClock: UInt64
    package var incident: IncidentID
    /// What happened, such as `proxy exited: killed by SIGKILL`.
    package var event: String
    /// What was decided, such as `restart` or `step down`.
    package var decision: String
    /// Why, as a sentence with the numbers that decided.
    package var reason: String

    package init(
        wallClock: UInt64 = 0,
        incident: IncidentID,
        event: String,
        decision: String,
        reason: String
    ) {
        self.wallClock = wallClock
        self.incident = incident
        self.event = event
        self.decision = decision
        self.reason = reason
    }
}
