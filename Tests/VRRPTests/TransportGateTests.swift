import Primitives
import Testing

@testable import VRRP

@Suite("The gate: both versions, families and transports")
struct TransportGateTests {
    static let here = IPAddress(10, 9, 0, 2)
    static let peer = IPAddress(10, 9, 0, 1)
    static let stranger = IPAddress(10, 9, 0, 7)

    static func settings(
        _ change: (inout RouterSettings) -> Void = { _ in }
    ) -> RouterSettings {
        var settings = PacketGateTests.settings
        settings.authentication = .none
        settings.version = .v3
        change(&settings)
        return settings
    }

    static let multicast3 = settings()

    static let unicast3 = settings {
        $0.transport = .unicast(
            peers: [UnicastPeer(address: peer, timeToLive: 60...64)],
            timeToLive: 255,
            checksSource: true
        )
    }

    static let multicast6 = settings {
        $0.virtualRouterID = 52
        $0.family = .v6
        $0.addresses = [Version3CodecTests.global, Version3CodecTests.linkLocal].map {
            VirtualAddress(prefix: Prefix(host: $0))
        }
    }

    struct Refused: CustomTestStringConvertible, Sendable {
        var reason: DropReason
        var settings = multicast3
        var from = peer
        var to = IPAddress.vrrpGroup(of: .v4)
        var timeToLive: UInt8 = 255
        var advertisement = multicast3.advertisement(priority: 100)
        var testDescription: String { "\(reason.name) from \(from) to \(to)" }
    }

    static let refused: [Refused] = [
        Refused(
            reason: .version,
            advertisement: PacketGateTests.settings.advertisement(priority: 1)
        ),
        Refused(reason: .version, settings: PacketGateTests.settings),
        Refused(reason: .unicast, to: here, timeToLive: 64),
        Refused(reason: .multicast, settings: unicast3),
        Refused(reason: .peer, settings: unicast3, from: stranger, to: here, timeToLive: 64),
        Refused(reason: .timeToLive, settings: unicast3, to: here, timeToLive: 59),
        Refused(reason: .timeToLive, settings: unicast3, to: here, timeToLive: 65),
        Refused(reason: .timeToLive, timeToLive: 254),
        Refused(reason: .destination, to: IPAddress(224, 0, 0, 5)),
        Refused(
            reason: .destination,
            settings: unicast3,
            to: IPAddress(10, 9, 0, 3),
            timeToLive: 64
        ),
        Refused(
            reason: .virtualRouterID,
            settings: multicast6,
            from: Version3CodecTests.endpoints6.source,
            to: .vrrpGroup(of: .v6),
            advertisement: settings {
                $0.virtualRouterID = 51
                $0.family = .v6
                $0.addresses = multicast6.addresses
            }.advertisement(priority: 1)
        ),
        Refused(
            reason: .addressCount,
            advertisement: settings { $0.addresses = [] }.advertisement(priority: 1)
        ),
        Refused(reason: .notVRRP, from: Version3CodecTests.global),
    ]

    static func admit(
        _ advertisement: Advertisement,
        to gate: inout PacketGate,
        from source: IPAddress = peer,
        to destination: IPAddress = .vrrpGroup(of: .v4),
        timeToLive: UInt8 = 255,
        omitsPseudoHeader: Bool = false
    ) -> Result<ReceivedPacket, DropReason> {
        let endpoints = Endpoints(source: source, destination: destination)
        let payload = advertisement.encode(
            between: endpoints,
            omitsPseudoHeader: omitsPseudoHeader
        )
        return gate.admit(payload: payload, between: endpoints, timeToLive: timeToLive)
    }

    @Test("each mismatch is dropped and counted under its own name", arguments: refused)
    func drops(row: Refused) {
        var gate = PacketGate(routers: [])
        gate.expect([row.settings], ownAddresses: [Self.here])
        let result = Self.admit(
            row.advertisement,
            to: &gate,
            from: row.from,
            to: row.to,
            timeToLive: row.timeToLive
        )
        #expect(result == .failure(row.reason))
        #expect(gate.counters.map(\.reason) == [row.reason])
    }

