import CLinux
import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import RawSockets
import Synchronization
import Testing
import VRRP

@testable import AgentRuntime

@Suite("Announcements that wait for their turn")
struct AnnouncementQueueTests {
    private static let lane = AnnouncementQueue.Lane(interface: "eth0", family: .v4)
    private static let first = VirtualAddress(prefix: Prefix(host: .v4(IPv4Address(10, 9, 0, 1))))
    private static let second = VirtualAddress(prefix: Prefix(host: .v4(IPv4Address(10, 9, 0, 2))))

    /// What goes out until the queue is empty, with the times.
    private func drain(_ queue: inout AnnouncementQueue) -> [(address: VirtualAddress, at: Int64)] {
        var sent: [(address: VirtualAddress, at: Int64)] = []
        while let now = queue.nextDeadline {
            while let entry = queue.next(at: now) {
                sent.append((entry.address, (now - .zero).milliseconds))
            }
        }
        return sent
    }

    private func order(_ queue: inout AnnouncementQueue, _ address: VirtualAddress, _ count: Int) {
        queue.order(
            AnnouncementQueue.Entry(router: "VI_1", address: address, remaining: count),
            in: Self.lane,
            pace: .milliseconds(100),
            at: .zero
        )
    }

    @Test func `every address is announced once before any is announced again`() {
        var queue = AnnouncementQueue()
        order(&queue, Self.first, 2)
        order(&queue, Self.second, 2)
        let sent = drain(&queue)
        #expect(sent.map(\.address) == [Self.first, Self.second, Self.first, Self.second])
        #expect(sent.map(\.at) == [0, 100, 200, 300])
    }

    @Test func `what is ordered anew while it waits is not announced more often`() {
        var queue = AnnouncementQueue()
        for _ in 0..<1000 { order(&queue, Self.first, 5) }
        order(&queue, Self.first, 1)
        #expect(drain(&queue).count == 5)
        order(&queue, Self.first, 5)
        queue.drop(Self.first, of: "VI_1")
        #expect(queue.nextDeadline == nil)
    }
}

