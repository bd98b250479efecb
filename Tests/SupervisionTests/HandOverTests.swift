import Primitives
import Supervision
import Testing
import VRRP

@Suite("A planned step-down, and a proxy that drains")
struct HandOverTests {
    private static let failover = Verdict.stepDown(.operatorRequest, hold: .seconds(5))

    /// A MASTER whose proxy has so many sessions.
    private func master(sessions: Int, _ role: Bench.Role = .master) -> Bench {
        var bench = Bench.node(role)
        bench.beat(sessions: sessions)
        return bench
    }

    @Test("A fail-over stops accepting, then lets go of the VIP, then accepts again")
    func order() {
        var bench = master(sessions: 5)
        bench.tell(.request(.failover))
        #expect(bench.actions == [Bench.pause])
        bench.pass(DecisionEngine.requestGrace - .milliseconds(1))
        #expect(bench.actions.count == 1)
        bench.pass(.milliseconds(1))
        #expect(bench.actions == [Bench.pause, Self.failover])
        bench.tell(.router(name: "VI_1", state: .backup))
        #expect(bench.actions == [Bench.pause, Self.failover, .resumeProxy])
        // Sessions on other addresses of the node are nobody's business.
        bench.pass(.seconds(10))
        #expect(bench.actions.count == 3)
        #expect(bench.decisions == ["step down"])
    }

    @Test("The moment before the VIP goes is a small part of a fail-over's time")
    func brief() {
        #expect(DecisionEngine.requestGrace <= .milliseconds(50))
        #expect(DecisionEngine.pauseDuration > DecisionEngine.requestGrace * 10)
    }

    @Test("A MASTER that loses the VIP within the moment does not step down as well")
    func overtaken() {
        var bench = master(sessions: 5)
        bench.tell(.request(.failover))
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.pass(.seconds(10))
        #expect(bench.actions == [Bench.pause, .resumeProxy])
    }

    @Test("What does not serve gets no moment: a proxy that hangs, starts, or stops already")
    func nobodyServed() {
        var ending = master(sessions: 5)
        ending.tell(.proxyEnding)
        ending.tell(.request(.stop(.proxy)))
        #expect(ending.actions == [.stepDown(.proxyStopped, hold: nil)])

        // systemd tells of its stop before the proxy does.
        var stopped = master(sessions: 5)
        stopped.tell(.request(.stop(.proxy)))
        stopped.tell(.proxyEnding)
        #expect(stopped.actions == [Bench.pause, .stepDown(.proxyStopped, hold: nil)])
        stopped.tell(.router(name: "VI_1", state: .backup))
        #expect(stopped.actions.last == .stop(.proxy), "it does not wait for what ends anyway")

        var starting = Bench.node(.master)
        starting.kill(.proxy)
        starting.forget()
        starting.tell(.request(.failover))
        #expect(starting.actions == [Self.failover])
    }

    @Test("A stop waits for sessions that the VIP does not take with it, and not for long")
    func drain() {
        let drain = Verdict.drainProxy(DecisionEngine.drainLimit)
        var bench = master(sessions: 5)
        bench.tell(.request(.stop(.proxy)))
        bench.passRequestGrace()
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.forget()
        var patient = bench
        bench.beat(sessions: 2)
        #expect(bench.actions == [])
        bench.beat(sessions: 0)
        #expect(bench.actions == [.stop(.proxy)])
        bench.beat(sessions: 0)
        bench.tell(.exited(.proxy, cause: "exit status 0"))
        bench.pass(.seconds(60))
        #expect(bench.actions == [.stop(.proxy)])
        #expect(bench.state(.proxy) == .stopped)

        patient.pass(DecisionEngine.drainLimit)
        #expect(patient.actions == [.stop(.proxy)])

        var backup = master(sessions: 5, .backup)
        backup.tell(.request(.stop(.proxy)))
        #expect(backup.actions == [drain])
        #expect(backup.decisions == ["stop", "wait for its sessions"])
        backup.beat(sessions: 0)
        #expect(backup.actions == [drain, .stop(.proxy)])

        var idle = master(sessions: 0, .backup)
        idle.tell(.request(.stop(.proxy)))
        #expect(idle.actions == [.stop(.proxy)])
    }

    @Test("A shutdown hands the VIP over in the same order")
    func shutdown() {
        var bench = master(sessions: 5)
        bench.tell(.request(.shutdown))
        #expect(bench.actions == [Bench.pause])
        bench.passRequestGrace()
        #expect(bench.actions == [Bench.pause, .stop(.agent)])
        bench.tell(.router(name: "VI_1", state: .backup))
        #expect(bench.actions.last == .drainProxy(DecisionEngine.drainLimit))
        bench.beat(sessions: 0)
        #expect(bench.actions.last == .stop(.proxy))
    }

    @Test("A proxy that drains refuses everybody: a MASTER steps down, and stands as a last resort")
    func draining() {
        for role in Bench.Role.allCases {
            var bench = master(sessions: 5, role)
            bench.tell(.proxyDraining(sessions: 5, limit: .seconds(300)))
            let stepDown = Verdict.stepDown(.proxyStopped, hold: nil)
            #expect(bench.actions == (role == .master ? [stepDown] : []))
            #expect(bench.leases.last == .lease(standing: .lastResort, proxyHealthy: false))
            #expect(bench.decisions.last == "last resort")
            // Said again to a supervisor that has it, it is no news.
            bench.tell(.proxyDraining(sessions: 4, limit: .seconds(299)))
            bench.tell(.router(name: "VI_1", state: .backup))
            bench.pass(.seconds(30))
            #expect(bench.actions.count == (role == .master ? 1 : 0))
            // It ends, is started as after any end, and the node stands as before.
            bench.tell(.exited(.proxy, cause: "exit status 0"))
            bench.becomeReady(.proxy)
            #expect(bench.leases.last == .lease(standing: .full, proxyHealthy: true))
        }
    }
}
