package import VRRP

/// What is to be done, in the order given.
package enum Verdict: Equatable, Sendable {
    case start(ProcessName)
    /// Politely; the service manager kills what does not listen.
    case stop(ProcessName)
    /// At once: a process that hangs does not listen.
    case kill(ProcessName)
    /// `hold`: the node stays BACKUP until a peer was MASTER, or for this long.
    case stepDown(StepDownReason, hold: Duration?)
    case lease(standing: Standing, proxyHealthy: Bool)
    /// Resolve names anew and run every check now.
    case refreshProxy
    case reload(ProcessName)
    case journal(JournalEntry)
    /// Everything is stopped: the supervisor ends.
    case exit
}
