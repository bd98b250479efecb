package import Primitives

/// `inter`, `fastinter`, `downinter`, `rise`, `fall` and the time that one check may take.
package struct CheckSettings: Equatable, Sendable {
    package var interval: Duration
    package var fastInterval: Duration
    package var downInterval: Duration
    package var rise: Int
    package var fall: Int
    /// The whole check: `inter`, or `timeout connect` where that is shorter and `timeout check` is given.
    package var timeout: Duration
    /// `spread-checks`: by so many percent the interval varies either way.
    package var spread: Int
    package var start: ServerHealth.Start

    package init(
        interval: Duration = .seconds(2),
        fastInterval: Duration? = nil,
        downInterval: Duration? = nil,
        rise: Int = 2,
        fall: Int = 3,
        timeout: Duration? = nil,
        spread: Int = 0,
        start: ServerHealth.Start = .up
    ) {
        self.start = start
        self.spread = min(max(spread, 0), 50)
        self.interval = max(interval, .milliseconds(1))
        self.fastInterval = max(fastInterval ?? interval, .milliseconds(1))
        self.downInterval = max(downInterval ?? interval, .milliseconds(1))
        self.rise = rise
        self.fall = fall
        self.timeout = max(timeout ?? interval, .milliseconds(1))
    }
}

/// How one check ended, in HAProxy's words.
package struct CheckOutcome: Equatable, Sendable {
    package enum Result: Equatable, Sendable {
        case passed
        /// The connection was refused, or could not be tried: the system's words.
        case connectionProblem(String)
        case timedOut
        /// `observe`: so many real connections in a row have failed.
        case observed(errors: Int)
    }

    package var result: Result
    package var duration: Duration

    package init(_ result: Result, duration: Duration) {
        self.result = result
        self.duration = duration
    }

    package var hasPassed: Bool { result == .passed }

    /// `Layer4 connection problem, info: "Connection refused", check duration: 0ms`.
    package var reason: String {
        let time = "check duration: \(max(duration.milliseconds, 0))ms"
        switch result {
        case .passed: return "Layer4 check passed, \(time)"
        case .connectionProblem(let text):
            return "Layer4 connection problem, info: \"\(text)\", \(time)"
        case .timedOut: return "Layer4 timeout, \(time)"
        case .observed(let errors):
            return "Health analyze, info: \"Detected \(errors) consecutive errors, "
                + "last one was: L4 unsuccessful connection\""
        }
    }
}

