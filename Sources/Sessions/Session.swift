package import Primitives

/// The two ends of a session.
package enum Side: Sendable {
    case client
    case server

    package var other: Side {
        switch self {
        case .client: .server
        case .server: .client
        }
    }
}

/// What a backend says of connecting: `retries`, `option redispatch`, `timeout connect` and `queue`.
package struct ConnectRules: Equatable, Sendable {
    /// Attempts after the first.
    package var retries: Int
    /// `option redispatch N`; nil: off.
    package var redispatch: Int?
    // Nanoseconds, because every session asks: arithmetic of `Duration` has 128 bits.
    private var connectLimit: UInt64?
    private var queueLimit: UInt64?
    /// The balancing algorithm does not look at the client, so any other server is as good.
    package var leavesAtOnce: Bool

    package init(
        retries: Int = 3,
        redispatch: Int? = nil,
        connectTimeout: Duration? = nil,
        queueTimeout: Duration? = nil,
        leavesAtOnce: Bool = true
    ) {
        self.retries = retries
        self.redispatch = redispatch
        connectLimit = connectTimeout.map(\.wholeNanoseconds)
        queueLimit = queueTimeout.map(\.wholeNanoseconds)
        self.leavesAtOnce = leavesAtOnce
    }

    package var connectTimeout: Duration? {
        get { connectLimit.map(Duration.init(wholeNanoseconds:)) }
        set { connectLimit = newValue.map(\.wholeNanoseconds) }
    }

    /// Nil: as long as `connectTimeout`.
    package var queueTimeout: Duration? {
        get { queueLimit.map(Duration.init(wholeNanoseconds:)) }
        set { queueLimit = newValue.map(\.wholeNanoseconds) }
    }

    fileprivate func connectDeadline(from now: Instant) -> Instant? {
        connectLimit.map { now.advanced(byNanoseconds: $0) }
    }

    fileprivate func queueDeadline(from now: Instant) -> Instant? {
        (queueLimit ?? connectLimit).map { now.advanced(byNanoseconds: $0) }
    }

    /// HAProxy's turn-around: a second, or the connect timeout if that is shorter.
    package var turnAround: Duration { Duration(wholeNanoseconds: turnAroundLimit) }

    private var turnAroundLimit: UInt64 {
        let second: UInt64 = 1_000_000_000
        guard let connectLimit, connectLimit > 0 else { return second }
        return min(second, connectLimit)
    }

    fileprivate func turnAroundEnd(from now: Instant) -> Instant {
        now.advanced(byNanoseconds: turnAroundLimit)
    }
}

