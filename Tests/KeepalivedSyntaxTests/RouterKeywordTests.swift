import KeepalivedSyntax
import Primitives
import Testing
import VRRP

/// What a `vrrp_instance` says beyond version 2 by multicast.
@Suite struct RouterKeywordTests {
    static let head = "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\n"

    private func router(_ body: String, before: String = "") throws -> RouterSettings {
        let parsed = parse(before + Self.head + body + "\n}\n")
        return try #require(
            parsed.configuration?.routers.first,
            "\(parsed.diagnostics.map(\.description))"
        )
    }

    private func complaints(_ body: String, before: String = "") -> [String] {
        said(before + Self.head + body + "\n}\n")
    }

    static let vip = "virtual_ipaddress { 192.0.2.10 }\n"
    static let vip6 = "virtual_ipaddress { fe80::51 2001:db8::10/64 }\n"

    // MARK: Version and family

    @Test(
        "The version is the instance's, the file's or 2, and IPv6 is always 3",
        arguments: [
            ("", vip, ProtocolVersion.v2), ("", vip + "version 3", .v3),
            ("global_defs { vrrp_version 3 }\n", vip, .v3),
            ("global_defs { vrrp_version 3 }\n", vip + "version 2", .v2),
            ("", vip6, .v3), ("", vip6 + "version 2", .v3),
        ]
    )
    func version(global: String, body: String, expected: ProtocolVersion) throws {
        let router = try router(body, before: global)
        #expect(router.version == expected)
        #expect(router.family == (body.contains("fe80") ? .v6 : .v4))
    }

    /// Figures of the installed keepalived 2.2.7, which rounds half a unit up.
    @Test(
        "An interval is rounded to its version's unit and held in its range",
        arguments: [
            ("2", "1.5", 2000), ("2", "1.4", 1000), ("2", "0.4", 1000), ("2", "300", 1000),
            ("3", "0.015", 20), ("3", "0.014", 10), ("3", "0.001", 1000), ("3", "0.1", 100),
            ("3", "50", 40_950), ("3", "1", 1000),
        ]
    )
    func interval(version: String, written: String, milliseconds: Int64) throws {
        let body = Self.vip + "version \(version)\nadvert_int \(written)"
        #expect(try router(body).advertisementInterval == .milliseconds(milliseconds))
        let text = Duration.milliseconds(milliseconds) == .seconds(1) ? "1" : written
        let isExact = Double(written).map { $0 * 1000 == Double(milliseconds) } == true
        #expect(complaints(body).isEmpty == (isExact && text == written))
    }

    @Test("Addresses of the other family are left out of the adverts, and it is said")
    func mixedFamilies() throws {
        let body = "virtual_ipaddress {\n192.0.2.10\n2001:db8::1\n}\n"
        #expect(try router(body).addresses.map(\.prefix.description) == ["192.0.2.10/32"])
        #expect(
            complaints(body).first?.contains("2001:db8::1 is left out, as in keepalived") == true
        )
        let excluded = Self.vip + "virtual_ipaddress_excluded { 2001:db8::1/64 }\n"
        #expect(complaints(excluded) == [])
        #expect(
            try router(excluded).excludedAddresses.map(\.prefix.description) == ["2001:db8::1/64"]
        )
    }

    @Test(
        "What does not fit into an advert moves all the same",
        arguments: [("10.0.%.1", 300, 255), ("2001:db8::%:1", 100, 90)]
    )
    func fullAdvert(pattern: String, count: Int, room: Int) throws {
        let parts = pattern.split(separator: "%")
        let lines = (0..<count).map { index in
            pattern.contains(":")
                ? "\(parts[0])\(String(index, radix: 16))\(parts[1])"
                : "10.0.\(index / 200).\(index % 200 + 1)"
        }
        let body = "virtual_ipaddress {\n\(lines.joined(separator: "\n"))\n}"
        let router = try router(body)
        #expect(router.addresses.count == room)
        #expect(router.excludedAddresses.count == count - room)
        #expect(complaints(body).contains { $0.contains("at most \(room)") })
    }

    @Test("A password has no effect in version 3")
    func password() throws {
        let body = "authentication { auth_type PASS\nauth_pass 1111 }\n" + Self.vip
        #expect(try router(body).authentication == .password([49, 49, 49, 49, 0, 0, 0, 0]))
        #expect(try router(body + "version 3").authentication == .none)
        #expect(complaints(body + "version 3").count == 1)
    }

    // MARK: Transport

    @Test("Unicast peers replace the group; their sources are checked unless it is turned off")
    func unicast() throws {
        let peers = "unicast_peer{\n192.0.2.2\n192.0.2.3 min_ttl 250 max_ttl 255\n}\n"
        let plain = try router(Self.vip + "unicast_src_ip 192.0.2.1\nunicast_ttl 64\n" + peers)
        #expect(plain.configuredSource == IPAddress("192.0.2.1"))
        #expect(
            plain.transport
                == .unicast(
                    peers: [
                        UnicastPeer(address: IPAddress(192, 0, 2, 2)),
                        UnicastPeer(address: IPAddress(192, 0, 2, 3), timeToLive: 250...255),
                    ],
                    timeToLive: 64,
                    checksSource: true
                )
        )
        func checks(_ body: String, global: String = "") throws -> Bool? {
            let peer = "unicast_peer { 192.0.2.2 }\n"
            let router = try router(Self.vip + peer + body, before: global)
            guard case .unicast(_, _, let checks) = router.transport else { return nil }
            return checks
        }
        #expect(try checks("") == true)
        #expect(try checks("check_unicast_src off") == false)
        #expect(try checks("", global: "global_defs { vrrp_check_unicast_src off }\n") == false)
        #expect(
            try checks(
                "check_unicast_src",
                global: "global_defs { vrrp_check_unicast_src off }\n"
            ) == true
        )
    }

    @Test(
        "A keyword of unicast without a peer is an error, where keepalived uses multicast",
        arguments: [
            "unicast_src_ip 192.0.2.1", "unicast_ttl 64", "check_unicast_src",
            "unicast_fault_no_peer", "unicast_peer { }",
            "unicast_src_ip 192.0.2.1\nunicast_peer { 192.0.2.1 }",
        ]
    )
    func unicastWithoutPeer(body: String) {
        let said = complaints(Self.vip + body)
        #expect(said.contains { $0.contains("fall back to multicast in silence") })
        let mended = complaints(Self.vip + body + "\nunicast_peer { 192.0.2.2 }")
        #expect(!mended.contains { $0.contains("error") })
    }

    @Test("Groups other than the usual ones are kept, of the instance before those of the file")
    func groups() throws {
        let global = "global_defs {\nvrrp_mcast_group4 224.0.0.19\nvrrp_mcast_group6 ff02::13\n}\n"
        func group(_ body: String, _ before: String = "") throws -> IPAddress? {
            guard case .multicast(let group) = try router(body, before: before).transport else {
                return nil
            }
            return group
        }
        #expect(try group(Self.vip) == nil)
        #expect(try group(Self.vip + "mcast_dst_ip 224.0.0.18") == nil)
        #expect(try group(Self.vip, global) == IPAddress("224.0.0.19"))
        #expect(try group(Self.vip6, global) == IPAddress("ff02::13"))
        #expect(try group(Self.vip + "mcast_dst_ip 224.0.0.20", global) == IPAddress("224.0.0.20"))
        #expect(complaints(Self.vip + "mcast_dst_ip 192.0.2.1").first?.contains("error") == true)
        #expect(complaints(Self.vip + "mcast_dst_ip ff02::13").first?.contains("error") == true)
    }

    @Test("A source is an address of this node, of the adverts' family, and never one that moves")
    func sources() throws {
        #expect(try router(Self.vip + "mcast_src_ip 192.0.2.1\ntrack_src_ip").tracksSource)
        for bad in ["192.0.2.10", "2001:db8::1", "224.0.0.1", "x"] {
            #expect(complaints(Self.vip + "mcast_src_ip \(bad)").count == 1)
        }
        // The owner's address is its own.
        #expect(complaints(Self.vip + "mcast_src_ip 192.0.2.10\npriority 255") == [])
    }

    // MARK: Addresses

    @Test(
        "An address takes its options in any order",
        arguments: [
            "192.0.2.10/24 dev eth1 label eth1:v scope link brd +",
            "192.0.2.10/24 brd 192.0.2.255 scope 253 label eth1:v dev eth1",
            "192.0.2.10/24 broadcast + label eth1:v dev eth1 scope link",
        ]
    )
    func options(line: String) throws {
        var expected = VirtualAddress(prefix: Prefix(address: IPAddress(192, 0, 2, 10), length: 24))
        expected.interface = "eth1"
        expected.label = "eth1:v"
        expected.scope = 253
        expected.broadcast = IPv4Address(192, 0, 2, 255)
        #expect(try router("virtual_ipaddress { \(line) }").addresses == [expected])
    }

    @Test("The rarer options are kept, and an IPv6 host address is no source unless it is said")
    func rareOptions() throws {
        let addresses = try router(
            """
            virtual_ipaddress {
                fe80::51/128
                2001:db8::1 preferred_lft forever home mngtmpaddr
                2001:db8::2/64 noprefixroute no_track preferred_lft 30 -nodad
            }
            """
        ).addresses
        #expect(addresses.map(\.preferredLifetime) == [0, nil, 30])
        #expect(addresses.map(\.flags) == [0, 0x110, 0])
        #expect(addresses.map(\.isTracked) == [true, true, false])
        #expect(addresses.map(\.hasNoPrefixRoute) == [false, false, true])
        let peer = try router("virtual_ipaddress { 192.0.2.10/24 peer 192.0.2.11/31 brd + }")
        #expect(peer.addresses.first?.peer?.description == "192.0.2.11/31")
        #expect(peer.addresses.first?.prefix.description == "192.0.2.10/32")
        #expect(peer.addresses.first?.broadcast == nil)
    }

    // MARK: The rest

    @Test("Announcements are the instance's, else the file's")
    func announcements() throws {
        let global = """
            global_defs {
                vrrp_garp_master_refresh_repeat 2
                vrrp_garp_lower_prio_repeat 3
                vrrp_garp_lower_prio_delay 7
                vrrp_garp_interval 0.001
                vrrp_gna_interval 0.000001
                vrrp_min_garp
            }
            garp_group {
                garp_interval 0.5
                interfaces { eth0 eth1 }
            }

            """
        let plain = try router(Self.vip, before: global)
        #expect(plain.announcementsPerBurst == 1 && plain.secondBurstDelay == .zero)
        #expect(plain.announcementsPerRefresh == 2)
        #expect(plain.announcementsPerAnswer == 3 && plain.secondAnswerDelay == .seconds(7))
        #expect(plain.arpPace == .milliseconds(500))
        #expect(plain.neighbourPace == .microseconds(1))
        let own = try router(
            Self.vip + "garp_master_repeat 4\ngarp_lower_prio_repeat 0\ngarp_master_refresh 0",
            before: global
        )
        #expect(own.announcementsPerBurst == 4 && own.announcementsPerAnswer == 0)
        #expect(own.announcementRefresh == .zero)
    }

    @Test("Flags and numbers of a router are the instance's, else the file's")
    func flags() throws {
        let global = """
            global_defs {
                vrrp_down_timer_adverts 4
                vrrp_higher_prio_send_advert
                vrrp_lower_prio_no_advert yes
                vrrp_startup_delay 5.5
            }

            """
        let plain = try router(Self.vip, before: global)
        #expect(plain.downTimerAdvertisements == 4)
        #expect(plain.yieldsAloud && !plain.answersLowerPriority)
        #expect(plain.startupDelay == .milliseconds(5500))
        let own = try router(
            Self.vip
                + "down_timer_adverts 2\nhigher_prio_send_advert off\nlower_prio_no_advert no\n"
                + "dont_track_primary\npromote_secondaries\nv3_checksum_as_v2\naccept",
            before: global
        )
        #expect(own.downTimerAdvertisements == 2)
        #expect(!own.yieldsAloud && own.answersLowerPriority)
        #expect(!own.tracksOwnInterface && own.promotesSecondaries && own.omitsPseudoHeader)
        let bare = try router(Self.vip)
        #expect(!bare.yieldsAloud && bare.answersLowerPriority && bare.tracksOwnInterface)
    }

    @Test(
        "A virtual MAC's interface is named as in keepalived",
        arguments: [
            (vip, "use_vmac", "vrrp.51", false), (vip6, "use_vmac", "vrrp6.51", false),
            (vip, "use_vmac vv\nvmac_xmit_base", "vv", true),
            (vip, "use_vmac\nunicast_peer { 192.0.2.2 }", "vrrp.51", true),
        ]
    )
    func virtualMAC(vip: String, body: String, name: String, fromBase: Bool) throws {
        #expect(
            try router(vip + body).virtualInterface
                == VirtualInterface(name: name, advertisesFromBase: fromBase)
        )
        #expect(try router(vip).virtualInterface == nil)
    }

    @Test("A gateway is a witness where it is asked for")
    func gateway() throws {
        let auto = "tandem { track_gateway auto }\n"
        #expect(try router(Self.vip).gateway == nil)
        #expect(try router(Self.vip, before: auto).gateway == .automatic)
        #expect(try router(Self.vip + "track_gateway off", before: auto).gateway == nil)
        #expect(
            try router(Self.vip + "track_gateway 192.0.2.254").gateway
                == .address(IPAddress(192, 0, 2, 254))
        )
        #expect(complaints(Self.vip + "track_gateway 192.0.2.10").count == 1)
        #expect(complaints(Self.vip + "track_gateway yes").count == 1)
    }
}