/// The checks of one server, one after the other.
///
/// | state | event | effects | next |
/// |---|---|---|---|
/// | waiting | deadline, runNow | connect | running |
/// | running | answered | concluded | waiting for the interval, or for the check that `runNow` came before |
/// | running | deadline | abandon, concluded (timeout) | waiting for the interval |
/// | running | runNow | none: the running one will tell | running |
/// | any | observed | concluded (`on-error`) | the same, the next check within `fastinter` |
package struct ServerCheck: Equatable, Sendable {
    package enum Event: Equatable, Sendable {
        case deadline
        /// Do not wait for the interval.
        case runNow
        case answered(CheckOutcome.Result)
        /// Real connections have failed up to the limit.
        case observed(errors: Int, OnError)
    }

    /// `on-error`: what failures of real connections do.
    package enum OnError: Equatable, Sendable {
        /// The next check comes sooner.
        case fastInterval
        /// They count as one failed check.
        case failCheck
        /// One more failure takes the server down.
        case suddenDeath
        case markDown
    }

    package enum Effect: Equatable, Sendable {
        case connect
        /// Close the connection that has not answered.
        case abandon
        case concluded(CheckOutcome, ServerHealth.Change)
    }

    private enum State: Equatable, Sendable {
        case waiting(until: Instant)
        case running(since: Instant)
    }

    package let settings: CheckSettings
    package private(set) var health: ServerHealth
    private var state: State
    /// A check that was due then when another one was asked for: it keeps its place.
    private var planned: Instant?
    private var random: SeededGenerator

    /// `firstAt` spreads the checks of many servers over their interval (`CheckSchedule`), `seed` each of them.
    package init(
        settings: CheckSettings,
        health: ServerHealth? = nil,
        firstAt: Instant,
        seed: UInt64 = 1
    ) {
        self.settings = settings
        random = SeededGenerator(seed: seed)
        self.health =
            health.map {
                ServerHealth(rise: settings.rise, fall: settings.fall, carriedOver: $0)
            }
            ?? ServerHealth(
                rise: settings.rise,
                fall: settings.fall,
                start: settings.start
            )
        state = .waiting(until: firstAt)
    }

    package var isRunning: Bool {
        switch state {
        case .running: true
        case .waiting: false
        }
    }

    package var nextDeadline: Instant {
        switch state {
        case .waiting(let until): until
        case .running(let since): since + settings.timeout
        }
    }

    /// HAProxy's srv_getinter: `inter` at full health, `downinter` when nothing is left, else `fastinter`.
    package var currentInterval: Duration {
        if health.isFull { return settings.interval }
        return health.isEmpty ? settings.downInterval : settings.fastInterval
    }

    private mutating func spread(_ interval: Duration) -> Duration {
        guard settings.spread > 0 else { return interval }
        let most = interval.nanoseconds / 100 * Int64(settings.spread)
        guard most > 0 else { return interval }
        let difference = Int64(random.next() % UInt64(2 * most + 1)) - most
        return max(interval + .nanoseconds(difference), .milliseconds(1))
    }

    package mutating func handle(_ event: Event, at now: Instant) -> [Effect] {
        switch (state, event) {
        case (.waiting(let until), .deadline):
            guard until <= now else { return [] }
            state = .running(since: now)
            return [.connect]
        case (.waiting(let until), .runNow):
            planned = until
            state = .running(since: now)
            return [.connect]
        case (.running(let since), .answered(let result)):
            return [conclude(CheckOutcome(result, duration: now - since), at: now)]
        case (.running(let since), .deadline):
            guard since + settings.timeout <= now else { return [] }
            return [.abandon, conclude(CheckOutcome(.timedOut, duration: now - since), at: now)]
        // The check that runs answers for both.
        case (.running, .runNow): return []
        case (.waiting(let until), .observed(let errors, let action)):
            state = .waiting(until: min(until, now + settings.fastInterval))
            return observe(errors, action)
        case (.running, .observed(let errors, let action)): return observe(errors, action)
        // An answer that came after its check had been given up.
        case (.waiting, .answered): return []
        }
    }

    private mutating func observe(_ errors: Int, _ action: OnError) -> [Effect] {
        guard health.isUp else { return [] }
        switch action {
        case .fastInterval: return []
        case .failCheck: break
        case .suddenDeath: health.weaken(to: 2)
        case .markDown: health.weaken(to: 1)
        }
        let outcome = CheckOutcome(.observed(errors: errors), duration: .zero)
        return [.concluded(outcome, health.failed())]
    }

    private mutating func conclude(_ outcome: CheckOutcome, at now: Instant) -> Effect {
        let change = outcome.hasPassed ? health.passed() : health.failed()
        var next = now + spread(currentInterval)
        if let planned, planned > now { next = min(next, planned) }
        planned = nil
        state = .waiting(until: next)
        return .concluded(outcome, change)
    }
}

/// When the first check of each server runs: server 0 at once, the others spread over the smallest interval.
package enum CheckSchedule {
    package static func firstCheck(
        of index: Int,
        among count: Int,
        smallestInterval: Duration,
        from start: Instant
    ) -> Instant {
        guard count > 0, index > 0 else { return start }
        let share = smallestInterval.nanoseconds / Int64(count)
        return start + .nanoseconds(share &* Int64(min(index, count)))
    }
}
