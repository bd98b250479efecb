package import Primitives

/// One supervised process in supervisord's states, with its budget of restarts.
package struct LifeCycle: Equatable, Sendable {
    package let name: ProcessName
    package internal(set) var state: ProcessState = .unknown
    /// Nil while none runs.
    package internal(set) var pid: Int32?
    /// When it entered its state.
    package internal(set) var since: Instant = .zero
    /// Restarts that nobody asked for.
    package internal(set) var restarts: UInt32 = 0
    /// Why it is where it is, for the third column of `status`.
    package internal(set) var detail = ""
    /// False once an operator stopped it.
    package internal(set) var isWanted = true

    var tally = DeathTally()
    /// BACKOFF or FATAL: when the next start is due.
    var retryAt: Instant?
    /// STARTING: when it has to be ready.
    var startBy: Instant?
    /// It was killed for a fault: its death is a part of that incident.
    var isBeingKilled = false
    /// An operator's restart: start again after the exit.
    var startsAfterExit = false

    init(name: ProcessName) {
        self.name = name
    }

    mutating func enter(_ next: ProcessState, at now: Instant, detail: String = "") {
        state = next
        since = now
        self.detail = detail
    }

    /// The first restart is immediate; those that follow leave the machine some air, all within
    /// `restart_grace`.
    var backoff: Duration {
        switch tally.count {
        case ...1: .zero
        case 2: .milliseconds(50)
        case 3: .milliseconds(200)
        default: .milliseconds(500)
        }
    }

    /// A process is there, or is being made.
    package var isAlive: Bool {
        switch state {
        case .starting, .running, .stopping: true
        case .stopped, .backoff, .exited, .fatal, .unknown: false
        }
    }
}
