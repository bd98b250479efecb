import Primitives
import Supervision

/// A command of `tandemctl` whose outcome is not known yet.
struct WaitingCommand {
    enum Goal: Equatable {
        case started
        case stopped
        /// The process with this pid has to be gone first; then as `started`.
        case restarted(from: Int32?)
        case released
        case reloaded
        case everythingStopped
        /// The agent has described its routers.
        case described
        /// The proxy has told how it fares, or a part of it with this name.
        case proxyDescribed(name: String?)

        var isDescription: Bool {
            switch self {
            case .described, .proxyDescribed: true
            case .started, .stopped, .restarted, .released, .reloaded, .everythingStopped: false
            }
        }
    }

    enum Outcome: Equatable {
        case pending
        case done(String)
        case failed(String)
        /// A part of it is done, and the rest goes on under another goal.
        case partly(String, next: Goal)
    }

    /// supervisorctl would wait for ever; a stop may take its limit of 10 s and a kill.
    static let limit: Duration = .seconds(30)

    var client: UInt64
    /// Nil: the command is about the node.
    var name: ProcessName?
    var goal: Goal
    var deadline: Instant

    /// How it stands, given the state of the process and whether this node is MASTER.
    func outcome(
        of process: LifeCycle?,
        isMaster: Bool,
        at now: Instant
    ) -> Outcome {
        let isLate = now >= deadline
        switch goal {
        case .started:
            guard let process else { return .failed("no such process") }
            switch process.state {
            case .running: return .done("started")
            case .fatal: return .failed("abnormal termination: \(process.detail)")
            case .stopped where !process.isWanted: return .failed("stopped meanwhile")
            case .starting, .backoff, .exited, .stopping, .stopped, .unknown:
                return isLate ? .failed("not running yet: \(process.state.name)") : .pending
            }
        case .stopped:
            guard let process else { return .failed("no such process") }
            if process.state == .stopped { return .done("stopped") }
            return isLate ? .failed("not stopped yet: \(process.state.name)") : .pending
        case .restarted(let pid):
            guard let process else { return .failed("no such process") }
            if process.pid != pid || pid == nil { return .partly("stopped", next: .started) }
            return isLate ? .failed("not stopped yet: \(process.state.name)") : .pending
        case .released:
            if !isMaster { return .done("stepped down: the peer may take over") }
            return isLate ? .failed("the agent did not step down in time") : .pending
        case .reloaded:
            return isLate ? .failed("no answer: its log says more (tail)") : .pending
        case .everythingStopped: return .pending
        case .described, .proxyDescribed:
            return isLate ? .failed("no answer: its log says more (tail)") : .pending
        }
    }
}
