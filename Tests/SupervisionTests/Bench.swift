import Primitives
import Supervision
import Testing
import VRRP

/// A decision engine with a clock in hand: facts go in, time passes deadline by deadline.
struct Bench {
    enum Role: String, CaseIterable, Sendable {
        case master = "MASTER"
        case backup = "BACKUP"

        var state: VisibleState { self == .master ? .active : .backup }
    }

    var engine: DecisionEngine
    var now = Instant(nanoseconds: 1_000_000_000_000)
    /// Everything decided since the bench was made or `forget` was called.
    private(set) var verdicts: [Verdict] = []
    private var turns: UInt64 = 0
    private var sessions = 0

    init(_ settings: SupervisionSettings = SupervisionSettings()) {
        engine = DecisionEngine(settings: settings, firstIncident: 100)
    }

    /// Both processes run, the proxy beats with two servers, and the agent has this role.
    static func node(
        _ role: Role,
        _ settings: SupervisionSettings = SupervisionSettings()
    ) -> Bench {
        var bench = Bench(settings)
        bench.start(.agent)
        bench.start(.proxy)
        bench.tell(.agentConnected)
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.tell(.servers(Bench.census(usable: 2)))
        if role == .master { bench.tell(.router(name: "VI_1", state: .active)) }
        bench.pass(.seconds(40))
        bench.forget()
        return bench
    }

    static func census(usable: Int) -> ServerCensus {
        ServerCensus(
            usable: usable,
            total: 2,
            proxies: 1,
            proxiesWithoutServer: usable == 0 ? 1 : 0
        )
    }

    private mutating func start(_ name: ProcessName) {
        tell(.absent(name))
        becomeReady(name, pid: name == .agent ? 11 : 12)
    }

    mutating func becomeReady(_ name: ProcessName, pid: Int32 = 99) {
        tell(.started(name, pid: pid))
        tell(.ready(name))
    }

    mutating func forget() {
        verdicts = []
    }

    @discardableResult
    mutating func tell(_ fact: Fact) -> [Verdict] {
        let new = engine.handle(fact, at: now)
        verdicts += new
        return new
    }

    mutating func kill(_ name: ProcessName) {
        tell(.exited(name, cause: "killed by SIGKILL"))
    }

    /// The proxy beats, and has so many sessions from now on.
    mutating func beat(sessions: Int) {
        turns += 1
        self.sessions = sessions
        tell(.beat(turns: turns, sessions: sessions))
    }

    /// Lets time pass; a running proxy beats every 100 ms unless it is said not to.
    mutating func pass(_ duration: Duration, beating: Bool = true) {
        let end = now + duration
        var beatAt = now + .milliseconds(100)
        while true {
            let isBeating = beating && engine.process(.proxy)?.state == .running
            let deadline = engine.nextDeadline ?? .distantFuture
            let next = min(deadline, isBeating ? beatAt : .distantFuture)
            guard next <= end else { break }
            now = max(now, next)
            if isBeating, beatAt <= now {
                beatAt = now + .milliseconds(100)
                beat(sessions: sessions)
            }
            if deadline <= now { tell(.deadline) }
        }
        now = end
    }

    /// What is to be done, without leases and journal.
    var actions: [Verdict] {
        verdicts.filter { verdict in
            switch verdict {
            case .lease, .journal: false
            case .start, .stop, .kill, .stepDown, .pauseProxy, .resumeProxy, .drainProxy,
                .refreshProxy, .reload, .exit:
                true
            }
        }
    }

    /// What a planned step-down of a proxy that serves begins with.
    static let pause = Verdict.pauseProxy(DecisionEngine.pauseDuration)

    /// The moment that requests under way have.
    mutating func passRequestGrace() { pass(DecisionEngine.requestGrace) }

    var entries: [JournalEntry] {
        verdicts.compactMap { verdict in
            if case .journal(let entry) = verdict { entry } else { nil }
        }
    }

    var decisions: [String] { entries.map(\.decision) }

    var leases: [Verdict] {
        verdicts.filter { verdict in
            if case .lease = verdict { true } else { false }
        }
    }

    func state(_ name: ProcessName) -> ProcessState? { engine.process(name)?.state }
}
