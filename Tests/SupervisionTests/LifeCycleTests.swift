import Primitives
import Supervision
import Testing
import VRRP

@Suite("Life and death of the processes")
struct LifeCycleTests {
    @Test("The first restart is immediate, the next two wait 50 and 200 ms, then it is FATAL")
    func backoff() {
        var bench = Bench.node(.backup)
        bench.kill(.proxy)
        #expect(bench.state(.proxy) == .starting)
        for wait in [Duration.milliseconds(50), .milliseconds(200)] {
            bench.kill(.proxy)
            #expect(bench.state(.proxy) == .backoff)
            bench.pass(wait - .milliseconds(1))
            #expect(bench.state(.proxy) == .backoff)
            bench.pass(.milliseconds(1))
            #expect(bench.state(.proxy) == .starting)
        }
        bench.kill(.proxy)
        #expect(bench.state(.proxy) == .fatal)
        #expect(bench.engine.process(.proxy)?.restarts == 3)
        #expect(bench.engine.process(.proxy)?.pid == nil)
    }

    @Test("Deaths that are further apart than restart_window never add up to FATAL")
    func sparseDeaths() {
        var bench = Bench.node(.master)
        for _ in 0..<20 {
            bench.kill(.proxy)
            #expect(bench.state(.proxy) != .fatal)
            bench.becomeReady(.proxy)
            bench.pass(.seconds(11))
        }
        #expect(bench.engine.process(.proxy)?.restarts == 20)
        #expect(bench.engine.isMaster)
    }

    @Test("A binary that can't be executed is FATAL after as many tries")
    func startFails() {
        var bench = Bench.node(.master)
        bench.kill(.proxy)
        for _ in 0..<3 {
            bench.tell(.startFailed(.proxy, reason: "No such file or directory"))
            bench.pass(.milliseconds(250))
        }
        #expect(bench.state(.proxy) == .fatal)
        #expect(bench.actions.last == .stepDown(.proxyFatal, hold: nil))
        #expect(bench.entries.last?.event == "proxy died: No such file or directory")
    }

    @Test("FATAL is retried every fatal_retry, with one line each, and mends with a fresh budget")
    func fatalRetry() {
        var bench = Bench.node(.backup)
        for _ in 0..<4 {
            bench.kill(.proxy)
            bench.pass(.milliseconds(200))
        }
        bench.forget()
        bench.pass(.seconds(29))
        #expect(bench.actions == [])
        bench.pass(.seconds(1))
        #expect(bench.actions == [.start(.proxy)])
        #expect(bench.decisions == ["try again"])
        // One death of a retry is FATAL again, without three restarts in between.
        bench.kill(.proxy)
        #expect(bench.state(.proxy) == .fatal)
        bench.pass(.seconds(30))
        #expect(bench.engine.standing == .lastResort)
        bench.forget()
        bench.becomeReady(.proxy)
        #expect(bench.state(.proxy) == .running)
        #expect(bench.engine.standing == .full)
        #expect(bench.decisions == ["full standing"])
        for _ in 0..<3 {
            bench.kill(.proxy)
            #expect(bench.state(.proxy) != .fatal)
            bench.pass(.milliseconds(200))
        }
        bench.kill(.proxy)
        #expect(bench.state(.proxy) == .fatal)
    }

    @Test(
        "A process that neither becomes ready nor dies is killed after 10 s",
        arguments: [
            ProcessName.agent, .proxy,
        ]
    )
    func startTakesTooLong(name: ProcessName) {
        var bench = Bench.node(.backup)
        bench.kill(name)
        bench.tell(.started(name, pid: 33))
        bench.forget()
        bench.pass(.milliseconds(9990))
        #expect(bench.actions == [])
        bench.pass(.milliseconds(10))
        #expect(bench.actions == [.kill(name)])
        bench.forget()
        bench.kill(name)
        bench.pass(.milliseconds(500))
        #expect(bench.actions == [.start(name)])
    }

