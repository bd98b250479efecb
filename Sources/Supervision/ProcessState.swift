/// The state of a supervised process, in supervisord's words.
package enum ProcessState: UInt8, Sendable, CaseIterable {
    case stopped = 0
    case starting = 10
    case backoff = 30
    case running = 20
    case stopping = 40
    case exited = 100
    case fatal = 200
    case unknown = 255

    /// `RUNNING`, `FATAL` and so on.
    package var name: String {
        switch self {
        case .stopped: "STOPPED"
        case .starting: "STARTING"
        case .backoff: "BACKOFF"
        case .running: "RUNNING"
        case .stopping: "STOPPING"
        case .exited: "EXITED"
        case .fatal: "FATAL"
        case .unknown: "UNKNOWN"
        }
    }
}

/// The processes of a node, by the names that `tandemctl` takes.
package enum ProcessName: String, Sendable, CaseIterable {
    case agent
    case proxy
    case supervisor
}