/// What a host of the LAN hears of a MASTER.
@Suite(
    "An agent's announcements on the wire",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentAnnouncingTests {
    /// When the addresses were announced, in milliseconds from the first time on, heard for so long.
    private func announcements(
        of addresses: Set<IPAddress>,
        in lab: Lab,
        for duration: Duration,
        while body: () throws -> Void
    ) throws -> [(address: IPAddress, at: Int64)] {
        // The client asks for the address, and the answers would be heard as well.
        let listening = lab.backendHost
        let heard = Collected()
        let thread = try NamespaceLab.Thread { [heard] in
            do {
                try listening.onThread {
                    var listener = try NeighbourListener(family: .v4)
                    try listener.watch(addresses)
                    let end = Clock.now + .seconds(20)
                    while Clock.now < end, !heard.isOver {
                        _ = tandem_wait_readable(listener.descriptor.rawValue, 20)
                        while let sighting = try listener.receive() {
                            heard.add(sighting.address, at: Clock.now)
                        }
                    }
                }
            } catch {
                Issue.record(error)
            }
        }
        pause(.milliseconds(200))
        try body()
        pause(duration)
        heard.end()
        thread.join()
        let all = heard.all
        guard let first = all.first else { return [] }
        return all.map { ($0.address, ($0.at - first.at).milliseconds) }
    }

    private static let virtual: IPAddress = .v4(Lab.virtualAddress)

    /// Machine1 alone, with more lines in its instance.
    private func lab(_ lines: String, global: String = "") throws -> Lab {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        // Its own questions for the client, from the address, are no announcements.
        try lab.machine1.namespace.ip([
            "neigh", "replace", "192.168.0.10", "lladdr", hardware(of: lab.client), "dev", "eth0",
            "nud", "permanent",
        ])
        try lab.machine1.configure(
            replacing: " interface eth0\n",
            with: " interface eth0\n\(lines)\n"
        )
        if !global.isEmpty {
            try lab.machine1.configure(adding: "\nglobal_defs {\n\(global)\n}\n")
        }
        return lab
    }

    private func becomeMaster(_ lab: Lab) throws -> AgentProcess {
        let agent = try AgentProcess(on: lab.machine1)
        #expect(
            agent.logs("(VI_1) Entering MASTER STATE", within: .seconds(8)),
            "\(lab.machine1.logTail())"
        )
        return agent
    }

    /// Whether the times are those, each within 200 ms.
    private func are(_ times: [Int64], _ expected: [Int64]) -> Bool {
        times.count == expected.count && zip(times, expected).allSatisfy { abs($0 - $1) <= 200 }
    }

    @Test func `the bursts of a takeover, and then the refresh`() throws {
        let lab = try lab(
            """
             garp_master_repeat 3
             garp_master_delay 1
             garp_master_refresh 2
             garp_master_refresh_repeat 2
            """
        )
        defer { lab.tearDown() }
        var agent: AgentProcess?
        let heard = try announcements(of: [Self.virtual], in: lab, for: .milliseconds(6500)) {
            agent = try becomeMaster(lab)
        }
        _ = agent
        let expected: [Int64] = [0, 0, 0, 1000, 1000, 1000, 3000, 3000, 5000, 5000]
        #expect(are(Array(heard.map(\.at).prefix(10)), expected), "\(heard)")
    }

    @Test func `without a word of the file: five, five more after five seconds`() throws {
        let lab = try lab("")
        defer { lab.tearDown() }
        var agent: AgentProcess?
        let heard = try announcements(of: [Self.virtual], in: lab, for: .seconds(8)) {
            agent = try becomeMaster(lab)
        }
        _ = agent
        let expected = [Int64](repeating: 0, count: 5) + [Int64](repeating: 5000, count: 5)
        #expect(are(heard.map(\.at), expected), "\(heard)")
    }

    @Test func `vrrp_garp_interval keeps announcements apart, address by address`() throws {
        let lab = try lab(
            " garp_master_repeat 3\n garp_master_delay 0\n garp_master_refresh 0",
            global: " vrrp_garp_interval 0.3"
        )
        defer { lab.tearDown() }
        try lab.machine1.configure(
            replacing: "  192.168.0.100\n",
            with: "  192.168.0.100\n  192.168.0.101\n"
        )
        let other = IPAddress(192, 168, 0, 101)
        var agent: AgentProcess?
        let heard = try announcements(
            of: [Self.virtual, other],
            in: lab,
            for: .milliseconds(2500)
        ) { agent = try becomeMaster(lab) }
        _ = agent
        #expect(are(heard.map(\.at), [0, 300, 600, 900, 1200, 1500]), "\(heard)")
        #expect(
            heard.map(\.address) == [
                Self.virtual, other, Self.virtual, other, Self.virtual, other,
            ]
        )
    }

    @Test func `a unicast router that leaves FAULT announces its own address`() throws {
        let lab = try lab(
            """
             unicast_src_ip 192.168.0.193
             unicast_peer {
              192.168.0.192
             }
             track_interface {
              spare0
             }
            """
        )
        defer { lab.tearDown() }
        let machine1 = lab.machine1.namespace
        try machine1.ip(["link", "add", "spare0", "type", "veth", "peer", "name", "spare1"])
        for name in ["spare0", "spare1"] { try machine1.ip(["link", "set", name, "up"]) }
        // It asks for nobody, so that what is heard is no question.
        try machine1.ip([
            "neigh", "replace", "192.168.0.192", "lladdr", hardware(of: lab.machine2.namespace),
            "dev", "eth0", "nud", "permanent",
        ])
        let agent = try becomeMaster(lab)
        try machine1.ip(["link", "set", "spare0", "down"])
        #expect(agent.logs("(VI_1) Entering FAULT STATE", within: .seconds(3)))
        let own = IPAddress(192, 168, 0, 193)
        let heard = try announcements(of: [own], in: lab, for: .milliseconds(1500)) {
            try machine1.ip(["link", "set", "spare0", "up"])
        }
        #expect(heard.map(\.address) == [own], "\(lab.machine1.logTail())")
    }

    @Test func `garp_lower_prio: what answers a rival has its own bursts`() throws {
        let lab = try lab(
            """
             garp_master_delay 0
             garp_master_refresh 0
             garp_lower_prio_repeat 2
             garp_lower_prio_delay 1
            """
        )
        defer { lab.tearDown() }
        let agent = try becomeMaster(lab)
        pause(.milliseconds(1500))
        let client = lab.client
        let heard = try announcements(of: [Self.virtual], in: lab, for: .seconds(3)) {
            try client.onThread { try advertiseLower() }
        }
        #expect(are(heard.map(\.at), [0, 0, 1000, 1000]), "\(heard)")
        #expect(agent.isRunning)
    }

    @Test func `more addresses than a packet has room for are held, and as many as fit advertised`()
        throws
    {
        let lab = try lab("")
        defer { lab.tearDown() }
        let more = (101...109).map { "  192.168.0.\($0)\n" }.joined()
        try lab.machine1.configure(
            replacing: "  192.168.0.100\n",
            with: "  192.168.0.100\n\(more)"
        )
        let machine1 = lab.machine1.namespace
        // 20 of IPv4, 8 and 8 of VRRPv2: 32 bytes are eight addresses.
        try machine1.ip(["link", "set", "eth0", "mtu", "68"])
        let agent = try becomeMaster(lab)
        #expect(agent.logs("8 of 10 addresses fit", within: .seconds(2)))
        let client = lab.client
        #expect(try client.onThread { try advertisedAddresses() } == 8)
        let shown = try machine1.ip(["-4", "address", "show", "dev", "eth0"]).output
        #expect(shown.contains("192.168.0.100/32") && shown.contains("192.168.0.109/32"))
        try machine1.ip(["link", "set", "eth0", "mtu", "1500"])
        #expect(
            try wait(.seconds(4)) { try client.onThread { try advertisedAddresses() } == 10 },
            "\(lab.machine1.logTail())"
        )
        #expect(agent.count(of: "Entering") == 2, "\(lab.machine1.logTail())")
    }
}

