package import Primitives

/// One entry of `tandemctl why`: what happened, what was decided, and for what reason.
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

    /// What a watcher of the system's log may wait for; nil for everything else. It is for the moment of the
    /// decision: neither kept nor sent to `tandemctl`, which shows the words.
    package var kind: Kind?

    package enum Kind: Equatable, Sendable {
        /// The node lets go of the VIP for a fault of its proxy.
        case steppedDown
        /// The same, because an operator asked.
        case operatorFailover
        /// A fault, and nobody else who wanted the VIP when this node let go of it.
        case keptDespiteFault
        case hung(ProcessName)
        case restarted(ProcessName)
        case fatal(ProcessName)
        case noServers
        case configurationRefused
    }

    package init(
        wallClock: UInt64 = 0,
        incident: IncidentID,
        event: String,
        decision: String,
        reason: String,
        kind: Kind? = nil
    ) {
        self.kind = kind
        self.wallClock = wallClock
        self.incident = incident
        self.event = event
        self.decision = decision
        self.reason = reason
    }
}
