import Primitives
import SimulationKit
import Supervision
import Testing
import VRRP

/// One fault at a time, in virtual time: what moves, after how long, and what does not. The limits are the
/// design's: a hand-over costs the watchdog, the skew time and 20 ms; a silent MASTER its master-down
/// interval and 20 ms.
@Suite("Fail-over, fault by fault")
struct FailoverScenarioTests {
    /// The founding document's pair, with the address on machine1 and everything well.
    static func settledPair(_ change: (inout PairSettings) -> Void = { _ in }) -> World {
        var settings = PairSettings()
        change(&settings)
        var world = World(seed: 1, settings: settings)
        world.run(for: .seconds(20))
        return world
    }

    /// Until `host` and nobody else has the address.
    static func move(
        of world: inout World,
        to host: HostName,
        within limit: Duration
    ) -> Duration? {
        let begin = world.now
        return world.run(for: limit) { $0.holders == [host] }.map { $0 - begin }
    }

    static func expectWell(_ world: World) {
        if let violation = world.violation {
            Issue.record("\(violation)\n\(world.transcript.tail)")
        }
    }

    @Test("both up: machine1 has the address")
    func bothUp() {
        let world = Self.settledPair()
        #expect(world.holders == [.machine1])
        #expect(world[.machine1].agent.router.effectivePriority == 103)
        #expect(world[.machine2].agent.router.effectivePriority == 102)
        Self.expectWell(world)
    }

    struct Move: CustomTestStringConvertible, Sendable {
        var name: String
        var fault: Fault
        var atLeast: Duration = .zero
        var within: Duration
        var testDescription: String { name }
    }

    /// A master-down interval at priority 102, with the claim and the way.
    static let silence: Duration = .milliseconds(3650)
    /// The skew time at priority 102, with the claim and the way.
    static let handOver: Duration = .milliseconds(650)

    @Test(
        "the address moves",
        arguments: [
            Move(
                name: "a missed beat moves it: watchdog and hand-over",
                fault: .proxyHung(.machine1),
                atLeast: .milliseconds(600),
                within: .milliseconds(1350) + handOver
            ),
            Move(
                name: "a proxy that does not start again",
                fault: .proxyUnstartable(.machine1),
                within: .milliseconds(1600) + handOver
            ),
            Move(
                name: "tandemctl stop proxy",
                fault: .operatorStop(.machine1),
                within: .milliseconds(50) + handOver
            ),
            Move(
                name: "tandemctl failover",
                fault: .operatorFailover(.machine1),
                within: .milliseconds(50) + handOver
            ),
            Move(
                name: "SIGSTOP of the agent, not before the lifetime has run out",
                fault: .agentStopped(.machine1),
                atLeast: .milliseconds(2600),
                within: silence
            ),
            Move(
                name: "the plug",
                fault: .powerLoss(.machine1),
                atLeast: .milliseconds(2600),
                within: silence
            ),
            Move(
                name: "a paused machine",
                fault: .hostPaused(.machine1),
                atLeast: .milliseconds(2600),
                within: silence
            ),
            Move(
                name: "a failed check of the user's own",
                fault: .checkFails(.machine1),
                within: .seconds(3) + .milliseconds(650)
            ),
        ]
    )
    func moves(row: Move) throws {
        var world = Self.settledPair()
        world.inject(row.fault)
        let time = try #require(Self.move(of: &world, to: .machine2, within: .seconds(20)))
        print("scenario: \(row.name): machine2 has the address after \(time.milliseconds) ms")
        #expect(time >= row.atLeast)
        #expect(time <= row.within)
        #expect(world.observations.longestOverlap == .zero)
        Self.expectWell(world)
    }

    @Test(
        "the address stays",
        arguments: [
            Fault.proxyKilled(.machine1), .proxyKilled(.machine2), .supervisorKilled(.machine1),
            .supervisorKilled(.machine2), .agentKilled(.machine2), .proxyHung(.machine2),
            .powerLoss(.machine2), .packetDuplication(percent: 100),
            .packetReordering(.milliseconds(300)), .packetLoss(percent: 10),
            .oneWayPartition(from: .machine2),
        ]
    )
    func stays(fault: Fault) {
        var world = Self.settledPair()
        world.inject(fault)
        let left = world.run(for: .seconds(20)) { $0.holders != [.machine1] }
        #expect(left == nil)
        Self.expectWell(world)
    }

    @Test(
        "SIGKILL of the agent: its next life releases the address, and the pair has it back in time"
    )
    func agentKilled() throws {
        var world = Self.settledPair()
        world.inject(.agentKilled(.machine1))
        let gone = try #require(world.run(for: .seconds(3)) { $0.holders.isEmpty })
        let back = try #require(world.run(for: .seconds(5)) { $0.holders.count == 1 })
        print(
            "scenario: SIGKILL of the agent: nobody has the address for \((back - gone).milliseconds) ms"
        )
        #expect(back - gone <= Self.silence)
        #expect(world.observations.longestOverlap == .zero)
        Self.expectWell(world)
    }

    @Test("a deleted address is back before anybody misses it")
    func deleted() throws {
        var world = Self.settledPair()
        world.inject(.addressDeleted(.machine1))
        let gone = try #require(world.run(for: .seconds(1)) { $0.holders.isEmpty })
        let back = try #require(world.run(for: .seconds(1)) { $0.holders == [.machine1] })
        #expect(back - gone <= .milliseconds(2))
    }