/// Sightings of another thread.
private final class Collected: Sendable {
    private let state = Mutex<(all: [(address: IPAddress, at: Instant)], isOver: Bool)>(([], false))

    var all: [(address: IPAddress, at: Instant)] { state.withLock { $0.all } }
    var isOver: Bool { state.withLock { $0.isOver } }
    func add(_ address: IPAddress, at now: Instant) {
        state.withLock { $0.all.append((address, now)) }
    }
    func end() { state.withLock { $0.isOver = true } }
}

/// How many addresses the next advertisement that this thread's namespace hears has.
private func advertisedAddresses() throws -> Int? {
    let index = try check(tandem_interface_index("eth0"), "index of eth0")
    var socket = try VRRPSocket(family: .v4, interface: (index, "eth0"))
    try socket.listen(to: [.vrrpGroup(of: .v4)])
    guard tandem_wait_readable(socket.descriptor.rawValue, 3000) > 0,
        let packet = try socket.receive()
    else { return nil }
    return try ReceivedPacket.decode(packet.bytes).get().advertisement.addresses.count
}

/// One advertisement of VRID 51 with the seed's address and a priority of 50.
private func advertiseLower() throws {
    let index = try check(tandem_interface_index("eth0"), "index of eth0")
    let socket = try VRRPSocket(family: .v4, interface: (index, "eth0"))
    let settings = RouterSettings(
        name: "rival",
        interface: "eth0",
        virtualRouterID: 51,
        addresses: [VirtualAddress(prefix: Prefix(host: .v4(Lab.virtualAddress)))]
    )
    let (source, group) = (IPAddress(192, 168, 0, 10), IPAddress.vrrpGroup(of: .v4))
    try socket.send(
        settings.advertisement(priority: 50).encode(
            between: Endpoints(source: source, destination: group)
        ),
        to: group,
        from: source
    )
}
