import Messages
import Supervision

/// What `tandemctl` ends with; the numbers are supervisorctl's (LSB).
package enum ControlExit: Int32, Sendable {
    case well = 0
    /// A command failed, or the supervisor can't be reached.
    case failed = 1
    case usage = 2
    /// `status`: a process that was asked for is not RUNNING.
    case notRunning = 3
    /// `status`: no process has that name.
    case noSuchName = 4

    /// The exit status of `status`: an unknown name outweighs a process that is not RUNNING.
    package static func ofStatus(_ answer: StatusAnswer) -> ControlExit {
        if answer.results.contains(where: { $0.outcome == .noSuchName }) { return .noSuchName }
        if answer.results.contains(where: { $0.outcome != .done }) { return .failed }
        return answer.processes.allSatisfy { $0.state == .running } ? .well : .notRunning
    }

    /// The exit status of a command that acts: each of its results must be well.
    package static func ofCommand(_ results: [CommandResult]) -> ControlExit {
        results.allSatisfy { $0.outcome == .done } ? .well : .failed
    }
}
