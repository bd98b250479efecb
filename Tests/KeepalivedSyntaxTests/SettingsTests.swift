import KeepalivedSyntax
import Primitives
import Testing
import VRRP

/// What the lines mean: defaults, units, ranges and rounding of keepalived.
@Suite struct SettingsTests {
    private func router(_ body: String, scripts: String = "") throws -> RouterSettings {
        let parsed = parse(instance(body, scripts: scripts))
        let configuration = try #require(
            parsed.configuration,
            "\(parsed.diagnostics.map(\.description))"
        )
        return try #require(configuration.routers.first)
    }

    private func script(_ body: String, before: String = "") throws -> CheckScript {
        let text = "vrrp_script s {\nscript \"/usr/local/bin/check a 'b c'\"\n\(body)\n}\n"
        let parsed = parse(before + text + instance(""))
        let configuration = try #require(
            parsed.configuration,
            "\(parsed.diagnostics.map(\.description))"
        )
        return try #require(configuration.scripts.first)
    }

    @Test("A router without settings has keepalived's defaults, and refreshes ARP once a minute")
    func defaults() throws {
        let router = try router("")
        #expect(
            router
                == RouterSettings(
                    name: "VI_1",
                    interface: "eth0",
                    virtualRouterID: 51,
                    basePriority: 100,
                    advertisementInterval: .seconds(1),
                    addresses: [
                        VirtualAddress(prefix: Prefix(host: .v4(IPv4Address(192, 0, 2, 10))))
                    ],
                    preempt: true,
                    preemptDelay: .zero,
                    authentication: .none,
                    announcementsPerBurst: 5,
                    secondBurstDelay: .seconds(5),
                    announcementRefresh: .seconds(60),
                    addressLifetime: .seconds(2),
                    tracks: []
                )
        )
    }

    @Test(
        "Priorities are held to keepalived's rules",
        arguments: [
            ("", 100), ("priority 1", 1), ("priority 254", 254), ("priority 255", 255),
            ("priority 0", 100), ("priority 256", 100), ("priority -5", 100), ("priority x", 100),
            ("state MASTER", 255), ("state MASTER\npriority 101", 101), ("state BACKUP", 100),
        ] as [(String, Int)]
    )
    func priority(body: String, expected: Int) throws {
        #expect(try router(body).basePriority == UInt8(expected))
    }

    @Test(
        "Advertisement intervals are whole seconds",
        arguments: [
            ("1", 1), ("2", 2), ("255", 255), ("256", 1), ("255.4", 1), ("300", 1), ("0.01", 1),
            ("0.5", 1), ("1.4", 1), ("1.5", 2), ("0", 1), ("-3", 1), ("x", 1), ("999999999", 1),
        ] as [(String, Int)]
    )
    func advertisementInterval(text: String, seconds: Int) throws {
        #expect(try router("advert_int \(text)").advertisementInterval == .seconds(seconds))
    }

    @Test("state MASTER and priority 255 clear nopreempt and preempt_delay; BACKUP keeps them")
    func preemption() throws {
        let kept = try router("state BACKUP\nnopreempt")
        #expect(!kept.preempt)
        let delayed = try router("preempt_delay 2.5")
        #expect(delayed.preempt && delayed.preemptDelay == .milliseconds(2500))
        for body in ["state MASTER\npriority 150", "priority 255"] {
            let cleared = try router("\(body)\nnopreempt\npreempt_delay 5")
            #expect(cleared.preempt && cleared.preemptDelay == .zero)
        }
        #expect(try router("nopreempt\npreempt").preempt)
        #expect(try router("nopreempt\npreempt_delay 5").preemptDelay == .zero)
    }

    @Test("A password is cut and padded to eight bytes")
    func password() throws {
        let block = "authentication {\nauth_type PASS\nauth_pass "
        #expect(
            try router(block + "1234\n}").authentication
                == .password([49, 50, 51, 52, 0, 0, 0, 0])
        )
        #expect(
            try router(block + "123456789\n}").authentication
                == .password(Array("12345678".utf8))
        )
        #expect(
            try router(block + "\"a b!#\"\n}").authentication
                == .password(Array("a b!#".utf8) + [0, 0, 0])
        )
        #expect(try router("authentication {\nauth_type PASS\n}").authentication == .none)
    }

    @Test("Addresses have their options in any order")
    func addresses() throws {
        let text =
            "vrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n"
            + "10.0.0.1\n10.0.1.1/24 label eth1:v dev eth1 brd + scope link\n"
            + "10.0.2.1/25 brd - \n10.0.3.1 brd 10.0.3.255 scope 7\n}\n}\n"
        let router = try #require(parse(text).configuration?.routers.first)
        func prefix(_ text: String) throws -> Prefix { try #require(Prefix(text)) }
        #expect(
            router.addresses == [
                VirtualAddress(prefix: try prefix("10.0.0.1/32")),
                VirtualAddress(
                    prefix: try prefix("10.0.1.1/24"),
                    interface: "eth1",
                    label: "eth1:v",
                    scope: 253,
                    broadcast: IPv4Address(10, 0, 1, 255)
                ),
                VirtualAddress(
                    prefix: try prefix("10.0.2.1/25"),
                    broadcast: IPv4Address(10, 0, 2, 0)
                ),
                VirtualAddress(
                    prefix: try prefix("10.0.3.1/32"),
                    scope: 7,
                    broadcast: IPv4Address(10, 0, 3, 255)
                ),
            ]
        )
    }

    @Test("Settings of global_defs hold where the router has none, wherever they stand")
    func globalDefaults() throws {
        let global =
            "global_defs {\ndefault_interface eth7\nvrrp_garp_master_delay 10\n"
            + "vrrp_garp_master_repeat 0\nvrrp_garp_master_refresh 60\n}\n"
        let text =
            "vrrp_instance A {\nvirtual_router_id 1\nvirtual_ipaddress { 10.0.0.1 }\n"
            + "garp_master_delay 0\n}\n" + global
        let router = try #require(parse(text).configuration?.routers.first)
        #expect(router.interface == "eth7")
        #expect(router.secondBurstDelay == .zero)
        #expect(router.announcementsPerBurst == 1)
        #expect(router.announcementRefresh == .seconds(60))
    }

    @Test("A check has keepalived's defaults")
    func scriptDefaults() throws {
        let script = try script("")
        #expect(script.arguments == ["/usr/local/bin/check", "a", "b c"])
        #expect(script.interval == .seconds(1))
        #expect(script.timeout == .zero)
        #expect(script.weight == 0 && !script.reversed)
        #expect(script.rise == 1 && script.fall == 1)
        #expect(!script.startsFailed && !script.asksForProxyProcess)
        #expect(script.user == "keepalived_script" && script.group == nil)
    }

    @Test("A check's settings are read")
    func scriptSettings() throws {
        let script = try script(
            "interval .2\ntimeout 3\nweight -20 reverse\nrise 2\nfall 3\ninit_fail\nuser checker root"
        )
        #expect(script.interval == .milliseconds(200))
        #expect(script.timeout == .seconds(3))
        #expect(script.weight == -20 && script.reversed)
        #expect(script.rise == 2 && script.fall == 3)
        #expect(script.startsFailed)
        #expect(script.user == "checker" && script.group == "root")
        #expect(try self.script("interval 0").interval == .seconds(1))
        #expect(try self.script("weight 300").weight == 253)
    }

    @Test("A check runs as its user, else script_user, else keepalived_script")
    func scriptUser() throws {
        let global = "global_defs {\nscript_user nobody root\n}\n"
        let named = try script("", before: global)
        #expect(named.user == "nobody" && named.group == "root")
        #expect(try script("user checker", before: global).user == "checker")
        let text = checkScript + "\n" + instance("")
        #expect(parse(text).configuration?.scripts.first?.user == "keepalived_script")
        let bare = parse(text, machine(users: ["nobody"]))
        #expect(bare.configuration?.scripts.first?.user == nil)
        #expect(
            bare.diagnostics.map(\.description).contains(
                "k.conf:2: note: programs that name nobody run as 'nobody'; keepalived would run them "
                    + "as root (write 'script_user USER' into global_defs)"
            )
        )
    }

    @Test("A check of the proxy needs neither its program nor its user")
    func proxyCheckNeedsNothing() {
        let text =
            "vrrp_script s {\nscript \"pidof haproxy\"\nuser somebody\n}\n"
            + instance("track_script { s }")
        #expect(said(text, machine(programs: [], users: [])) == [])
        let other = text.split(separator: "pidof haproxy").joined(separator: "pidof nginx")
        #expect(said(other, machine(programs: [], users: [])).count == 2)
    }

    @Test("A track has its own weight, else the script's")
    func trackWeights() throws {
        let scripts =
            "vrrp_script a {\nscript \"/usr/local/bin/check\"\nweight 5\n}\n"
            + "vrrp_script b {\nscript \"/usr/local/bin/check\"\nweight -7 reverse\n}\n"
            + checkScript
        let router = try router(
            "track_script {\na\nb\ncheck weight -9 reverse\n}\n"
                + "track_interface {\neth1\neth2 weight 4\n}",
            scripts: scripts
        )
        #expect(
            router.tracks == [
                Track(subject: .script("a"), weight: 5),
                Track(subject: .script("b"), weight: -7, reversed: true),
                Track(subject: .script("check"), weight: -9, reversed: true),
                Track(subject: .interface("eth1"), weight: 0),
                Track(subject: .interface("eth2"), weight: 4),
            ]
        )
        let line = try self.router("track_script { a b weight 1 check }", scripts: scripts)
        #expect(line.tracks.map(\.weight) == [5, 1, 0])
    }

    @Test("Notify programs are kept with their arguments and their user")
    func notifications() throws {
        let parsed = parse(
            instance(
                "notify_master \"/bin/notify up\" nobody root\nnotify_backup \"/bin/notify down\"\n"
                    + "notify_fault '/bin/notify \"a b\"'\nnotify /bin/notify\n"
                    + "notify_stop \"/bin/notify\""
            )
        )
        let programs = try #require(parsed.configuration?.notifications["VI_1"])
        #expect(programs.master?.arguments == ["/bin/notify", "up"])
        #expect(programs.backup?.arguments == ["/bin/notify", "down"])
        #expect(programs.fault?.arguments == ["/bin/notify", "a b"])
        #expect(programs.any?.arguments == ["/bin/notify"])
        #expect(programs.stop?.arguments == ["/bin/notify"])
        #expect(programs.master?.user == "nobody" && programs.master?.group == "root")
        #expect(programs.stop?.user == nil)
    }

    /// keepalived.conf(5), `vrrp_sync_group`: without a username they default to the global script_user.
    @Test(
        "A notify program runs as its own user, else as script_user, wherever that stands",
        arguments: [true, false]
    )
    func notifyUser(_ isGlobalFirst: Bool) throws {
        let global = "global_defs {\nscript_user nobody root\n}\n"
        let body =
            "notify_master \"/bin/notify up\" checker\nnotify_backup \"/bin/notify down\"\n"
            + "notify /bin/notify"
        let text =
            isGlobalFirst ? global + instance(body) : instance(body) + "\n" + global
        let programs = try #require(parse(text).configuration?.notifications["VI_1"])
        #expect(programs.master?.user == "checker" && programs.master?.group == nil)
        #expect(programs.backup?.user == "nobody" && programs.backup?.group == "root")
        #expect(programs.any?.user == "nobody" && programs.any?.group == "root")
    }

    @Test("A script_user that does not exist is an error for a notify program that needs it")
    func missingNotifyUser() {
        let global = "global_defs {\nscript_user somebody\n}\n"
        let needs = said(global + instance("notify_master \"/bin/notify\""))
        #expect(needs.count == 1 && needs.first?.contains("there is no user 'somebody'") == true)
        #expect(said(global + instance("notify_master \"/bin/notify\" nobody")) == [])
    }

    @Test("Tandem's own block is read; what is left out has the design's defaults")
    func tandemBlock() throws {
        let text = """
            tandem {
                proxy_watchdog 0.5        # seconds
                restart_limit 5
                restart_window 60
                restart_grace 2.5
                fatal_retry 10
                lease_grace 7
                vip_lease 0
                on_takeover restart
                on_no_servers degrade
                failover_hold 0
            }
            """
        let parsed = parse(text + "\n" + instance(""))
        let settings = try #require(parsed.configuration?.tandem)
        var expected = TandemSettings()
        expected.proxyWatchdog = .milliseconds(500)
        expected.restartLimit = 5
        expected.restartWindow = .seconds(60)
        expected.restartGrace = .milliseconds(2500)
        expected.fatalRetry = .seconds(10)
        expected.leaseGrace = .seconds(7)
        expected.vipLease = .zero
        expected.onTakeover = .restart
        expected.onNoServers = .degrade
        expected.failoverHold = .zero
        #expect(settings == expected)
        #expect(parsed.configuration?.routers.first?.addressLifetime == .zero)
        #expect(parse("tandem {\n}\n" + instance("")).configuration?.tandem == TandemSettings())
    }
}