    @Test("An agent is restarted like a proxy, given up like one, and tried again")
    func agentDies() {
        var bench = Bench.node(.master)
        bench.kill(.agent)
        #expect(bench.actions == [.start(.agent)])
        #expect(!bench.engine.isMaster, "an agent that is dead holds nothing")
        for _ in 0..<3 {
            bench.pass(.milliseconds(200))
            bench.kill(.agent)
        }
        #expect(bench.state(.agent) == .fatal)
        bench.forget()
        bench.pass(.seconds(30))
        #expect(bench.actions == [.start(.agent)])
    }

    @Test("A hung agent is killed and restarted; its VIP answers for itself")
    func agentHangs() {
        var bench = Bench.node(.master)
        bench.tell(.watchdogExpired(.agent))
        #expect(bench.actions == [.kill(.agent)])
        bench.kill(.agent)
        #expect(bench.actions == [.kill(.agent), .start(.agent)])
    }

    @Test("A proxy that is silent towards its manager is as hung as one without beats")
    func proxySilent() {
        var bench = Bench.node(.master)
        bench.tell(.watchdogExpired(.proxy))
        #expect(bench.actions == [.stepDown(.proxyHung, hold: nil), .kill(.proxy)])
        // A word of the dead is no news.
        bench.kill(.proxy)
        bench.pass(.seconds(60))
        bench.tell(.exited(.proxy, cause: "killed by SIGKILL"))
        var stopped = Bench.node(.master)
        stopped.tell(.request(.stop(.proxy)))
        stopped.tell(.exited(.proxy, cause: "exit status 0"))
        stopped.forget()
        stopped.tell(.watchdogExpired(.proxy))
        #expect(stopped.verdicts.isEmpty)
    }

    @Test("A ready that nobody waits for changes nothing")
    func strayReady() {
        var bench = Bench.node(.master)
        let before = bench.engine
        bench.tell(.ready(.proxy))
        #expect(bench.engine == before)
        #expect(bench.actions == [])
    }

    @Test("A node that begins is a last resort until its proxy is ready")
    func begins() {
        var bench = Bench()
        #expect(bench.engine.nextDeadline == nil)
        bench.tell(.absent(.agent))
        #expect(bench.leases == [], "nothing is lent before it is known how the proxy is")
        bench.tell(.absent(.proxy))
        #expect(bench.actions == [.start(.agent), .start(.proxy)])
        #expect(bench.leases == [.lease(standing: .lastResort, proxyHealthy: false)])
        bench.becomeReady(.proxy)
        #expect(bench.leases.last == .lease(standing: .full, proxyHealthy: true))
    }
}

@Suite("Beats and deaths")
struct LedgerTests {
    private func at(_ milliseconds: UInt64) -> Instant {
        Instant(nanoseconds: milliseconds * 1_000_000)
    }

    @Test("A beat counts only if the loops have turned")
    func turns() {
        var ledger = BeatLedger()
        ledger.begin(at: at(0))
        ledger.record(turns: 5, at: at(100))
        #expect(ledger.nextDeadline(watchdog: .seconds(1)) == at(1100))
        ledger.record(turns: 5, at: at(200))
        ledger.record(turns: 4, at: at(300))
        #expect(ledger.nextDeadline(watchdog: .seconds(1)) == at(1100))
        #expect(ledger.overdue(at: at(1099), watchdog: .seconds(1)) == nil)
        #expect(ledger.overdue(at: at(1100), watchdog: .seconds(1)) == .seconds(1))
        ledger.record(turns: 6, at: at(1100))
        #expect(ledger.overdue(at: at(1100), watchdog: .seconds(1)) == nil)
    }

    @Test("A new life begins to count anew, whatever its turns are")
    func newLife() {
        var ledger = BeatLedger()
        ledger.record(turns: 9, at: at(0))
        #expect(ledger.nextDeadline(watchdog: .seconds(1)) == nil, "not begun")
        ledger.begin(at: at(0))
        ledger.record(turns: 900, at: at(100))
        ledger.end()
        #expect(ledger.overdue(at: at(9999), watchdog: .seconds(1)) == nil)
        ledger.begin(at: at(10000))
        ledger.record(turns: 1, at: at(10100))
        #expect(ledger.nextDeadline(watchdog: .seconds(1)) == at(11100))
    }

