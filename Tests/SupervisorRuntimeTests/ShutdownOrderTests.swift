import Primitives
import Supervision
import Testing
import VRRP

@Suite("A shutdown")
struct ShutdownOrderTests {
    private let begin = Instant(nanoseconds: 1_000_000_000)

    private func engine(_ state: VisibleState) -> DecisionEngine {
        var engine = DecisionEngine(settings: SupervisionSettings())
        _ = engine.handle(.found(.proxy, pid: 2), at: begin)
        _ = engine.handle(.found(.agent, pid: 3), at: begin)
        _ = engine.handle(.router(name: "VI_1", state: state), at: begin)
        return engine
    }

    private func stops(_ verdicts: [Verdict]) -> [Verdict] {
        verdicts.filter { [.stop(.agent), .stop(.proxy), .exit].contains($0) }
    }

    @Test("of a MASTER lets the proxy serve until the agent has let go")
    func master() {
        var engine = engine(.active)
        #expect(stops(engine.handle(.request(.shutdown), at: begin)) == [])
        let begin = begin + DecisionEngine.requestGrace
        #expect(stops(engine.handle(.deadline, at: begin)) == [.stop(.agent)])
        let released = Fact.exited(.agent, cause: "exit status 0")
        #expect(stops(engine.handle(released, at: begin)) == [.stop(.proxy)])
        let stopped = Fact.exited(.proxy, cause: "exit status 0")
        #expect(stops(engine.handle(stopped, at: begin)) == [.exit])
    }

    @Test("does not wait for an agent that hangs")
    func hangingAgent() {
        var engine = engine(.active)
        _ = engine.handle(.request(.shutdown), at: begin)
        _ = engine.handle(.deadline, at: begin + DecisionEngine.requestGrace)
        let due = begin + DecisionEngine.requestGrace + DecisionEngine.releaseWait
        #expect(engine.nextDeadline.map { $0 <= due } == true)
        #expect(stops(engine.handle(.deadline, at: due)) == [.stop(.proxy)])
    }

    @Test("of a BACKUP stops both at once")
    func backup() {
        var engine = engine(.backup)
        let verdicts = engine.handle(.request(.shutdown), at: begin)
        #expect(stops(verdicts) == [.stop(.agent), .stop(.proxy)])
    }
}
