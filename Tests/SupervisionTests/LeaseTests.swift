import Primitives
import Supervision
import Testing
import VRRP

@Suite("What the agent is lent")
struct LeaseTests {
    @Test("A lease is renewed every 250 ms, well before the second that it lasts")
    func cadence() {
        var bench = Bench.node(.backup)
        bench.pass(.seconds(10))
        #expect(bench.leases.count == 40)
        #expect(DecisionEngine.leaseInterval * 4 <= DecisionEngine.leaseDuration)
        #expect(bench.leases.allSatisfy { $0 == .lease(standing: .full, proxyHealthy: true) })
    }

    @Test("A change is lent at once, and an agent that connects is lent to at once")
    func atOnce() {
        var bench = Bench.node(.backup)
        bench.tell(.request(.stop(.proxy)))
        #expect(bench.leases == [.lease(standing: .lastResort, proxyHealthy: false)])
        bench.tell(.agentConnected)
        #expect(bench.leases.count == 2)
    }

    @Test(
        "A restart within its grace does not move the weights of scripts",
        arguments: [
            Bench.Role.master, .backup,
        ]
    )
    func restartKeepsHealth(role: Bench.Role) {
        var bench = Bench.node(role)
        bench.kill(.proxy)
        bench.pass(.milliseconds(900))
        #expect(bench.leases.allSatisfy { $0 == .lease(standing: .full, proxyHealthy: true) })
        bench.pass(.milliseconds(100))
        #expect(bench.leases.last == .lease(standing: .lastResort, proxyHealthy: false))
    }

    @Test("A supervisor that begins lends nothing before it knows how the proxy is")
    func silenceAtFirst() {
        var bench = Bench()
        bench.tell(.found(.agent, pid: 1))
        bench.tell(.agentConnected)
        bench.tell(.router(name: "VI_1", state: .active))
        #expect(bench.leases == [])
        bench.tell(.found(.proxy, pid: 2))
        #expect(bench.leases == [.lease(standing: .full, proxyHealthy: true)])
    }

    @Test("The end of the supervisor lends nothing more")
    func shutdown() {
        var bench = Bench.node(.master)
        bench.tell(.request(.shutdown))
        bench.pass(.seconds(5))
        #expect(bench.leases == [])
    }

    @Test("Settings that are read anew count from then on")
    func reconfigured() {
        var settings = SupervisionSettings()
        settings.proxyWatchdog = .seconds(3)
        var bench = Bench.node(.backup)
        bench.tell(.reconfigured(SupervisionSettings()))
        #expect(bench.decisions == [], "nothing has changed")
        bench.tell(.reconfigured(settings))
        #expect(bench.decisions == ["apply"])
        bench.pass(.milliseconds(2900), beating: false)
        #expect(bench.actions == [])
        bench.pass(.milliseconds(100), beating: false)
        #expect(bench.actions == [.kill(.proxy)])
    }
}

@Suite("The journal of decisions")
struct JournalTests {
    @Test("A crash is told with its numbers")
    func crash() throws {
        var bench = Bench.node(.master)
        bench.kill(.proxy)
        bench.pass(.milliseconds(15))
        bench.becomeReady(.proxy)
        let entries = bench.entries
        #expect(entries.count == 2)
        let first = try #require(entries.first)
        #expect(first.event == "proxy died: killed by SIGKILL")
        #expect(first.decision == "restart and keep the VIP")
        #expect(first.reason == "restart 1 of 3 in 30 s; it has 1 s to be ready")
        #expect(entries[1].event == "proxy is ready")
        #expect(entries[1].decision == "keep the VIP")
        #expect(entries[1].reason == "15 ms after its start, within restart_grace")
        #expect(entries[1].incident == first.incident)
    }

    @Test("A hang is told with the silence and the setting")
    func hang() {
        var settings = SupervisionSettings()
        settings.proxyWatchdog = .milliseconds(1500)
        var bench = Bench.node(.master, settings)
        bench.pass(.milliseconds(1500), beating: false)
        #expect(
            bench.entries.map(\.event) == [
                "proxy hangs: no beat for 1.5 s", "proxy hangs: no beat for 1.5 s",
            ]
        )
        #expect(bench.entries.first?.reason == "this node was MASTER; its proxy hangs")
        #expect(bench.entries.last?.reason == "proxy_watchdog is 1.5 s")
    }

    @Test("FATAL is told with the count and when it is tried again")
    func fatal() {
        var bench = Bench.node(.backup)
        for _ in 0..<4 {
            bench.kill(.proxy)
            bench.pass(.milliseconds(200))
        }
        #expect(
            bench.entries.last?.reason
                == "4 deaths in 30 s, 3 restarts are allowed; next try in 30 s"
        )
    }

    @Test("Each incident has a number of its own, counted from what the shell gives")
    func incidents() {
        var bench = Bench.node(.backup)
        var seen: Set<IncidentID> = []
        for _ in 0..<5 {
            bench.forget()
            bench.kill(.proxy)
            bench.becomeReady(.proxy)
            let incidents = Set(bench.entries.map(\.incident))
            #expect(incidents.count == 1)
            #expect(seen.isDisjoint(with: incidents))
            #expect(incidents.allSatisfy { $0.rawValue > 100 })
            seen.formUnion(incidents)
            bench.pass(.seconds(31))
        }
    }

    @Test("Every reason to step down has a sentence", arguments: StepDownReason.allCases)
    func sentences(reason: StepDownReason) {
        #expect(reason.sentence.contains(" "))
    }

    @Test("Every entry has its three parts", arguments: DecisionTableTests.crashes)
    func complete(row: TableRow) {
        var bench = Bench.node(row.role, row.settings)
        row.happens(&bench)
        #expect(!bench.entries.isEmpty)
        for entry in bench.entries {
            #expect(!entry.event.isEmpty && !entry.decision.isEmpty && !entry.reason.isEmpty)
        }
    }
}
