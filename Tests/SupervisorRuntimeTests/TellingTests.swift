import Logging
import Messages
import Primitives
import Supervision
import Systemd
import Testing
import VRRP

@testable import SupervisorRuntime

@Suite("What the supervisor tells the service manager and the journal")
struct TellingTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    private func verdicts(_ facts: [Fact]) -> (engine: DecisionEngine, entries: [JournalEntry]) {
        var engine = DecisionEngine(settings: SupervisionSettings(), firstIncident: 7)
        var entries: [JournalEntry] = []
        for fact in facts {
            for case .journal(let entry) in engine.handle(fact, at: start) { entries.append(entry) }
        }
        return (engine, entries)
    }

    private let serving: [Fact] = [
        .found(.agent, pid: 10), .found(.proxy, pid: 11), .agentConnected,
        .router(name: "VI_1", state: .backup), .router(name: "VI_1", state: .active),
        .beat(turns: 1),
    ]

    @Test("The status is a sentence: processes, routers, the last decision with its incident")
    func status() {
        let (engine, entries) = verdicts(serving + [.exited(.proxy, cause: "killed by SIGKILL")])
        var last = entries.last
        last?.wallClock = 5_000_000_000
        let text = StatusText.sentence(
            processes: [engine.agent, engine.proxy],
            routers: [],
            last: last,
            at: start + .seconds(7380),
            wallClock: 5_000_000_000 + 200_000_000_000
        )
        #expect(
            text == "agent RUNNING for 2 h, proxy STARTING for 2 h; last decision 3 min ago, "
                + "incident \(last?.incident ?? .none): proxy died: killed by SIGKILL: "
                + "restart and keep the VIP"
        )
    }

    @Test("A death that is mended is a warning with the id of a restart and the process")
    func restarted() throws {
        let entries = verdicts(serving + [.exited(.proxy, cause: "killed by SIGKILL")]).entries
        let entry = try #require(entries.first { $0.kind != nil })
        #expect(entry.kind == .restarted(.proxy))
        #expect(entry.level == .warning)
        #expect(entry.fields.id == .processRestarted)
        #expect(entry.fields.process == "proxy")
        #expect(entry.fields.incident == entry.incident)
    }

    @Test("A hang of a MASTER's proxy steps down, under one incident")
    func hung() {
        let entries = verdicts(serving + [.watchdogExpired(.proxy)]).entries.filter {
            $0.kind != nil
        }
        #expect(entries.map(\.kind) == [.steppedDown, .hung(.proxy)])
        #expect(Set(entries.map(\.incident)).count == 1)
    }

    @Test("A second hang that nobody else answers for is kept, and is an error")
    func kept() throws {
        let entries = verdicts(
            serving + [
                .watchdogExpired(.proxy), .router(name: "VI_1", state: .backup),
                .exited(.proxy, cause: "killed by SIGKILL"), .started(.proxy, pid: 12),
                .ready(.proxy), .beat(turns: 1), .router(name: "VI_1", state: .active),
                .watchdogExpired(.proxy),
            ]
        ).entries
        let entry = try #require(entries.first { $0.kind == .keptDespiteFault })
        #expect(entry.level == .error && entry.fields.id == .keptDespiteFault)
    }

    @Test("What can't be restarted is an error; an operator's fail-over is a notice")
    func fatalAndFailover() throws {
        let fatal = verdicts(serving + [.gaveUp(.proxy, cause: "exited with status 1")]).entries
        let entry = try #require(fatal.first { $0.kind == .fatal(.proxy) })
        #expect(entry.level == .error && entry.fields.state == "FATAL")
        let failover = verdicts(serving + [.request(.failover)]).entries
        let asked = try #require(failover.first { $0.kind == .operatorFailover })
        #expect(asked.level == .notice && asked.fields.id == .operatorFailover)
    }

    @Test("What belongs to the run of things has no id")
    func ordinary() {
        #expect(verdicts(serving).entries.allSatisfy { $0.kind == nil && $0.fields.id == nil })
    }
}