    @Test(
        "what is mended gets the address back",
        arguments: [
            Fault.proxyHung(.machine1), .proxyUnstartable(.machine1), .operatorStop(.machine1),
            .powerLoss(.machine1), .agentStopped(.machine1), .hostPaused(.machine1),
        ]
    )
    func returns(fault: Fault) throws {
        var world = Self.settledPair()
        world.inject(fault)
        _ = try #require(Self.move(of: &world, to: .machine2, within: .seconds(20)))
        world.run(for: .seconds(5))
        world.mend(fault)
        let back = try #require(Self.move(of: &world, to: .machine1, within: .seconds(40)))
        print("scenario: \(fault) mended: back after \(back.milliseconds) ms")
        Self.expectWell(world)
    }

    @Test("two nodes whose proxies can't be started do not hand the address to each other for ever")
    func bothUnstartable() {
        var world = Self.settledPair()
        world.inject(.proxyUnstartable(.machine1))
        world.inject(.proxyUnstartable(.machine2), after: .milliseconds(50))
        world.run(for: .seconds(60))
        print(
            "scenario: both proxies gone: \(world.observations.takeoversInPeace) takeovers in 60 s"
        )
        #expect(world.observations.takeoversInPeace <= World.mostTakeoversInPeace)
        #expect(world.holders.count == 1)
        world.mend(.proxyUnstartable(.machine2))
        world.run(for: .seconds(30))
        #expect(world.holders == [.machine2])
        Self.expectWell(world)
    }

    @Test("a start right behind a stop is not lost")
    func startBehindStop() throws {
        var world = Self.settledPair()
        world.inject(.operatorStop(.machine1))
        world.mend(.operatorStop(.machine1), after: .milliseconds(15))
        world.run(for: .seconds(10))
        #expect(world[.machine1].proxy.serves)
        #expect(world[.machine1].agent.router.standing == .full)
        #expect(world.holders == [.machine1])
        Self.expectWell(world)
    }

    @Test("on_no_servers degrade moves the address, ignore leaves it", arguments: [true, false])
    func noServers(degrades: Bool) {
        var world = Self.settledPair { $0.supervision.degradesWithoutServers = degrades }
        world.inject(.serversLost(.machine1))
        world.run(for: .seconds(10))
        #expect(world.holders == [degrades ? .machine2 : .machine1])
        world.mend(.serversLost(.machine1))
        world.run(for: .seconds(10))
        #expect(world.holders == [.machine1])
        Self.expectWell(world)
    }

    @Test("a thawed agent does not claim what it has lost")
    func thawed() throws {
        var world = Self.settledPair()
        world.inject(.agentStopped(.machine1))
        world.mend(.agentStopped(.machine1), after: .seconds(6))
        _ = try #require(Self.move(of: &world, to: .machine2, within: .seconds(5)))
        let early = world.run(for: .seconds(2) + .milliseconds(500)) {
            $0[.machine1].holds(at: $0.now)
        }
        #expect(early == nil, "the thaw is at 6 s, a preemption at 8.6 s or later")
        #expect(world.observations.longestOverlap == .zero)
        Self.expectWell(world)
    }

    @Test("a node that is alone keeps serving as a last resort")
    func lastResort() throws {
        var world = Self.settledPair()
        world.inject(.powerLoss(.machine2))
        world.run(for: .seconds(2))
        world.inject(.operatorStop(.machine1))
        _ = try #require(world.run(for: .seconds(2)) { $0.holders.isEmpty })
        _ = try #require(Self.move(of: &world, to: .machine1, within: .seconds(12)))
        #expect(world[.machine1].agent.router.effectivePriority == 1)
        world.mend(.powerLoss(.machine2))
        _ = try #require(Self.move(of: &world, to: .machine2, within: .seconds(15)))
        Self.expectWell(world)
    }

    @Test("two MASTERs of a cut LAN agree within an interval once it is whole")
    func partition() throws {
        var world = Self.settledPair()
        world.inject(.fullPartition)
        _ = try #require(world.run(for: .seconds(10)) { $0.holders.count == 2 })
        world.run(for: .seconds(10))
        world.mend(.fullPartition)
        let agreed = try #require(Self.move(of: &world, to: .machine1, within: .seconds(5)))
        print("scenario: a healed LAN has one MASTER after \(agreed.milliseconds) ms")
        #expect(agreed <= World.overlapAfterHealing(interval: .seconds(1)))
        Self.expectWell(world)
    }

    @Test("nopreempt leaves the address where it is, but not on a node that has given up")
    func nopreempt() throws {
        var world = Self.settledPair { $0.preempt = false }
        // Whoever was first is MASTER: the faults follow it.
        let master = try #require(world.holders.first)
        world.inject(.powerLoss(master))
        _ = try #require(Self.move(of: &world, to: master.other, within: .seconds(5)))
        world.mend(.powerLoss(master))
        let stolen = world.run(for: .seconds(20)) { $0.holders != [master.other] }
        #expect(stolen == nil)
        world.inject(.proxyUnstartable(master.other))
        _ = try #require(Self.move(of: &world, to: master, within: .seconds(10)))
        Self.expectWell(world)
    }
}
