/// What follows a connection to a server that failed.
package enum NextAttempt: Equatable, Sendable {
    case sameServer(after: Duration)
    case anotherServer(after: Duration)
    case giveUp
}

/// Counts the attempts of one session to reach a server (HAProxy configuration manual §4.2, `retries` and
/// `option redispatch`).
package struct ConnectAttempts: Equatable, Sendable {
    private let retries: Int
    /// `option redispatch N`; 0: off.
    private let redispatch: Int
    package private(set) var used = 0
    package private(set) var wasRedispatched = false

    package init(retries: Int, redispatch: Int?) {
        self.retries = max(retries, 0)
        self.redispatch = redispatch ?? 0
    }

    /// `canChoose`: the rotation has another server to offer, so that it is tried at once. Otherwise a server
    /// that answered with a reset (`wasRefused`) is left alone for a second, or for `timeout connect` if that
    /// is shorter; after a timeout enough time has passed already.
    package mutating func failed(
        wasRefused: Bool,
        canChoose: Bool,
        connectTimeout: Duration?
    ) -> NextAttempt {
        guard used < retries else { return .giveUp }
        used += 1
        let turnaround = wasRefused ? min(.seconds(1), connectTimeout ?? .seconds(1)) : .zero
        guard redispatches(canChoose: canChoose) else { return .sameServer(after: turnaround) }
        return .anotherServer(after: canChoose ? .zero : turnaround)
    }

    /// The next attempt went to a server that is not the last one's.
    package mutating func changedServer() {
        wasRedispatched = true
    }

    /// N > 0: every N-th retry; N < 0: the N-th from the last; and at once where the rotation has another
    /// server.
    private func redispatches(canChoose: Bool) -> Bool {
        guard redispatch != 0 else { return false }
        if canChoose { return true }
        if redispatch > 0 { return used % redispatch == 0 }
        let left = retries - used
        return (left + 1) % -redispatch == 0 && left < -redispatch
    }
}