    @Test("an interval of 0 is dropped")
    func intervalZero() {
        var gate = PacketGate(routers: [Self.multicast3])
        var bytes = Version3CodecTests.capturedWithoutPseudoHeader
        bytes[5] = 0
        bytes.mendChecksum(behind: [])
        let endpoints = Version3CodecTests.endpoints
        #expect(
            gate.admit(payload: bytes, between: endpoints, timeToLive: 255)
                == .failure(.intervalZero)
        )
    }

    @Test("what fits passes: version 3, IPv6, unicast within its TTLs")
    func passes() throws {
        var gate = PacketGate(routers: [])
        gate.expect(
            [Self.multicast6, Self.multicast3, Self.unicast3],
            ownAddresses: [Self.here]
        )
        let multicast = try Self.admit(Self.multicast3.advertisement(priority: 9), to: &gate).get()
        #expect(multicast.router == 1)
        let unicast = try Self.admit(
            Self.unicast3.advertisement(priority: 9),
            to: &gate,
            to: Self.here,
            timeToLive: 62
        ).get()
        #expect(unicast.router == 2)
        #expect(unicast.timeToLive == 62)
        let ipv6 = try Self.admit(
            Self.multicast6.advertisement(priority: 9),
            to: &gate,
            from: Version3CodecTests.endpoints6.source,
            to: .vrrpGroup(of: .v6)
        ).get()
        #expect(ipv6.router == 0)
        #expect(
            ipv6.advertisement.addresses
                == [Version3CodecTests.linkLocal, Version3CodecTests.global]
        )
        #expect(gate.counters.total == 0)
        #expect(gate.takeNotes().isEmpty)
    }

    /// One VRID on one link, three times, as keepalived allows it.
    private static let sharing: [RouterSettings] = [
        settings { $0.name = "A" },
        settings {
            $0.name = "B"
            $0.addresses = [VirtualAddress(prefix: Prefix(host: IPAddress(10, 9, 0, 201)))]
            $0.transport = .unicast(
                peers: [UnicastPeer(address: peer)],
                timeToLive: 255,
                checksSource: true
            )
        },
        settings {
            $0.name = "C"
            $0.addresses = [VirtualAddress(prefix: Prefix(host: IPAddress(10, 9, 0, 202)))]
            $0.transport = .unicast(
                peers: [UnicastPeer(address: IPAddress(10, 9, 0, 8))],
                timeToLive: 255,
                checksSource: true
            )
        },
        settings {
            $0.name = "D"
            $0.addresses = [VirtualAddress(prefix: Prefix(host: IPAddress(10, 9, 0, 203)))]
            $0.transport = .multicast(group: IPAddress(224, 0, 0, 77))
        },
    ]

    @Test(
        "routers that share a VRID are told apart by group, peer and addresses",
        arguments: 0..<24
    )
    func sharedIdentity(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let routers = Self.sharing.shuffled(using: &random)
        var gate = PacketGate(routers: [])
        gate.expect(routers, ownAddresses: [Self.here])
        func place(_ name: String) -> Int? { routers.firstIndex { $0.name == name } }
        let ways: [(name: String, from: IPAddress, to: IPAddress)] = [
            ("A", Self.peer, .vrrpGroup(of: .v4)), ("D", Self.peer, IPAddress(224, 0, 0, 77)),
            ("B", Self.peer, Self.here), ("C", IPAddress(10, 9, 0, 8), Self.here),
            // A MASTER whose multicast is not heard insists by unicast, from the other one's peer.
            ("A", Self.peer, Self.here), ("D", Self.peer, Self.here),
        ]
        for way in ways {
            let sender = try #require(routers.first { $0.name == way.name })
            let packet = try Self.admit(
                sender.advertisement(priority: 9),
                to: &gate,
                from: way.from,
                to: way.to
            ).get()
            #expect(packet.router == place(way.name), "\(way)")
        }
        // What B refuses is not heard by A instead.
        var foreign = try #require(routers.first { $0.name == "B" })
        foreign.version = .v2
        #expect(
            Self.admit(foreign.advertisement(priority: 9), to: &gate, to: Self.here)
                == .failure(.version)
        )
        #expect(gate.counters(of: try #require(place("B"))).total == 1)
    }

    @Test("without the source check a stranger's unicast is heard")
    func uncheckedSource() throws {
        let settings = Self.settings {
            $0.transport = .unicast(peers: [], timeToLive: 255, checksSource: false)
        }
        var gate = PacketGate(routers: [settings])
        let advertisement = settings.advertisement(priority: 9)
        let result = Self.admit(
            advertisement,
            to: &gate,
            from: Self.stranger,
            to: Self.here,
            timeToLive: 3
        )
        #expect(try result.get().source == Self.stranger)
    }

    @Test("version 3's interval may be another one: it is learned, not compared (RFC 9568 §6.4.2)")
    func otherInterval() throws {
        var gate = PacketGate(routers: [Self.multicast3])
        var advertisement = Self.multicast3.advertisement(priority: 9)
        advertisement.interval = .milliseconds(10)
        let received = try Self.admit(advertisement, to: &gate).get()
        #expect(received.advertisement.interval == .milliseconds(10))
    }

    @Test("a cloned machine that speaks from this host's own address is told of once")
    func clonedAddress() throws {
        var gate = PacketGate(routers: [])
        gate.expect([Self.multicast3], ownAddresses: [Self.here])
        let advertisement = Self.multicast3.advertisement(priority: 9)
        for _ in 0..<2 { _ = try Self.admit(advertisement, to: &gate, from: Self.here).get() }
        #expect(gate.takeNotes().count == 1)
    }

    @Test("a stranger's unicast is dropped, and the stranger named once")
    func namedStranger() {
        var gate = PacketGate(routers: [])
        gate.expect([Self.unicast3], ownAddresses: [Self.here])
        let advertisement = Self.unicast3.advertisement(priority: 9)
        for _ in 0..<2 {
            let result = Self.admit(
                advertisement,
                to: &gate,
                from: Self.stranger,
                to: Self.here,
                timeToLive: 64
            )
            #expect(result == .failure(.peer))
        }
        #expect(gate.takeNotes().count == 1)
    }

    @Test("a MASTER that insists by unicast is heard, and told of once")
    func insisted() throws {
        var gate = PacketGate(routers: [Self.multicast3])
        let advertisement = Self.multicast3.advertisement(priority: 9)
        for _ in 0..<2 { _ = try Self.admit(advertisement, to: &gate, to: Self.here).get() }
        #expect(gate.takeNotes() == [.unicastHeard(virtualRouterID: 51, from: Self.peer)])
    }

    @Test(
        "another interval of version 3, and a first address that is not link-local, are noted once"
    )
    func toleratedOnceNoted() throws {
        var gate = PacketGate(routers: [Self.multicast6])
        var advertisement = Self.multicast6.advertisement(priority: 9)
        advertisement.interval = .milliseconds(10)
        advertisement.addresses.reverse()
        let source = Version3CodecTests.endpoints6.source
        for _ in 0..<2 {
            let received = Self.admit(
                advertisement,
                to: &gate,
                from: source,
                to: .vrrpGroup(of: .v6)
            )
            #expect(try received.get().advertisement.interval == .milliseconds(10))
        }
        #expect(
            gate.takeNotes()
                == [
                    .otherInterval(virtualRouterID: 52, .milliseconds(10), from: source),
                    .firstAddressNotLinkLocal(virtualRouterID: 52, from: source),
                ]
        )
    }

    @Test("another configured group is the one that is listened to")
    func otherGroup() throws {
        let group = IPAddress(224, 0, 0, 19)
        var gate = PacketGate(routers: [
            Self.settings { $0.transport = .multicast(group: group) }
        ])
        let advertisement = Self.multicast3.advertisement(priority: 9)
        #expect(Self.admit(advertisement, to: &gate) == .failure(.destination))
        _ = try Self.admit(advertisement, to: &gate, to: group).get()
    }

    @Test("drops are counted for the router whose VRID they have, across a reload")
    func countersOfRouters() {
        let other = Self.settings { $0.virtualRouterID = 60 }
        var gate = PacketGate(routers: [Self.multicast3, other])
        let advertisement = Self.multicast3.advertisement(priority: 9)
        _ = Self.admit(advertisement, to: &gate, to: Self.here, timeToLive: 254)
        #expect(gate.counters(of: 0)[.unicast] == 1)
        #expect(gate.counters(of: 1).total == 0)
        gate.expect([other, Self.multicast3])
        #expect(gate.counters(of: 0).total == 0)
        #expect(gate.counters(of: 1)[.unicast] == 1)
        #expect(gate.counters(of: 7).total == 0)
        #expect(gate.counters[.unicast] == 1)
    }

    @Test("the checksum that the other end prefers is noted once")
    func checksumNote() throws {
        var gate = PacketGate(routers: [Self.multicast3])
        let advertisement = Self.multicast3.advertisement(priority: 9)
        for _ in 0..<3 {
            _ = try Self.admit(advertisement, to: &gate, omitsPseudoHeader: true).get()
        }
        #expect(
            gate.takeNotes()
                == [.otherChecksum(virtualRouterID: 51, omitsPseudoHeader: true, from: Self.peer)]
        )
        _ = try Self.admit(advertisement, to: &gate).get()
        #expect(gate.takeNotes().isEmpty)
    }

    @Test("someone else's use of our VRID is named once, whether it is dropped or honoured")
    func foreignRouter() throws {
        var gate = PacketGate(routers: [Self.multicast3])
        let foreign = Self.settings {
            $0.addresses = [VirtualAddress(prefix: Prefix(host: IPAddress(192, 0, 2, 9)))]
        }
        for _ in 0..<3 {
            let advertisement = foreign.advertisement(priority: 9)
            _ = try Self.admit(advertisement, to: &gate, from: Self.stranger).get()
        }
        var older = foreign.advertisement(priority: 9)
        older.version = .v2
        #expect(Self.admit(older, to: &gate, from: Self.stranger) == .failure(.version))
        let notes = gate.takeNotes()
        #expect(notes.count == 2)
        guard case .foreignRouter(let first) = notes.first else {
            Issue.record("\(notes)")
            return
        }
        #expect(
            first.description
                == "VRID 51 is already used here by 10.9.0.7 with 192.0.2.9: its advertisements "
                + "count here; if it is not the peer, choose another virtual_router_id"
        )
    }

    @Test("a flood of strangers makes no more than 64 notes")
    func bounded() {
        var gate = PacketGate(routers: [Self.multicast3])
        let advertisement = PacketGateTests.settings.advertisement(priority: 9)
        for index in 0..<1000 {
            _ = Self.admit(
                advertisement,
                to: &gate,
                from: IPAddress(10, 9, UInt8(index / 250), UInt8(index % 250))
            )
        }
        #expect(gate.takeNotes().count == 64)
        #expect(gate.counters.total == 1000)
    }

    @Test("notes age: what is over makes room and is noted when it comes again")
    func ageing() {
        var gate = PacketGate(routers: [Self.multicast3])
        let advertisement = PacketGateTests.settings.advertisement(priority: 9)
        func hear(_ last: UInt8) -> Int {
            _ = Self.admit(advertisement, to: &gate, from: IPAddress(10, 9, 0, last))
            return gate.takeNotes().count
        }
        for last in 0..<64 { #expect(hear(UInt8(last)) == 1) }
        #expect(hear(100) == 0)
        gate.ageNotes()
        #expect(hear(100) == 1)
        #expect(hear(3) == 0)
        gate.ageNotes()
        #expect(hear(3) == 0)
        #expect(hear(4) == 1)
    }

    @Test(
        "how many addresses a packet holds",
        arguments: [
            (AddressFamily.v4, ProtocolVersion.v2, 1500, 255), (.v4, .v2, 576, 135),
            (.v4, .v3, 576, 137), (.v6, .v3, 1500, 90), (.v6, .v3, 1280, 77),
            (.v6, .v3, 9000, 255), (.v4, .v3, 0, 0),
        ]
    )
    func capacity(family: AddressFamily, version: ProtocolVersion, mtu: Int, count: Int) {
        let settings = Self.settings {
            $0.family = family
            $0.version = version
        }
        #expect(settings.addressCapacity(mtu: mtu) == count)
    }

    @Test("addresses without room are held, but not advertised; the link-local one stays")
    func fitting() {
        let settings = Self.settings {
            $0.family = .v6
            $0.addresses =
                (0..<100).map { index in
                    let address = IPv6Address(high: 0xFD00_0000_0000_0000, low: UInt64(index))
                    return VirtualAddress(prefix: Prefix(host: .v6(address)))
                } + [VirtualAddress(prefix: Prefix(host: Version3CodecTests.linkLocal))]
        }
        let fitted = settings.fitting(mtu: 1500)
        #expect(fitted.addresses.count == 90)
        #expect(fitted.excludedAddresses.count == 11)
        #expect(fitted.advertisedAddresses.first == Version3CodecTests.linkLocal)
        #expect(Set(fitted.heldAddresses) == Set(settings.heldAddresses))
        #expect(Self.multicast3.fitting(mtu: 1500) == Self.multicast3)
    }
}
