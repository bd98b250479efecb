import Primitives
import Supervision
import Testing
import VRRP

@Suite("What an operator asks for")
struct OperatorTests {
    @Test("A stop on the MASTER waits for the agent's word, and no longer than 200 ms")
    func stopWaits() {
        var bench = Bench.node(.master)
        bench.tell(.request(.stop(.proxy)))
        #expect(bench.actions == [Bench.pause])
        bench.passRequestGrace()
        let stepDown = Verdict.stepDown(.proxyStopped, hold: nil)
        #expect(bench.actions == [Bench.pause, stepDown])
        bench.pass(.milliseconds(199))
        #expect(bench.actions.count == 2)
        bench.pass(.milliseconds(1))
        #expect(bench.actions == [Bench.pause, stepDown, .stop(.proxy)])
        // The agent's late word is no second reason.
        bench.tell(.router(name: "VI_1", state: .backup))
        #expect(bench.actions.count == 3)
    }

    @Test("A proxy that dies while its stop waits is not stopped in its next life")
    func diesWhileStopping() {
        var bench = Bench.node(.master)
        bench.tell(.request(.stop(.proxy)))
        bench.kill(.proxy)
        #expect(bench.state(.proxy) == .stopped)
        bench.forget()
        bench.tell(.request(.start(.proxy)))
        bench.becomeReady(.proxy)
        bench.pass(.seconds(1))
        #expect(bench.actions == [.start(.proxy)])
        #expect(bench.state(.proxy) == .running)
    }

    @Test("A stopped process stays stopped until it is started, with a fresh budget")
    func stopAndStart() {
        var bench = Bench.node(.backup)
        bench.kill(.proxy)
        bench.becomeReady(.proxy)
        bench.tell(.request(.stop(.proxy)))
        bench.tell(.exited(.proxy, cause: "exit status 0"))
        bench.pass(.seconds(120))
        #expect(bench.state(.proxy) == .stopped)
        bench.forget()
        bench.tell(.request(.start(.proxy)))
        #expect(bench.actions == [.start(.proxy)])
        #expect(bench.engine.standing == .lastResort, "until it is ready")
        bench.becomeReady(.proxy)
        #expect(bench.engine.standing == .full)
    }

    @Test("A process that waits for its next start is stopped without a signal")
    func stopInBackoff() {
        var bench = Bench.node(.backup)
        bench.kill(.proxy)
        bench.kill(.proxy)
        #expect(bench.state(.proxy) == .backoff)
        bench.forget()
        bench.tell(.request(.stop(.proxy)))
        bench.pass(.seconds(60))
        #expect(bench.actions == [])
        #expect(bench.state(.proxy) == .stopped)
    }

    @Test("A restart on the MASTER keeps the VIP if the proxy is ready within restart_grace")
    func restart() {
        var bench = Bench.node(.master)
        bench.tell(.request(.restart(.proxy)))
        bench.pass(.milliseconds(30))
        bench.tell(.exited(.proxy, cause: "exit status 0"))
        #expect(bench.leases.allSatisfy { $0 == .lease(standing: .full, proxyHealthy: true) })
        bench.becomeReady(.proxy)
        bench.pass(.seconds(3))
        #expect(bench.actions == [.stop(.proxy), .start(.proxy)])
        #expect(bench.decisions == ["restart", "keep the VIP"])
        #expect(bench.engine.process(.proxy)?.restarts == 0, "nobody's accident")

        var slow = Bench.node(.master)
        slow.tell(.request(.restart(.proxy)))
        slow.pass(.seconds(1))
        #expect(slow.actions == [.stop(.proxy), .stepDown(.proxyNotRestarted, hold: nil)])
        slow.tell(.exited(.proxy, cause: "killed by SIGKILL"))
        #expect(slow.actions.last == .start(.proxy))
    }

    @Test("A start while it stops takes effect when it has stopped")
    func startWhileStopping() {
        var bench = Bench.node(.backup)
        bench.tell(.request(.stop(.proxy)))
        bench.tell(.request(.start(.proxy)))
        #expect(bench.actions == [.stop(.proxy)])
        bench.tell(.exited(.proxy, cause: "exit status 0"))
        #expect(bench.actions == [.stop(.proxy), .start(.proxy)])
    }

