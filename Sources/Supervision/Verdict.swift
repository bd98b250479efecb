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
    /// The proxy leaves new connections in the kernel's queues, for so long at most.
    case pauseProxy(Duration)
    case resumeProxy
    /// The proxy refuses what is new and serves on what it has; a stop follows, within that time.
    case drainProxy(Duration)
    /// Resolve names anew and run every check now.
    case refreshProxy
    case reload(ProcessName)
    case journal(JournalEntry)
    /// Everything is stopped: the supervisor ends.
    case exit
}
