import Primitives
import Supervision
import Testing
import VRRP

/// Stepped down, nobody took over: no second try for the same fault until a peer was heard.
@Suite("A node that nobody relieves")
struct StepDownLatchTests {
    /// Hangs, steps down, gets the VIP back, is restarted and hangs again.
    private func hangTwice(heard priority: UInt8?) -> Bench {
        var bench = Bench.node(.master)
        bench.pass(.seconds(1), beating: false)
        #expect(bench.actions.first == .stepDown(.proxyHung, hold: nil))
        bench.tell(.router(name: "VI_1", state: .backup))
        if let priority { bench.tell(.peerHeard(priority: priority)) }
        bench.kill(.proxy)
        bench.becomeReady(.proxy)
        bench.tell(.router(name: "VI_1", state: .active))
        bench.pass(.seconds(2))
        bench.forget()
        bench.pass(.seconds(1), beating: false)
        return bench
    }

    @Test("It keeps the VIP at the second hang, and kills the proxy all the same")
    func noPeer() throws {
        let bench = hangTwice(heard: nil)
        #expect(bench.actions == [.kill(.proxy)])
        #expect(bench.decisions == ["keep the VIP", "kill and restart"])
        #expect(
            try #require(bench.entries.first).reason
                == "no peer was heard since this node stepped down for the same fault"
        )
    }

    @Test("It steps down again once a peer was heard")
    func peer() {
        let bench = hangTwice(heard: 102)
        #expect(bench.actions == [.stepDown(.proxyHung, hold: nil), .kill(.proxy)])
    }

    @Test(
        "A peer of priority 1 or 0 wants nobody to step down for it",
        arguments: [0, 1] as [UInt8]
    )
    func lastResortPeer(priority: UInt8) {
        let bench = hangTwice(heard: priority)
        #expect(bench.actions == [.kill(.proxy)])
    }

    @Test("Another fault is another matter")
    func otherFault() {
        var bench = hangTwice(heard: nil)
        bench.forget()
        bench.tell(.request(.failover))
        #expect(bench.actions == [.stepDown(.operatorRequest, hold: .seconds(5))])
    }

    @Test("An operator who asks twice is heard twice")
    func operatorTwice() {
        var bench = Bench.node(.master)
        for _ in 0..<2 {
            bench.forget()
            bench.tell(.request(.failover))
            bench.passRequestGrace()
            #expect(bench.actions == [Bench.pause, .stepDown(.operatorRequest, hold: .seconds(5))])
            bench.tell(.router(name: "VI_1", state: .backup))
            bench.tell(.router(name: "VI_1", state: .active))
        }
    }
}