    @Test("The agent is stopped and started by name; it lets go of the VIP itself")
    func agent() {
        var bench = Bench.node(.master)
        bench.tell(.request(.stop(.agent)))
        #expect(bench.actions == [.stop(.agent)])
        bench.tell(.exited(.agent, cause: "exit status 0"))
        bench.pass(.seconds(60))
        #expect(bench.state(.agent) == .stopped)
        bench.tell(.request(.start(.agent)))
        #expect(bench.actions == [.stop(.agent), .start(.agent)])
    }

    @Test("A reload reaches both")
    func reload() {
        var bench = Bench.node(.backup)
        bench.tell(.request(.reload))
        #expect(bench.actions == [.reload(.agent), .reload(.proxy)])
    }

    @Test("Requests that make no sense are refused with a reason and change nothing")
    func refusals() {
        let node = Bench.node(.backup)
        let expected: [(OperatorRequest, String?)] = [
            (.start(.proxy), "already started"),
            (.start(.supervisor), "no such process"),
            (.stop(.supervisor), "no such process"),
            (.restart(.supervisor), "no such process"),
            (.failover, "this node is not MASTER of anything; run it on the node that is"),
            (.stop(.proxy), nil),
            (.restart(.proxy), nil),
            (.reload, nil),
            (.shutdown, nil),
        ]
        for (request, refusal) in expected {
            #expect(node.engine.refusal(of: request) == refusal)
            var bench = node
            bench.tell(.request(request))
            #expect((bench.engine == node.engine) == (refusal != nil), "\(request)")
        }
        let fresh = Bench()
        #expect(fresh.engine.refusal(of: .stop(.proxy)) == "not running")
        #expect(fresh.engine.refusal(of: .reload) == "nothing runs that could reload")
        #expect(fresh.engine.refusal(of: .failover)?.contains("no virtual router") == true)
        #expect(Bench.node(.master).engine.refusal(of: .failover) == nil)
    }

    @Test("A shutdown of a MASTER stops the proxy when the agent has let go, and ends with both")
    func shutdownOfMaster() {
        var bench = Bench.node(.master)
        bench.tell(.request(.shutdown))
        #expect(bench.actions == [Bench.pause])
        bench.passRequestGrace()
        #expect(bench.actions == [Bench.pause, .stop(.agent)])
        bench.tell(.request(.shutdown))
        #expect(bench.actions.count == 2, "said twice, it is done once")
        bench.forget()
        var late = bench
        bench.tell(.router(name: "VI_1", state: .backup))
        #expect(bench.actions == [.stop(.proxy)])
        bench.tell(.exited(.agent, cause: "exit status 0"))
        bench.pass(.seconds(30))
        #expect(bench.actions.count == 1)
        // Even one that dies of it is not brought back.
        bench.tell(.exited(.proxy, cause: "killed by SIGKILL"))
        #expect(bench.actions == [.stop(.proxy), .exit])

        // An agent that ends without a word has let go too, and one that does neither is not waited for.
        var silent = late
        silent.tell(.exited(.agent, cause: "exit status 0"))
        #expect(silent.actions == [.stop(.proxy)])
        late.pass(.milliseconds(199))
        #expect(late.actions == [])
        late.pass(.milliseconds(1))
        #expect(late.actions == [.stop(.proxy)])
    }

    @Test("A shutdown of a BACKUP stops both at once")
    func shutdownOfBackup() {
        var bench = Bench.node(.backup)
        bench.tell(.request(.shutdown))
        #expect(bench.actions == [.stop(.agent), .stop(.proxy)])
        bench.tell(.exited(.proxy, cause: "exit status 0"))
        #expect(bench.actions.count == 2)
        bench.tell(.exited(.agent, cause: "exit status 0"))
        #expect(bench.actions.last == .exit)
    }

    @Test("Nothing is started once the supervisor is stopping")
    func startDuringShutdown() {
        var bench = Bench.node(.backup)
        bench.tell(.request(.shutdown))
        bench.tell(.exited(.agent, cause: "exit status 0"))
        bench.forget()
        for request in [OperatorRequest.start(.agent), .restart(.agent), .start(.proxy)] {
            #expect(bench.engine.refusal(of: request) == "the supervisor is stopping")
            bench.tell(.request(request))
        }
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.tell(.router(name: "VI_1", state: .active))
        #expect(bench.actions == [])
        bench.tell(.exited(.proxy, cause: "exit status 0"))
        #expect(bench.actions == [.exit])
    }

    @Test("A shutdown of what does not run ends at once")
    func shutdownOfNothing() {
        var bench = Bench()
        bench.tell(.request(.shutdown))
        #expect(bench.actions == [.exit])
    }
}
