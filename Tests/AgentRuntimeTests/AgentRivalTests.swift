import CLinux
import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import RawSockets
import Testing
import VRRP

@testable import AgentRuntime

/// Others on the LAN who have, or say that they have, what is the pair's.
@Suite(
    "An agent and its rivals",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentRivalTests {
    private static let virtual: IPAddress = .v4(Lab.virtualAddress)

    @Test func `a stranger that announces the address is announced over by the MASTER alone`()
        throws
    {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let backend = pair.lab.backendHost
        let (client, address) = (pair.lab.client, Self.virtual)
        let owner = try hardware(of: pair.lab.machine1.namespace)
        let stranger = try hardware(of: client)
        // The takeover's second burst is over, and the refresh is far away.
        pause(.seconds(6))
        try backend.ip([
            "neigh", "replace", "192.168.0.100", "lladdr", owner, "dev", "eth0", "nud", "reachable",
        ])
        pause(.milliseconds(1200))
        try client.onThread {
            try announce(address)
        }
        // Whatever it believed in between, the owner has the last word.
        #expect(
            pair.first.logs("\(stranger) answers for 192.168.0.100 too", within: .seconds(2)),
            "\(pair.report)"
        )
        let neighbour = { try backend.ip(["neigh", "show", "192.168.0.100"]).output }
        let corrected = try wait(.seconds(8)) { try neighbour().contains(owner) }
        #expect(corrected, "\(pair.report)")
        #expect(pair.second.count(of: "answers for 192.168.0.100") == 0)
        #expect(pair.lab.owners.now == .machine1)
    }

    @Test func `who has the address and says nothing is found by asking, counted and journalled`()
        throws
    {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        defer { lab.tearDown() }
        try lab.client.ip(["address", "add", "192.168.0.100/32", "dev", "eth0"])
        let stranger = try hardware(of: lab.client)
        try lab.machine1.start()
        let node = lab.machine1
        #expect(
            wait(.seconds(20)) { node.logged("\(stranger) answers for 192.168.0.100 too") },
            "\(lab.report())"
        )
        let why = try node.control("why").output
        #expect(why.contains("VI_1: \(stranger) answers for 192.168.0.100"), "\(why)")
        let shown = try node.control("vrrp").output
        #expect(shown.contains("rival-sightings"), "\(shown)")
        #expect(shown.contains("no advertisement of another router, ever"), "\(shown)")

        // Whoever is heard, and what is dropped, has its line.
        try lab.client.onThread {
            var settings = RouterSettings(
                name: "other",
                interface: "eth0",
                virtualRouterID: 51,
                addresses: [VirtualAddress(prefix: Prefix(host: .v4(Lab.virtualAddress)))]
            )
            try advertise(settings, from: IPAddress(192, 168, 0, 10))
            settings.authentication = .password(Array("sesame".utf8))
            try advertise(settings, from: IPAddress(192, 168, 0, 10))
            settings.authentication = .none
            settings.virtualRouterID = 99
            try advertise(settings, from: IPAddress(192, 168, 0, 10))
        }
        pause(.milliseconds(300))
        let later = try node.control("vrrp", "VI_1").output
        #expect(later.contains("192.168.0.10 with priority 50"), "\(later)")
        #expect(later.contains("1 for authentication-mismatch"), "\(later)")
        #expect(later.contains("1 for virtual-router-id"), "\(later)")
        let json = try node.control("vrrp", "--json").output
        #expect(json.contains("\"authentication-mismatch\""), "\(json)")
    }

    @Test func `a BACKUP that hears no multicast is told by unicast, and there is one owner`()
        throws
    {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let lost = Clock.now
        try pair.lab.machine2.nft(
            "table ip t { chain c { type filter hook input priority 0; ip daddr 224.0.0.18 drop; }; }"
        )
        #expect(
            pair.first.logs("does not hear our advertisements", within: .seconds(10)),
            "\(pair.report)"
        )
        #expect(wait(.seconds(5)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        let settled = Clock.now
        // Its own interval until it is heard, ours until it is told, and the way (`SegmentExemption.deafRival`).
        let both = pair.overlap(since: lost)
        print("one-way loss: two owners for \(text(both))")
        #expect(both < .milliseconds(2500), "\(pair.report)")
        // Three master-down intervals in which nothing but unicast reaches it.
        pause(.seconds(12))
        #expect(pair.overlap(since: settled) == .zero, "\(pair.report)")
        #expect(pair.lab.owners.now == .machine1, "\(pair.report)")
        #expect(pair.second.count(of: "(VI_1) Entering MASTER STATE") == 1, "\(pair.report)")

        // And it hears the end as well.
        let told = Clock.now
        pair.first.signal(SIGTERM)
        #expect(wait(.seconds(3)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let taken = try #require(pair.lab.owners.firstTime(.machine2, after: told))
        #expect(taken - told < .seconds(1), "\(pair.report)")
    }

    @Test func `a VRID that others use is named with its user`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        #expect(pair.first.count(of: "is already used here") == 0)
        try pair.lab.client.onThread {
            try advertise(
                RouterSettings(
                    name: "other",
                    interface: "eth0",
                    virtualRouterID: 51,
                    addresses: [
                        VirtualAddress(prefix: Prefix(host: .v4(IPv4Address(192, 168, 0, 200))))
                    ]
                ),
                from: IPAddress(192, 168, 0, 10)
            )
        }
        #expect(
            pair.first.logs(
                "VRID 51 is already used here by 192.168.0.10 with 192.168.0.200",
                within: .seconds(2)
            ),
            "\(pair.report)"
        )
    }
}

/// One gratuitous ARP of this thread's namespace.
private func announce(_ address: IPAddress) throws {
    let (index, hardware) = try ownInterface()
    try AnnouncementSocket().announce(address, from: hardware, on: index)
}

/// One advertisement of this thread's namespace.
private func advertise(_ settings: RouterSettings, from source: IPAddress) throws {
    let socket = try VRRPSocket(family: .v4, interface: (ownInterface().index, "eth0"))
    let group = IPAddress.vrrpGroup(of: .v4)
    try socket.send(
        settings.advertisement(priority: 50).encode(
            between: Endpoints(source: source, destination: group)
        ),
        to: group,
        from: source
    )
}

private func ownInterface() throws -> (index: Int32, hardware: [UInt8]) {
    let index = try check(tandem_interface_index("eth0"), "index of eth0")
    let text = try hardwareText(["-o", "link", "show", "eth0"])
    return (index, text.split(separator: ":").compactMap { UInt8($0, radix: 16) })
}

func hardware(of namespace: Namespace) throws -> String {
    try hardwareText(["-n", namespace.name, "-o", "link", "show", "eth0"])
}

/// The word behind `link/ether`.
private func hardwareText(_ arguments: [String]) throws -> String {
    let words = try require(ipProgram, arguments).output.split(separator: " ")
    guard let place = words.firstIndex(of: "link/ether"), place + 1 < words.count else {
        throw LabError("no hardware address in \(words)")
    }
    return String(words[place + 1])
}
