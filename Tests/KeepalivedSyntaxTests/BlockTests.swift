import KeepalivedSyntax
import Primitives
import Testing
import VRRP

/// Blocks beside `vrrp_instance` and `vrrp_script`.
@Suite struct BlockTests {
    private func configuration(_ text: String) throws -> KeepalivedConfiguration {
        let parsed = parse(text)
        return try #require(parsed.configuration, "\(parsed.diagnostics.map(\.description))")
    }

    static let pair = """
        vrrp_instance A {
            interface eth0
            virtual_router_id 1
            virtual_ipaddress { 192.0.2.1 }
        }
        vrrp_instance B {
            interface eth1
            virtual_router_id 2
            virtual_ipaddress { 198.51.100.1 }
            track_interface { eth2 weight 10 }
        }

        """

    @Test(
        "A sync group names its routers on one line or on many",
        arguments: [
            "vrrp_sync_group G { group { A B } }", "vrrp_sync_group G {\ngroup {\nA\nB\n}\n}",
            "vrrp_sync_group G\n{\n  group\n  {\n A\n B\n}\n}",
        ]
    )
    func syncGroup(text: String) throws {
        let groups = try configuration(Self.pair + text).groups
        #expect(groups.map(\.name) == ["G"])
        #expect(groups.first?.members == ["A", "B"])
        // keepalived ignores the group of such a file.
        #expect(
            said(Self.pair + "vrrp_sync_group G { A\nB }").contains {
                $0.contains("members stand in a 'group { … }' block")
            }
        )
    }

    @Test("Weights of single members do not count in a group; those of the group do")
    func groupTracks() throws {
        let text =
            Self.pair + checkScript
            + "\nvrrp_sync_group G {\ngroup { A B }\ntrack_script { check weight 5 }\n"
        let plain = try configuration(text + "}\n")
        #expect(
            plain.routers.map(\.tracks) == [
                [Track(subject: .script("check"), weight: 5)],
                [
                    Track(subject: .interface("eth2"), weight: 0),
                    Track(subject: .script("check"), weight: 5),
                ],
            ]
        )
        let weighted = try configuration(text + "sync_group_tracking_weight\n}\n")
        #expect(weighted.groups.first?.tracksWeights == true)
        #expect(weighted.routers.last?.tracks.first?.weight == 10)
    }

    @Test("A member that does not exist is an error, and so is a router in two groups")
    func members() {
        #expect(
            said(Self.pair + "vrrp_sync_group G { group { A C } }").contains {
                $0.contains("there is no vrrp_instance 'C'")
            }
        )
        #expect(
            said(
                Self.pair + "vrrp_sync_group G { group { A B } }\n"
                    + "vrrp_sync_group H { group { B A } }"
            ).contains { $0.contains("'B' is in the sync group 'G' already") }
        )
    }

    @Test("Groups have notify programs of their own")
    func groupNotify() throws {
        let text =
            Self.pair
            + "vrrp_sync_group G {\ngroup { A B }\nnotify_master \"/bin/notify up\" nobody\n"
            + "notify /bin/notify\n}\n"
        let programs = try #require(try configuration(text).groups.first?.notifications)
        #expect(programs.master?.arguments == ["/bin/notify", "up"])
        #expect(programs.any?.arguments == ["/bin/notify"])
        #expect(programs.master?.user == "nobody" && programs.any?.user == nil)
    }

    @Test("A tracked process is read with its match, its quorum and its delays")
    func trackedProcess() throws {
        let text = """
            vrrp_track_process p {
                process "/usr/sbin/my server" -x "a b"
                param_match initial
                weight -254 reverse
                quorum 2
                quorum_max 4
                delay 1.5
                terminate_delay 2
                full_command
            }

            """
        let configuration = try configuration(text + instance("track_process { p }"))
        let process = try #require(configuration.processes.first)
        #expect(process.program == "/usr/sbin/my server")
        #expect(process.match == .arguments(["-x", "a b"], .beginning))
        #expect(process.weight == -254 && process.reversed && process.comparesPath)
        #expect(process.quorum == 2 && process.quorumMaximum == 4)
        #expect(process.forkDelay == .milliseconds(1500) && process.terminateDelay == .seconds(2))
        #expect(!process.asksForProxyProcess)
        #expect(
            configuration.routers.first?.tracks == [
                Track(subject: .process("p"), weight: -254, reversed: true)
            ]
        )
    }

    @Test("A process named haproxy is the proxy, whose health answers")
    func proxyProcess() throws {
        let text = "vrrp_track_process p { process haproxy }\n" + instance("track_process { p }")
        let process = try #require(try configuration(text).processes.first)
        #expect(process.asksForProxyProcess && process.match == .name && process.weight == 0)
        let other = text.replacing("haproxy", with: "nginx")
        #expect(try configuration(other).processes.first?.asksForProxyProcess == false)
    }

    @Test(
        "A tracked file is read under both of its names",
        arguments: ["track_file", "vrrp_track_file"]
    )
    func trackedFile(keyword: String) throws {
        let text = "\(keyword) f {\nfile \"/run/maintenance\"\ninit_file 5 overwrite\n}\n"
        let plain = try configuration(text + instance("track_file { f weight -2 }"))
        let file = try #require(plain.files.first)
        #expect(file.path == "/run/maintenance" && file.weight == 1)
        #expect(file.initialValue == 5 && file.overwrites)
        #expect(plain.routers.first?.tracks == [Track(subject: .file("f"), weight: -2)])
        let other = try configuration(text + instance("track_file { f }"))
        #expect(other.routers.first?.tracks.first?.weight == 1)
    }

    @Test("FIFOs are read with their programs, wherever those stand")
    func fifos() throws {
        let text = """
            global_defs {
                vrrp_notify_fifo_script "/bin/notify -x" nobody
                vrrp_notify_fifo /run/a
                notify_fifo /run/b nobody root
                vrrp_notify_priority_changes true
                fifo_write_vrrp_states_on_reload
                dynamic_interfaces allow_if_changes
                vrrp_priority -10
                vrrp_rt_priority 50
                vrrp_no_swap
            }

            """
        let global = try configuration(text + instance("")).global
        #expect(global.notifyFIFOs.map(\.path) == ["/run/b", "/run/a"])
        #expect(global.notifyFIFOs.first?.user == "nobody")
        #expect(global.notifyFIFOs.first?.group == "root")
        #expect(global.notifyFIFOs.last?.script == ["/bin/notify", "-x"])
        #expect(global.notifyFIFOs.last?.scriptUser == "nobody")
        #expect(global.notifiesPriorityChanges && global.repeatsStatesOnReload)
        #expect(global.allowsMissingInterfaces && global.locksMemory)
        #expect(global.niceness == -10 && global.realTimePriority == 50)
        #expect(try configuration(instance("")).global == GlobalSettings())
    }

    @Test("Delays of interfaces are held below what makes the peer take over")
    func delays() throws {
        let text = "interface_up_down_delays {\neth0 5 1.5\neth9 0.1\n}\n" + instance("")
        let global = try configuration(text).global
        #expect(
            global.interfaceDelays == [
                "eth0": InterfaceDelays(down: .milliseconds(1980), up: .milliseconds(1500)),
                "eth9": InterfaceDelays(down: .milliseconds(100), up: .milliseconds(100)),
            ]
        )
        #expect(said(text).count == 1)
        let short = "interface_up_down_delays {\neth0 1 1.5\n}\n" + instance("")
        #expect(said(short) == [])
    }

    @Test("Deleted routers and rivals have programs too")
    func rarerPrograms() throws {
        let body = "notify_deleted\nnotify_master_rx_lower_pri \"/bin/notify rival\""
        let programs = try #require(
            try configuration(instance(body)).notifications["VI_1"]
        )
        #expect(programs.saysDeleted && programs.deleted == nil)
        #expect(programs.rivalHeard?.arguments == ["/bin/notify", "rival"])
        let own = try configuration(instance("notify_deleted /bin/notify")).notifications["VI_1"]
        #expect(own?.deleted?.arguments == ["/bin/notify"])
    }

    @Test("LVS is named once, however many servers there are")
    func virtualServers() {
        let server = "virtual_server 192.0.2.1 80 {\nlb_algo rr\nreal_server 1.2.3.4 80 {\n}\n}\n"
        let said = said(instance("") + "\n" + server + server + server)
        #expect(said.count == 1)
        #expect(said.first?.contains("k.conf:10: error: 'virtual_server'") == true)
    }
}
