/// Why a session ended (HAProxy configuration manual §8.5): who ended it, and in what phase.
package struct Termination: Equatable, Sendable {
    package enum Cause: UInt8, Sendable {
        case none = 0x2D
        case clientAborted = 0x43
        case serverAborted = 0x53
        case clientTimedOut = 0x63
        case serverTimedOut = 0x73
        case proxyDenied = 0x50
        case resourceExhausted = 0x52
        case killed = 0x4B
        case serverWentDown = 0x44
        case primaryCameUp = 0x55
    }

    package enum Phase: UInt8, Sendable {
        case none = 0x2D
        case queue = 0x51
        case connect = 0x43
        case data = 0x44
    }

    package var cause: Cause
    package var phase: Phase

    package init(_ cause: Cause, _ phase: Phase) {
        self.cause = cause
        self.phase = phase
    }

    package static let normal = Termination(.none, .none)
}

extension Termination: CustomStringConvertible {
    package var description: String {
        String(decoding: [cause.rawValue, phase.rawValue], as: UTF8.self)
    }
}
