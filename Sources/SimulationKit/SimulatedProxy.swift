import Primitives

/// `tandem-proxy` on one node, seen from outside: it serves, hangs, or is gone, and beats while it serves.
package struct SimulatedProxy: Equatable, Sendable {
    package enum Condition: Equatable, Sendable {
        case absent
        case starting
        case serving
        /// It exists, and its loop does not turn: no beat, no answer.
        case hung
    }

    enum Step: Equatable, Sendable {
        case becomesReady
        case beats
        case exits
    }

    /// A quarter of the real rate: enough to be heard in time, and cheap to simulate.
    package static let beatInterval: Duration = .milliseconds(400)

    /// When the service manager kills what does not listen to SIGTERM.
    package static let stopTimeout: Duration = .seconds(2)

    package internal(set) var condition: Condition = .absent
    /// False: every start ends at once with an error.
    package internal(set) var canStart = true
    package internal(set) var hasServers = true
    /// Which life of the process this is.
    var life = 0
    /// What its event loops have turned, which every beat proves.
    var turns: UInt64 = 0

    package var serves: Bool { condition == .serving }

    mutating func hang() {
        if condition == .serving { condition = .hung }
    }
}
