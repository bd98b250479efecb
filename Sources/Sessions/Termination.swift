package import Primitives

/// The two characters of `%ts` (HAProxy configuration manual §8.5).
package struct Termination: Equatable, Sendable {
    package enum Cause: UInt8, Sendable {
        case none = 0x2D  // -
        case client = 0x43  // C
        case clientTimeout = 0x63  // c
        case server = 0x53  // S
        case serverTimeout = 0x73  // s
        case proxy = 0x50  // P
        case resources = 0x52  // R
        case `internal` = 0x49  // I
        case serverDown = 0x44  // D
        case activeUp = 0x55  // U
        case killed = 0x4B  // K
    }

    package enum State: UInt8, Sendable {
        case none = 0x2D  // -
        case request = 0x52  // R
        case queued = 0x51  // Q
        case connecting = 0x43  // C
        case data = 0x44  // D
    }

    package var cause: Cause = .none
    package var state: State = .none

    @inlinable
    package init(cause: Cause = .none, state: State = .none) {
        self.cause = cause
        self.state = state
    }

    /// `--`, `SC`, `cD` …
    package var text: String {
        String(decoding: [cause.rawValue, state.rawValue], as: UTF8.self)
    }
}

/// `%Tw/%Tc/%Tt` in milliseconds; -1 for a point that was not reached.
package struct SessionTimes: Equatable, Sendable {
    package var waiting: Int64
    package var connecting: Int64
    package var total: Int64

    package init(of session: Session, endedAt now: Instant) {
        waiting = session.assignedAt.map { ($0 - session.acceptedAt).milliseconds } ?? -1
        connecting = -1
        if let assigned = session.assignedAt, let connected = session.connectedAt {
            connecting = (connected - assigned).milliseconds
        } else if session.assignedAt == nil, session.termination.state == .queued {
            // What was waited is the time in the queue, for who was in it until its end.
            switch session.termination.cause {
            case .serverTimeout, .client: waiting = (now - session.acceptedAt).milliseconds
            default: break
            }
        }
        total = (now - session.acceptedAt).milliseconds
    }
}
