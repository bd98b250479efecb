import Primitives
import Supervision
import Testing
import VRRP

@Suite("What belongs together is told as one incident, and nothing that is not so is told")
struct IncidentTests {
    @Test(
        "A hung proxy and its death by the supervisor are one incident; a death of its own is another"
    )
    func hang() {
        var bench = Bench.node(.master)
        bench.pass(.seconds(1), beating: false)
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.tell(.watchdogExpired(.proxy))
        bench.kill(.proxy)
        bench.becomeReady(.proxy)
        #expect(Set(bench.entries.map(\.incident)).count == 1)
        #expect(bench.entries[2].event == "proxy is killed: killed by SIGKILL")
        #expect(bench.actions == [.stepDown(.proxyHung, hold: nil), .kill(.proxy), .start(.proxy)])

        bench.kill(.proxy)
        #expect(Set(bench.entries.map(\.incident)).count == 2)
        #expect(bench.entries.last?.event == "proxy died: killed by SIGKILL")
    }

    @Test("An agent that is silent is killed within the same incident")
    func silentAgent() {
        var bench = Bench.node(.backup)
        bench.tell(.watchdogExpired(.agent))
        bench.kill(.agent)
        #expect(bench.decisions == ["kill and restart", "restart"])
        #expect(Set(bench.entries.map(\.incident)).count == 1)
    }

    @Test(
        "Who was told to let go does not speak of keeping the VIP, whether or not the agent has done it"
    )
    func letsGo() {
        for hasLetGo in [true, false] {
            var bench = Bench.node(.master)
            bench.tell(.request(.failover))
            if hasLetGo { bench.tell(.router(name: "VI_1", state: .backup)) }
            bench.kill(.proxy)
            bench.becomeReady(.proxy)
            #expect(bench.decisions == ["step down", "restart", "full standing"])
        }
        // Once it is MASTER again, it does.
        var bench = Bench.node(.master)
        bench.tell(.request(.failover))
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.tell(.router(name: "VI_1", state: .active))
        bench.forget()
        bench.kill(.proxy)
        bench.becomeReady(.proxy)
        #expect(bench.decisions == ["restart and keep the VIP", "keep the VIP"])
    }

    @Test("A MASTER that has not let go yet still gives up a proxy that is not ready in time")
    func graceOfOneThatLetsGo() {
        var bench = Bench.node(.master)
        bench.tell(.request(.failover))
        bench.kill(.proxy)
        bench.pass(.seconds(1))
        #expect(bench.engine.standing == .lastResort)
    }

    @Test("A start that its service manager refuses is FATAL at once, for the reason that it gives")
    func refusedStart() {
        var bench = Bench.node(.backup)
        bench.kill(.proxy)
        bench.tell(.gaveUp(.proxy, cause: "Unit tandem-proxy.service is masked."))
        #expect(bench.state(.proxy) == .fatal)
        #expect(bench.entries.last?.event == "proxy died: Unit tandem-proxy.service is masked.")
        #expect(
            bench.entries.last?.reason
                == "systemd does not start it again by itself; next try in 30 s"
        )
    }
}

@Suite("What an operator stopped stays stopped when another supervisor comes")
struct FoundStoppedTests {
    @Test("Neither its beginning nor the loss of the VIP starts it, but the operator does")
    func staysStopped() {
        var bench = Bench()
        bench.tell(.foundStopped(.proxy))
        bench.tell(.found(.agent, pid: 11))
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.pass(.seconds(120))
        // Nobody else wanted it: that is no reason either.
        bench.tell(.router(name: "VI_1", state: .active))
        #expect(bench.actions == [])
        #expect(bench.state(.proxy) == .stopped)
        #expect(bench.engine.standing == .lastResort)
        #expect(bench.decisions == ["leave proxy stopped", "carry on", "leave the proxy stopped"])

        bench.tell(.request(.start(.proxy)))
        #expect(bench.actions == [.start(.proxy)])
    }

    @Test("Once a peer was heard, a node that takes over serves again, as after any stop")
    func takesOver() {
        var bench = Bench()
        bench.tell(.foundStopped(.proxy))
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.tell(.peerHeard(priority: 100))
        bench.tell(.router(name: "VI_1", state: .active))
        #expect(bench.actions == [.start(.proxy)])
    }

    @Test("What merely does not run is started")
    func absent() {
        var bench = Bench()
        bench.tell(.absent(.proxy))
        #expect(bench.actions == [.start(.proxy)])
    }
}
