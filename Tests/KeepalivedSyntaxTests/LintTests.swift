import KeepalivedSyntax
import Primitives
import Testing

/// What would happen if a check failed, in a sentence.
@Suite struct LintTests {
    private func node(
        _ body: String,
        script: String = "weight -2"
    ) throws -> KeepalivedConfiguration {
        let text =
            "vrrp_script chk {\nscript \"/usr/local/bin/check\"\n\(script)\n}\n"
            + instance(body + "\ntrack_script {\nchk\n}")
        return try #require(parse(text).configuration)
    }

    private func said(
        _ node: KeepalivedConfiguration,
        peer: KeepalivedConfiguration? = nil
    ) -> [String] {
        KeepalivedLint.findings(node, peer: peer).map { withoutTime($0.description) }
    }

    /// How long it takes is the virtual router's matter.
    private func withoutTime(_ text: String) -> String {
        let parts = text.split(separator: " moves after ", maxSplits: 1)
        guard parts.count == 2 else { return text }
        return parts[0] + " moves after T" + parts[1].drop { $0.isNumber || $0 == "." }
    }

    private func seed(_ name: String) throws -> KeepalivedConfiguration {
        let source = SourceText(path: name, bytes: fixture("seed/\(name).keepalived.conf"))
        return try #require(
            KeepalivedParser.parse(source, environment: machine(programs: [])).configuration
        )
    }

    @Test("The founding pair fails over, and its check is answered by the proxy's health")
    func seeds() throws {
        let (first, second) = (try seed("machine1"), try seed("machine2"))
        #expect(
            said(first, peer: second) == [
                "machine1:4: note: 'VI_1': if chk_haproxy fails here, the VIP moves after T s: "
                    + "101 is below the peer's 100 + 2; whatever the weight, a proxy that hangs or "
                    + "can't be restarted makes this node step down"
            ]
        )
        #expect(
            said(second, peer: first) == [
                "machine2:4: note: 'VI_1': if chk_haproxy fails here, nothing moves: while both nodes "
                    + "are well, the peer is MASTER with 101 + 2 against 100 + 2; whatever the weight, "
                    + "a proxy that hangs or can't be restarted makes this node step down"
            ]
        )
        #expect(
            said(second) == [
                "machine2:7: note: what a failed check of 'VI_1' does at priority 100 can't be known "
                    + "without the other node's file (check with '--peer FILE')"
            ]
        )
    }

    @Test("A weight that never moves the address is found, with the one that does")
    func tooLight() throws {
        #expect(
            said(try node("priority 150")) == [
                "k.conf:3: warning: 'VI_1': if chk fails here, the VIP does not move: 150 - 2 is "
                    + "still above the peer's 100 (a peer of priority 100 is assumed) (write "
                    + "'weight -51' (or a larger one) on both nodes)"
            ]
        )
        #expect(
            said(
                try node("priority 150", script: "weight 2"),
                peer: try node("priority 100", script: "weight 2")
            )
                == [
                    "k.conf:3: warning: 'VI_1': if chk fails here, the VIP does not move: 150 is still "
                        + "above the peer's 100 + 2 (write 'weight 51' (or a larger one) on both nodes)"
                ]
        )
        // The mend is true.
        let mended = said(
            try node("priority 150", script: "weight -51"),
            peer: try node("priority 100", script: "weight -51")
        )
        #expect(mended.allSatisfy { $0.contains("note: 'VI_1': if chk fails here, the VIP moves") })
        #expect(mended.count == 1)
    }

    @Test("nopreempt defeats a weight; a FAULT does not care")
    func nopreempt() throws {
        let peer = try node("priority 100\nnopreempt", script: "weight -60")
        let weighted = said(try node("priority 150\nnopreempt", script: "weight -60"), peer: peer)
        #expect(
            weighted == [
                "k.conf:3: warning: 'VI_1': if chk fails here, the VIP does not move: 150 - 60 is below "
                    + "the peer's 100, but the peer does not preempt (nopreempt) (remove 'nopreempt' on "
                    + "both nodes, or write 'weight 0': a failure is then a FAULT, and the VIP moves)"
            ]
        )
        let fault = said(
            try node("priority 150\nnopreempt", script: "weight 0"),
            peer: try node("priority 100\nnopreempt", script: "weight 0")
        )
        #expect(fault.count == 1)
        #expect(fault[0].contains("the VIP moves after"))
        #expect(fault[0].contains("this node goes to FAULT"))
    }

    @Test("Nodes that drop each other's adverts are an error; nodes that agree are none")
    func split() throws {
        let node = try node("priority 150\nadvert_int 1", script: "weight 0")
        let other = try self.node("priority 100\nadvert_int 2", script: "weight 0")
        let findings = KeepalivedLint.findings(node, peer: other)
        #expect(findings.map(\.severity) == [.error])
        #expect(findings[0].message.contains("both nodes are MASTER at once"))
        let agreeing = try self.node("priority 100\nadvert_int 1", script: "weight 0")
        #expect(KeepalivedLint.findings(node, peer: agreeing).map(\.severity) == [.note])
    }

    @Test("A router that the other node lacks, or whose addresses differ, is a warning")
    func differences() throws {
        let here = try #require(parse(instance("priority 150")).configuration)
        let other =
            "vrrp_instance X {\ninterface eth0\nvirtual_router_id 52\n"
            + "virtual_ipaddress { 192.0.2.10 }\n}\n"
        #expect(
            said(here, peer: parse(other).configuration) == [
                "k.conf:2: warning: the other node has no vrrp_instance with virtual_router_id 51, so "
                    + "nothing takes over for 'VI_1' (give both nodes the same virtual_router_id)",
                "k.conf:1: warning: this node has no vrrp_instance with virtual_router_id 52, so "
                    + "nothing takes over for 'X' (give both nodes the same virtual_router_id)",
            ]
        )
        let more =
            "vrrp_instance X {\ninterface eth0\nvirtual_router_id 51\n"
            + "virtual_ipaddress {\n192.0.2.10\n192.0.2.11\n}\n}\n"
        #expect(
            said(here, peer: parse(more).configuration).first
                == "k.conf:2: warning: the addresses of 'VI_1' differ between the nodes: 192.0.2.11 "
                + "(only there) (list the same ones on both nodes)"
        )
    }

    @Test("Without a check there is still something to say")
    func untracked() throws {
        let node = try #require(parse(instance("priority 150")).configuration)
        #expect(
            said(node) == [
                "k.conf:2: note: 'VI_1' tracks no check; a proxy that hangs or can't be restarted makes "
                    + "this node step down all the same"
            ]
        )
    }

    // MARK: Pairs

    private func pair(_ body: String) throws -> KeepalivedConfiguration {
        let parsed = parse(
            "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\n"
                + (body.contains("virtual_ipaddress") ? "" : "virtual_ipaddress { 192.0.2.10 }\n")
                + body + "\n}\n"
        )
        return try #require(parsed.configuration, "\(parsed.diagnostics.map(\.description))")
    }

    @Test(
        "A pair that can't hear each other is an error that says what to change",
        arguments: [
            ("", "version 3", "it is 2 here and 3 there"),
            ("advert_int 2", "", "it is 2 here and 1 there"),
            (
                "authentication { auth_type PASS\nauth_pass a }", "",
                "write the same 'authentication { auth_type PASS … }' on both nodes"
            ),
            ("unicast_peer { 192.0.2.2 }", "", "this one is unicast, the other multicast"),
            ("mcast_dst_ip 224.0.0.19", "", "write 'mcast_dst_ip'"),
            (
                "unicast_src_ip 192.0.2.1\nunicast_peer { 192.0.2.2 }",
                "unicast_src_ip 192.0.2.2\nunicast_peer { 192.0.2.3 }",
                "list 192.0.2.1 in 'unicast_peer' of the other node"
            ),
            (
                "unicast_src_ip 192.0.2.1\nunicast_peer { 192.0.2.3 }",
                "unicast_src_ip 192.0.2.2\nunicast_peer { 192.0.2.1 }",
                "list 192.0.2.2 in 'unicast_peer' of this node"
            ),
            (
                "unicast_src_ip 192.0.2.1\nunicast_peer { 192.0.2.2 }",
                "unicast_src_ip 192.0.2.1\nunicast_peer { 192.0.2.2 }",
                "write each node's own address as 'unicast_src_ip'"
            ),
            (
                "unicast_src_ip 192.0.2.1\nunicast_peer { 192.0.2.2 }",
                "unicast_src_ip 192.0.2.2\nunicast_peer { 192.0.2.1 max_ttl 1 }",
                "write a 'unicast_ttl' that 'max_ttl' allows"
            ),
        ]
    )
    func splits(here: String, there: String, mend: String) throws {
        let (first, second) = (try pair("priority 101\n" + here), try pair(there))
        let findings = KeepalivedLint.findings(first, peer: second)
        #expect(findings.contains { $0.severity == .error && $0.mend?.contains(mend) == true })
        // The twin: the other node as this one is, and all is well but what only one node may have.
        let well = KeepalivedLint.findings(
            first,
            peer: try pair(
                here.replacing("192.0.2.1\n", with: "192.0.2.9\n").replacing(
                    "{ 192.0.2.2",
                    with: "{ 192.0.2.1 192.0.2.2"
                )
            )
        )
        if !here.contains("unicast_src_ip") { #expect(!well.contains { $0.severity == .error }) }
    }

    @Test(
        "What differs and works all the same is a warning",
        arguments: [
            (
                "version 3", "version 3\nadvert_int 0.5",
                "'advert_int' of 'VI_1' is 1 here and 0.5 there"
            ),
            ("down_timer_adverts 5", "", "'down_timer_adverts' of 'VI_1' is 5 here and 3 there"),
            ("priority 100", "", "both nodes have priority 100"),
            ("virtual_ipaddress_excluded { 192.0.2.11 }", "", "192.0.2.11 (only here)"),
        ]
    )
    func differences(here: String, there: String, message: String) throws {
        let mine = here.contains("priority") ? here : "priority 101\n" + here
        let findings = KeepalivedLint.findings(try pair(mine), peer: try pair(there))
        #expect(findings.contains { $0.severity == .warning && $0.message.contains(message) })
        #expect(!findings.contains { $0.severity == .error })
        let same = here.contains("priority") ? "priority 90" : here
        let twin = KeepalivedLint.findings(try pair(mine), peer: try pair(same))
        #expect(!twin.contains { $0.message.contains(message) })
    }

    @Test("Groups that differ, and routers that only one node has, are told")
    func groupsDiffer() throws {
        let grouped = BlockTests.pair + "vrrp_sync_group G { group { A B } }\n"
        let here = try #require(parse(grouped).configuration)
        let there = try #require(parse(BlockTests.pair).configuration)
        let messages = KeepalivedLint.findings(here, peer: there).map(\.message)
        #expect(
            messages.contains(
                "'A' is in a sync group with virtual_router_id 2 here and none there"
            )
        )
        #expect(
            !KeepalivedLint.findings(here, peer: here).contains {
                $0.message.contains("sync group")
            }
        )
        let single = try pair("virtual_router_id 1")
        #expect(
            KeepalivedLint.findings(single, peer: there).contains {
                $0.message == "this node has no vrrp_instance with virtual_router_id 2, so nothing "
                    + "takes over for 'B'"
            }
        )
    }

    @Test(
        "A check that only sees a process is told apart from one that asks for more",
        arguments: [
            ("killall -0 nginx", "nginx"), ("pidof nginx", "nginx"),
            ("/usr/bin/pgrep -x nginx", "nginx"), ("systemctl is-active nginx", "nginx"),
            ("/bin/sh -c 'pidof nginx'", "nginx"), ("service nginx status", "nginx"),
            ("curl -fs http://127.0.0.1", nil), ("killall nginx", nil), ("pidof haproxy", nil),
        ] as [(String, String?)]
    )
    func blindChecks(command: String, process: String?) throws {
        var environment = machine()
        environment.programStatus = { _, _ in .found }
        let text =
            "vrrp_script chk {\nscript \"\(command)\"\n}\n" + instance("track_script { chk }")
        let configuration = try #require(parse(text, environment).configuration)
        let findings = KeepalivedLint.findings(configuration, peer: nil)
        let blind = findings.filter { $0.message.contains("only sees that a process") }
        #expect(blind.count == (process == nil ? 0 : 1))
        if let process {
            #expect(blind.first?.message.contains("named '\(process)' exists") == true)
        }
    }

    @Test(
        "More advertisements than a node sends in time are a warning",
        arguments: [("0.02", 255, false), ("0.01", 255, true), ("0.01", 100, false)]
    )
    func pace(interval: String, count: Int, isWarned: Bool) throws {
        let routers = (1...count).map { number in
            "vrrp_instance VI_\(number) {\ninterface eth0\nvirtual_router_id \(number)\n"
                + "priority 100\nadvert_int \(interval)\n"
                + "virtual_ipaddress {\n10.0.100.\(number)/24\n}\n}\n"
        }
        let text = "global_defs {\nvrrp_version 3\n}\n" + routers.joined()
        let configuration = try #require(parse(text).configuration)
        let warnings = KeepalivedLint.findings(configuration, peer: configuration).filter {
            $0.message.contains("advertisements a second")
        }
        #expect(warnings.count == (isWarned ? 1 : 0))
        if isWarned {
            #expect(warnings[0].message.contains("together send 25500 advertisements a second"))
            #expect(warnings[0].mend?.contains("from 0.01 seconds in 'VI_1'") == true)
        }
    }

    // MARK: Where and what

    private func found(_ text: String) throws -> [Diagnostic] {
        let parsed = parse(text)
        let configuration = try #require(
            parsed.configuration,
            "\(parsed.diagnostics.map(\.description))"
        )
        return KeepalivedLint.findings(configuration, peer: nil)
    }

    @Test("A finding points at the weight that counts, else at the track")
    func places() throws {
        let script = "vrrp_script chk {\nscript \"/usr/local/bin/check\"\n"
        let router =
            "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\npriority 150\n"
            + "virtual_ipaddress { 192.0.2.10 }\n"
        let own = script + "weight -2\n}\n" + router + "track_script {\nchk\n}\n}\n"
        #expect(try found(own).map(\.location?.line) == [3])
        let track = script + "weight -2\n}\n" + router + "track_script {\nchk weight -5\n}\n}\n"
        #expect(try found(track).map(\.location?.line) == [11])
        let fault = script + "}\n" + router + "track_script {\nchk\n}\n}\n"
        #expect(try found(fault).map(\.location?.line) == [10])
        let link = router + "track_interface { eth1 weight 5 }\n}\n"
        #expect(try found(link).map(\.location?.line) == [6])
        let process =
            "vrrp_track_process p {\nprocess foo\nweight -2\n}\n" + router
            + "track_process { p }\n}\n"
        #expect(try found(process).map(\.location?.line) == [3])
    }

    @Test("A MASTER of priority 100 or less is judged against a peer one below it")
    func lowMaster() throws {
        let body = "state MASTER\npriority 100"
        #expect(
            said(try node(body)) == [
                "k.conf:3: note: 'VI_1': if chk fails here, the VIP moves after T s: 100 - 2 is below "
                    + "the peer's 99 (a peer of priority 99 is assumed)"
            ]
        )
        #expect(said(try node("state BACKUP\npriority 100")).first?.contains("can't be") == true)
    }

    @Test("What an unusual number in a tracked file does is said with the number")
    func trackedFile() throws {
        let text =
            "track_file maint {\nfile /run/maint\nweight WEIGHT\n}\n"
            + instance("priority 150\ntrack_file { maint }")
        let heavy = try found(text.replacing("WEIGHT", with: "-20"))
        #expect(heavy.map(\.severity) == [.warning, .note])
        #expect(heavy.first?.message.contains("if maint holds 1 here, the VIP does not") == true)
        #expect(heavy.first?.mend?.contains("'weight -51'") == true)
        // A weight of 1 leaves it to the number.
        #expect(try found(text.replacing("WEIGHT", with: "1")).map(\.severity) == [.note, .note])
    }

    @Test(
        "Shell syntax is seen in checks and in notify programs",
        arguments: [
            ("/bin/ls *.conf", "*.conf"), ("/bin/echo $HOME", "$HOME"), ("/bin/ls ~/x", "~/x"),
            ("/bin/echo a > /tmp/x", ">"), ("/bin/echo a; /bin/true", "a;"),
            ("/bin/grep 'a.*b' /tmp/x", nil), ("/bin/grep foo$ /tmp/x", nil),
            ("/bin/curl http://x/*", nil), ("/bin/sh -c 'x | y > z *'", nil),
        ] as [(String, String?)]
    )
    func shellSyntax(command: String, word: String?) throws {
        var environment = machine()
        environment.programStatus = { _, _ in .found }
        for text in [
            "vrrp_script chk {\nscript \"\(command)\"\n}\n" + instance("track_script { chk }"),
            instance("notify_master \"\(command)\""),
        ] {
            let said = parse(text, environment).diagnostics.filter {
                $0.message.hasPrefix("no shell is run")
            }
            #expect(said.count == (word == nil ? 0 : 1), "\(text)")
            if let word { #expect(said.first?.message.contains("so '\(word)'") == true) }
        }
    }
}