/// One client's session from its accept to its log line: everything but the bytes.
///
/// | phase | event | effect | next |
/// |---|---|---|---|
/// | choosing | assigned | connect | connecting |
/// | choosing | busy / noServer | wait / finish `SC` | queued / closed |
/// | choosing | rejected | finish `PR` | closed |
/// | queued | slotFree, deadline | choose, finish `sQ` | choosing, closed |
/// | connecting | connected | transfer | established |
/// | connecting | connectFailed, deadline | connect, choose or wait (see `retry`), or finish `SC` / `sC` | |
/// | turnAround | deadline | connect or choose | connecting or choosing |
/// | established | ended, ended of the other side | shutDown, finish `--` | established, closed |
/// | established | failed, idle | finish `CD` `SD` `cD` `sD` | closed |
/// | any | ended, failed of the client before a server answers | finish `CQ` `CC` `CR` `CD` | closed |
/// | any | idle of the client before a server answers | finish `cR` `cQ` `cC` | closed |
package struct Session: Equatable, Sendable {
    package enum Phase: Sendable {
        case choosing
        case queued
        case connecting
        case turnAround
        case established
        case closed
    }

    /// Why an attempt to connect failed.
    package enum ConnectFailure: Equatable, Sendable {
        /// The network answered: refused, unreachable.
        case answered
        /// The system call itself said no; trying again costs nothing.
        case immediate
        /// No source port left, or no such source address: nothing that the server is to blame for.
        case exhausted
        /// No descriptor came free in time.
        case starved
    }

    package enum Event: Equatable, Sendable {
        /// A server was chosen. `elsewhere`: another than the one tried before. `isStuck`: because the client went
        /// there before, whatever the algorithm would say.
        case assigned(elsewhere: Bool, isStuck: Bool = false)
        case busy
        /// The queue has reached `maxqueue`.
        case queueFull
        case noServer
        case slotFree
        case connected
        /// `active` servers are usable now, and whether the one that failed still is.
        case connectFailed(ConnectFailure, active: Int, serverIsUsable: Bool)
        /// The time given by `deadline` is over.
        case deadline(active: Int, serverIsUsable: Bool)
        /// A side sent its last byte, and all of it was handed on.
        case ended(Side)
        /// A side broke off.
        case failed(Side)
        /// A side's inactivity timeout is over.
        case idle(Side)
        case killed(Termination.Cause)
        /// A rule turned the client away.
        case rejected
    }

    /// What the driver does next; at most one thing.
    package enum Effect: Equatable, Sendable {
        case none
        /// Connect to the server that the session has.
        case connect
        /// Choose a server (again), avoiding the one tried last.
        case choose
        /// Wait until `deadline`, in the queue or for the turn-around.
        case wait
        /// Bytes may flow.
        case transfer
        /// Tell this side that no more will come.
        case shutDown(Side)
        /// Log and close; `reset` breaks off instead of ending.
        case finish(reset: Bool)
    }

    package private(set) var phase: Phase = .choosing
    package private(set) var termination = Termination()
    package private(set) var attemptsFailed = 0
    package private(set) var wasRedispatched = false
    /// Of the phase queued, connecting or turnAround; nil: none.
    package private(set) var deadline: Instant?
    package let acceptedAt: Instant
    package private(set) var assignedAt: Instant?
    package private(set) var connectedAt: Instant?
    package private(set) var clientEnded = false
    package private(set) var serverEnded = false
    /// Its server is one that the client went to before (`stick on`): it does not leave it without need.
    package private(set) var isStuck = false
    /// In turnAround: a server is chosen anew then.
    package private(set) var choosesAfterWait = false

    @inlinable @inline(__always)
    package init(acceptedAt: Instant) {
        self.acceptedAt = acceptedAt
    }

    package mutating func handle(_ event: Event, at now: Instant, rules: ConnectRules) -> Effect {
        switch (phase, event) {
        case (.choosing, .assigned(let elsewhere, let isStuck)):
            if elsewhere { wasRedispatched = true }
            self.isStuck = isStuck
            assignedAt = now
            return connect(at: now, rules)
        case (.choosing, .noServer):
            return finish(.server, .connecting, reset: false)
        case (.choosing, .queueFull):
            return finish(.server, .queued, reset: false)
        case (.choosing, .busy):
            phase = .queued
            if deadline == nil {
                deadline = rules.queueDeadline(from: now)
            }
            return .wait

        case (.queued, .slotFree):
            phase = .choosing
            return .choose
        case (.queued, .deadline):
            guard isDue(at: now) else { return .none }
            return finish(.serverTimeout, .queued, reset: false)

        case (.connecting, .connected):
            phase = .established
            deadline = nil
            connectedAt = now
            return .transfer
        case (.connecting, .connectFailed(let failure, let active, let isUsable)):
            switch failure {
            case .starved: return finish(.resources, .connecting, reset: false)
            case .answered:
                return retry(
                    .server,
                    waits: true,
                    active: active,
                    usable: isUsable,
                    at: now,
                    rules
                )
            case .immediate, .exhausted:
                return retry(
                    .server,
                    waits: false,
                    active: active,
                    usable: isUsable,
                    at: now,
                    rules
                )
            }
        case (.connecting, .deadline(let active, let isUsable)):
            guard isDue(at: now) else { return .none }
            return retry(
                .serverTimeout,
                waits: false,
                active: active,
                usable: isUsable,
                at: now,
                rules
            )

        case (.turnAround, .deadline):
            guard isDue(at: now) else { return .none }
            guard choosesAfterWait else { return connect(at: now, rules) }
            phase = .choosing
            deadline = nil
            return .choose

        case (.established, .ended(let side)):
            switch side {
            case .client:
                if clientEnded { return .none }
                clientEnded = true
            case .server:
                if serverEnded { return .none }
                serverEnded = true
            }
            if clientEnded, serverEnded {
                phase = .closed
                return .finish(reset: false)
            }
            return .shutDown(side.other)
        case (.established, .failed(let side)):
            switch side {
            case .client: return finish(.client, .data, reset: true)
            case .server: return finish(.server, .data, reset: true)
            }
        case (.established, .idle(let side)):
            switch side {
            case .client: return finish(.clientTimeout, .data, reset: false)
            case .server: return finish(.serverTimeout, .data, reset: false)
            }

        // The client goes before a server has answered.
        case (.choosing, .ended(.client)), (.choosing, .failed(.client)):
            return finish(.client, .request, reset: false)
        case (.queued, .ended(.client)), (.queued, .failed(.client)):
            return finish(.client, .queued, reset: false)
        case (.connecting, .ended(.client)), (.turnAround, .ended(.client)):
            return finish(.client, .connecting, reset: false)
        case (.connecting, .failed(.client)), (.turnAround, .failed(.client)):
            return finish(.client, .data, reset: true)
        case (.choosing, .idle(.client)):
            return finish(.clientTimeout, .request, reset: false)
        case (.queued, .idle(.client)):
            return finish(.clientTimeout, .queued, reset: false)
        case (.connecting, .idle(.client)), (.turnAround, .idle(.client)):
            return finish(.clientTimeout, .connecting, reset: false)

        case (.choosing, .killed(let cause)), (.queued, .killed(let cause)),
            (.connecting, .killed(let cause)), (.turnAround, .killed(let cause)):
            return finish(cause, .none, reset: false)
        case (.established, .killed(let cause)):
            return finish(cause, .none, reset: true)

        case (.choosing, .rejected):
            return finish(.proxy, .request, reset: false)

        // Late news of what is settled already.
        case (.closed, _), (.choosing, _), (.queued, _), (.connecting, _), (.turnAround, _),
            (.established, .assigned), (.established, .busy), (.established, .queueFull),
            (.established, .noServer),
            (.established, .slotFree), (.established, .connected), (.established, .connectFailed),
            (.established, .deadline), (.established, .rejected):
            return .none
        }
    }

    private func isDue(at now: Instant) -> Bool {
        deadline.map { $0 <= now } ?? false
    }

    private mutating func connect(at now: Instant, _ rules: ConnectRules) -> Effect {
        phase = .connecting
        deadline = rules.connectDeadline(from: now)
        return .connect
    }

    /// HAProxy's back_handle_st_cer and stream_choose_redispatch.
    ///
    /// After `retries` failures beyond the first it is over. Else the session may leave its server if
    /// redispatch is on and: the server is down; or the count says so (every N-th, -1: the last); or the
    /// algorithm does not look at the client, nor does the client stick to the server, and there is more than one
    /// active server. It waits for the
    /// turn-around after an answer of the network unless it can go elsewhere at once.
    private mutating func retry(
        _ cause: Termination.Cause,
        waits: Bool,
        active: Int,
        usable: Bool,
        at now: Instant,
        _ rules: ConnectRules
    ) -> Effect {
        guard attemptsFailed < rules.retries else {
            attemptsFailed = min(attemptsFailed, rules.retries)
            return finish(cause, .connecting, reset: false)
        }
        attemptsFailed += 1
        let leaves = mayLeave(active: active, usable: usable, rules)
        if waits, !leaves || active <= 1 {
            phase = .turnAround
            choosesAfterWait = leaves
            deadline = rules.turnAroundEnd(from: now)
            return .wait
        }
        guard leaves else { return connect(at: now, rules) }
        phase = .choosing
        deadline = nil
        return .choose
    }

    private func mayLeave(active: Int, usable: Bool, _ rules: ConnectRules) -> Bool {
        guard let redispatch = rules.redispatch else { return false }
        if !usable { return true }
        if redispatch > 0, attemptsFailed % redispatch == 0 { return true }
        if redispatch < 0 {
            let period = rules.retries + 1 + redispatch
            if period > 0, attemptsFailed % period == 0 { return true }
        }
        return rules.leavesAtOnce && !isStuck && active > 1
    }

    private mutating func finish(
        _ cause: Termination.Cause,
        _ state: Termination.State,
        reset: Bool
    ) -> Effect {
        phase = .closed
        deadline = nil
        termination = Termination(cause: cause, state: state)
        return .finish(reset: reset)
    }
}
