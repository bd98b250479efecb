import Primitives
import Supervision
import Testing
import VRRP

/// Facts in any order at all: what must hold whatever comes.
@Suite("Any sequence of facts")
struct AnyFactsTests {
    private func fact(_ generator: inout SeededGenerator) -> Fact {
        let name: ProcessName = Bool.random(using: &generator) ? .proxy : .agent
        let states: [VisibleState] = [.initialize, .backup, .active, .fault]
        let state = states[Int.random(in: 0..<4, using: &generator)]
        switch Int.random(in: 0..<20, using: &generator) {
        case 0: return .found(name, pid: 7)
        case 1: return .absent(name)
        case 2: return .started(name, pid: 8)
        case 3: return .startFailed(name, reason: "no")
        case 4...6: return .ready(name)
        case 7...8: return .exited(name, cause: "killed by SIGKILL")
        case 9: return .watchdogExpired(name)
        case 10: return .beat(turns: UInt64.random(in: 0...UInt64.max, using: &generator))
        case 11: return .servers(Bench.census(usable: Int.random(in: 0...2, using: &generator)))
        case 12: return .agentConnected
        case 13...14: return .router(name: "VI_1", state: state)
        case 15: return .peerHeard(priority: UInt8.random(in: 0...255, using: &generator))
        case 16: return .request(.start(name))
        case 17: return .request(.stop(name))
        case 18: return .request(.restart(name))
        default: return .request(.failover)
        }
    }

    @Test("keeps the deadline ahead, the VIP before the kill, and the dead unsignalled")
    func anything() {
        var generator = SeededGenerator(seed: 20)
        var steps = 0
        for _ in 0..<400 {
            var bench = Bench()
            for _ in 0..<100 {
                let wasMaster = bench.engine.isMaster
                bench.forget()
                bench.tell(fact(&generator))
                steps += 1
                let actions = bench.actions
                if let kill = actions.firstIndex(of: .kill(.proxy)),
                    let stepDown = actions.firstIndex(of: .stepDown(.proxyHung, hold: nil))
                {
                    #expect(stepDown < kill)
                }
                for case .stepDown in actions { #expect(wasMaster) }
                #expect(!actions.contains(.exit))
                bench.pass(.milliseconds(Int64.random(in: 0...700, using: &generator)))
                bench.tell(.deadline)
                if let deadline = bench.engine.nextDeadline { #expect(deadline > bench.now) }
            }
            bench.tell(.request(.shutdown))
            for name in [ProcessName.agent, .proxy]
            where bench.engine.process(name)?.isAlive == true {
                bench.tell(.exited(name, cause: "exit status 0"))
            }
            #expect(bench.actions.last == .exit)
        }
        print("measured: \(steps) random facts, each followed by time")
    }

    @Test("gives the same verdicts when it comes again")
    func deterministic() {
        func run() -> [Verdict] {
            var generator = SeededGenerator(seed: 21)
            var bench = Bench()
            for _ in 0..<300 {
                bench.tell(fact(&generator))
                bench.pass(.milliseconds(Int64.random(in: 0...700, using: &generator)))
            }
            return bench.verdicts
        }
        #expect(run() == run())
    }
}