    @Test("A proxy whose beats come but whose loops stand is hung")
    func punctualButHung() {
        var bench = Bench.node(.master)
        for _ in 0..<10 {
            bench.pass(.milliseconds(100), beating: false)
            bench.tell(.beat(turns: 1))
        }
        #expect(bench.actions == [.stepDown(.proxyHung, hold: nil), .kill(.proxy)])
    }

    @Test("The tally forgets what is older than the window and is spent above the limit")
    func tally() {
        var tally = DeathTally()
        for death in 0..<3 { tally.record(at: at(UInt64(death) * 10_000), window: .seconds(30)) }
        #expect(tally.count == 3)
        #expect(!tally.isSpent(limit: 3))
        var other = tally
        other.record(at: at(30_000), window: .seconds(30))
        #expect(other.isSpent(limit: 3), "the first is 30 s old: within the window")
        tally.record(at: at(30_001), window: .seconds(30))
        #expect(!tally.isSpent(limit: 3), "the first is forgotten")
        tally.clear()
        #expect(tally.count == 0)
        for _ in 0..<5000 { tally.record(at: at(1), window: .seconds(30)) }
        #expect(tally.count == 1000)
    }

    @Test("What an operator stopped before the supervisor began stays stopped until it is wanted")
    func foundStopped() {
        var bench = Bench()
        bench.tell(.absent(.agent))
        bench.becomeReady(.agent, pid: 11)
        bench.tell(.agentConnected)
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.tell(.foundStopped(.proxy))
        #expect(bench.state(.proxy) == .stopped)
        #expect(!bench.actions.contains(.start(.proxy)))
        #expect(bench.engine.standing == .lastResort)
        bench.pass(.seconds(60))
        #expect(!bench.actions.contains(.start(.proxy)))
        bench.tell(.request(.start(.proxy)))
        #expect(bench.actions.contains(.start(.proxy)))
    }

    @Test(
        "The end of a proxy that was killed for hanging belongs to the same incident",
        arguments: Bench.Role.allCases
    )
    func oneIncident(role: Bench.Role) {
        var bench = Bench.node(role)
        bench.pass(.milliseconds(1200), beating: false)
        #expect(bench.actions.contains(.kill(.proxy)))
        if role == .master { bench.tell(.router(name: "VI_1", state: .backup)) }
        bench.kill(.proxy)
        bench.pass(.milliseconds(50))
        bench.becomeReady(.proxy)
        #expect(Set(bench.entries.map(\.incident)).count == 1)
        #expect(bench.decisions.last == "full standing")
        let incident = bench.engine.incident
        bench.kill(.proxy)
        #expect(bench.engine.incident != incident, "a death that nobody asked for is another")
    }

    @Test("A supervisor that stood still does not take its own silence for the proxy's")
    func stall() {
        var bench = Bench.node(.master)
        bench.now = bench.now + .seconds(4)
        bench.tell(.stalled(.seconds(4)))
        bench.tell(.deadline)
        #expect(bench.actions == [])
        #expect(bench.decisions == ["judge nobody for that time"])
        bench.pass(.seconds(2))
        #expect(bench.actions == [])
        bench.pass(.milliseconds(1200), beating: false)
        #expect(bench.actions.contains(.kill(.proxy)), "a hang after that is one")
    }

    @Test("A grace that ran while the supervisor stood still goes on where it was")
    func stalledGrace() {
        var bench = Bench.node(.master)
        bench.kill(.proxy)
        bench.now = bench.now + .seconds(4)
        bench.tell(.stalled(.seconds(4)))
        bench.tell(.deadline)
        #expect(bench.actions == [.start(.proxy)])
        bench.pass(.milliseconds(1100))
        #expect(bench.actions.contains(.stepDown(.proxyNotRestarted, hold: nil)))
    }
}
