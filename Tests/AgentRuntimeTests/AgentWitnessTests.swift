import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

@Suite("When a gateway is asked")
struct GatewayProbeTests {
    @Test(
        "silence is known after four periods at the latest, before the peers' timers fire",
        arguments: [(10_000, 1000), (1000, 500), (200, 100), (10, 100)] as [(Int64, Int64)]
    )
    func periods(interval: Int64, period: Int64) {
        var now = Instant.zero + .seconds(5)
        let begin = now
        var probe = GatewayProbe(for: .milliseconds(interval), at: now)
        #expect(probe.ask(at: now) == nil)
        #expect(probe.answered() == .answers)
        var news: GatewayProbe.News?
        while news == nil {
            now = probe.askAt
            news = probe.ask(at: now)
        }
        #expect(news == .silent)
        #expect(now - begin == .milliseconds(4 * period))
        #expect(probe.ask(at: probe.askAt) == nil)
        #expect(probe.answered() == .answers)
        #expect(probe.answered() == nil)
    }

    @Test func `two lost answers are no silence`() {
        var probe = GatewayProbe(for: .seconds(1), at: .zero)
        for _ in 0..<10 {
            for _ in 0..<3 { #expect(probe.ask(at: probe.askAt) == nil) }
            _ = probe.answered()
        }
        #expect(probe.known == .answers)
    }

    @Test func `the router in the greatest hurry sets the pace`() {
        var probe = GatewayProbe(for: .seconds(4), at: .zero)
        #expect(probe.period == .seconds(1))
        probe.serve(.milliseconds(500))
        probe.serve(.seconds(2))
        #expect(probe.period == .milliseconds(250))
    }
}

/// `track_gateway auto` on both nodes; the LAN's client is the gateway.
@Suite(
    "A pair with a gateway as witness",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentWitnessTests {
    private static func pair(gateway: Bool = true) throws -> AgentPair {
        try AgentPair(
            configure: { try $0.configure(adding: "\ntandem {\n track_gateway auto\n}\n") },
            before: { lab in
                guard gateway else { return }
                for node in [lab.machine1, lab.machine2] {
                    try node.namespace.ip(["route", "add", "default", "via", "192.168.0.10"])
                }
            }
        )
    }

    /// Takes a machine's cable out of the switch, or puts it back; the link stays up.
    private func connect(_ machine: String, _ connected: Bool, in lab: Lab) throws {
        try Namespace(name: lab.name + "-lan").ip(
            ["link", "set", "p-\(machine)"] + (connected ? ["master", "lan"] : ["nomaster"])
        )
    }

    @Test func `a MASTER that is cut off lets go, and takes the address back when it is not`()
        throws
    {
        let pair = try Self.pair()
        #expect(pair.settle(), "\(pair.report)")
        #expect(pair.first.logs("the gateway 192.168.0.10 answers", within: .seconds(2)))
        let cut = Clock.now
        try connect("machine1", false, in: pair.lab)
        #expect(
            pair.first.logs("neither a peer nor the gateway was heard", within: .seconds(10)),
            "\(pair.report)"
        )
        print("cut off: the MASTER let go after \(text(Clock.now - cut))")
        #expect(wait(.seconds(2)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        pause(.seconds(5))
        #expect(pair.lab.owners.now == .machine2, "\(pair.report)")
        let healed = Clock.now
        try connect("machine1", true, in: pair.lab)
        #expect(wait(.seconds(12)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(pair.overlap(since: healed) == .zero, "\(pair.report)")
    }

    @Test func `a BACKUP that is cut off claims nothing`() throws {
        let pair = try Self.pair()
        #expect(pair.settle(), "\(pair.report)")
        #expect(pair.second.logs("the gateway 192.168.0.10 answers", within: .seconds(2)))
        let cut = Clock.now
        try connect("machine2", false, in: pair.lab)
        #expect(
            pair.second.logs("this node may be cut off and claims nothing", within: .seconds(6)),
            "\(pair.report)"
        )
        pause(.seconds(6))
        try connect("machine2", true, in: pair.lab)
        pause(.seconds(5))
        #expect(pair.overlap(since: cut) == .zero, "\(pair.report)")
        #expect(pair.lab.owners.now == .machine1, "\(pair.report)")
        #expect(pair.second.count(of: "(VI_1) Entering MASTER STATE") == 0)
    }

    @Test(
        "a peer that really died is followed, with a gateway or without",
        arguments: [true, false]
    )
    func peerDies(gateway: Bool) throws {
        let pair = try Self.pair(gateway: gateway)
        #expect(pair.settle(), "\(pair.report)")
        #expect(pair.second.node.logged("there is no gateway to ask by eth0") == !gateway)
        let killed = Clock.now
        pair.first.signal(SIGKILL)
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let taken = try #require(pair.lab.owners.firstTime(.machine2, after: killed))
        #expect(taken - killed < .milliseconds(4200))
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `a gateway that dies moves nothing for good`() throws {
        let pair = try Self.pair()
        #expect(pair.settle(), "\(pair.report)")
        try pair.lab.client.ip(["link", "set", "eth0", "down"])
        #expect(pair.first.logs("192.168.0.10 does not answer", within: .seconds(4)))
        // The MASTER lets go once, hears the other, and all stays so.
        pause(.seconds(15))
        let moved = pair.lab.owners.changes.count
        pause(.seconds(6))
        #expect(pair.lab.owners.changes.count == moved, "\(pair.report)")
        #expect([.machine1, .machine2].contains(pair.lab.owners.now), "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }
}
