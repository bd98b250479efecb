import Glibc
import LinuxIO
import Messages
import Primitives
import Supervision
import Testing
import VRRP

/// The built program against a supervisor that is played.
@Suite(.timeLimit(.minutes(2))) struct CommandLineTests {
    private func run(
        _ arguments: [String],
        _ replies: [ControlReply] = [],
        input: String = ""
    ) throws -> (run: Run, requests: [ControlRequest]) {
        let supervisor = try FakeSupervisor(.answer(replies))
        defer { supervisor.stop() }
        let run = try tandemctl(["-s", supervisor.path] + arguments, input: input)
        return (run, supervisor.requests)
    }

    @Test("status prints the table and ends with 0 when everything runs")
    func status() throws {
        let (run, requests) = try run(["status"], [.process(proxyReport), .router(routerReport)])
        #expect(requests == [.status(names: [])])
        #expect(run.status == 0)
        #expect(run.lines.count == 2)
        #expect(
            run.lines.first
                == "proxy                            RUNNING   pid 1234, uptime 0:01:02"
        )
        #expect(run.errors.isEmpty)
    }

    @Test("proxy prints its table, and JSON that is valid whatever the answer")
    func proxy() throws {
        let service = serviceReport(check: checkReport(health: 4))
        let replies: [ControlReply] = [
            .proxy(trafficProxyReport),
            .traffic(trafficReport(.frontend, "www", state: .open)),
            .traffic(trafficReport(.listener, "www", "192.0.2.100:80", state: .open)),
            .traffic(trafficReport(.backend, "www", state: .up, service: service)),
            .traffic(trafficReport(.server, "www", "s1", state: .up, service: service)),
        ]
        let (text, requests) = try run(["proxy", "www"], replies)
        #expect(requests == [.proxy(name: "www")])
        #expect(text.status == 0)
        #expect(text.lines.count == 6)
        let json = try run(["proxy", "--json"], replies).run
        #expect(json.status == 0)
        #expect(JSONCheck.isValid(json.output))
        for part in [
            "\"engine\" : \"io_uring\"", "\"limit\" : 4096", "\"frontends\"", "\"listeners\"",
            "\"backends\"", "\"servers\"", "\"status\" : \"L4OK\"",
            "\"last_session_seconds\" : 1.5",
        ] {
            #expect(json.output.contains(part), "\(part) in \(json.output)")
        }
        let unknown = ControlReply.result(
            name: "x",
            outcome: .failed,
            text: "no such proxy or server"
        )
        let missing = try run(["proxy", "x", "--json"], [.proxy(trafficProxyReport), unknown]).run
        #expect(missing.status == 1)
        #expect(JSONCheck.isValid(missing.output))
        #expect(missing.output.contains("no such proxy or server"))
        // In no order that a proxy would send.
        #expect(JSONCheck.isValid(try run(["proxy", "--json"], replies.reversed()).run.output))
        let nobody = try tandemctl(["-s", "/nonexistent/socket", "proxy", "--json"])
        #expect(nobody.status == 1)
        #expect(JSONCheck.isValid(nobody.output))
    }

    @Test("status ends with 3 when something does not run, with 4 for a name that does not exist")
    func statusCodes() throws {
        #expect(try run(["status"], [.process(agentReport)]).run.status == 3)
        let unknown = ControlReply.result(name: "x", outcome: .noSuchName, text: "")
        let (four, requests) = try run(["status", "proxy", "x"], [.process(proxyReport), unknown])
        #expect(requests == [.status(names: ["proxy", "x"])])
        #expect(four.status == 4)
        #expect(four.lines.first == "x: ERROR (no such process)")
    }

    @Test("status --json holds every field of the fixed interface")
    func statusJSON() throws {
        let (run, _) = try run(
            ["status", "--json"],
            [.process(proxyReport), .process(agentReport), .router(routerReport)]
        )
        #expect(run.status == 3)
        for part in [
            #""processes" : ["#, #""instances" : ["#, #""name" : "proxy""#, #""pid" : 1234"#,
            #""uptime_seconds" : 62"#, #""restarts" : 3"#, #""state" : "FATAL""#,
            #""virtual_router_id" : 51"#, #""base_priority" : 101"#, #""priority" : 103"#,
            #""192.168.0.100/32""#, #""since" : "2026-11-23T05:10:03.123Z""#,
            #""state" : "MASTER""#, #""interface" : "eth0""#,
        ] {
            #expect(run.output.contains(part), "\(part) in \(run.output)")
        }
        #expect(JSONCheck.isValid(run.output))
    }

    @Test("JSON is valid when there is nothing, when a text is hostile, and without a supervisor")
    func emptyJSON() throws {
        let empty = try run(["status", "--json"]).run
        #expect(JSONCheck.isValid(empty.output) && empty.status == 0)
        let why = try run(["why", "--json"]).run
        #expect(JSONCheck.isValid(why.output) && why.output.hasPrefix("["))
        var hostile = proxyReport
        hostile.detail = "\"}]\u{1}\n\\"
        #expect(JSONCheck.isValid(try run(["status", "--json"], [.process(hostile)]).run.output))
        for verb in ["status", "why"] {
            let none = try tandemctl(["-s", "/tmp/tandem-none/s.sock", verb, "--json"])
            #expect(none.status == 1)
            #expect(JSONCheck.isValid(none.output), "\(none.output)")
        }
        // The twin: the check does refuse what is no JSON.
        #expect(
            !JSONCheck.isValid("{\"a\":}") && !JSONCheck.isValid("") && !JSONCheck.isValid("[1,]")
        )
    }

    @Test(
        "Each command sends its request",
        arguments: [
            (["start", "proxy"], .start(names: ["proxy"])),
            (["stop", "all"], .stop(names: ["all"])),
            (["restart", "proxy", "agent"], .restart(names: ["proxy", "agent"])),
            (["reload"], .reload), (["failover"], .failover),
            (["tail", "proxy"], .tail(name: "proxy", bytes: 1600, follow: false)),
            (["tail", "-f", "proxy"], .tail(name: "proxy", bytes: 1600, follow: true)),
            (["pid"], .pid(name: nil)), (["pid", "proxy"], .pid(name: "proxy")),
            (["why"], .why(count: 20)), (["why", "-n", "3"], .why(count: 3)),
            (["version"], .version), (["shutdown"], .shutdown),
        ] as [([String], ControlRequest)]
    )
    func requests(arguments: [String], request: ControlRequest) throws {
        let (run, requests) = try run(arguments)
        #expect(requests == [request])
        #expect(run.status == 0, "\(run)")
    }

    @Test("A command prints a line a name and ends with 1 when one failed")
    func results() throws {
        let stopped = ControlReply.result(name: "proxy", outcome: .done, text: "stopped")
        let unknown = ControlReply.result(name: "x", outcome: .noSuchName, text: "")
        let good = try run(["stop", "proxy"], [stopped]).run
        #expect(good.output == "proxy: stopped\n" && good.status == 0)
        let bad = try run(["stop", "proxy", "x"], [stopped, unknown]).run
        #expect(bad.output == "proxy: stopped\nx: ERROR (no such process)\n" && bad.status == 1)
        let text = "this node is BACKUP, the MASTER is 192.168.0.193"
        let refused = try run(
            ["failover"],
            [.result(name: "", outcome: .refused, text: text)]
        ).run
        #expect(refused.output == "error: \(text)\n" && refused.status == 1)
    }

    @Test("tail passes bytes through unchanged")
    func tail() throws {
        let bytes = Array("one\ntwo".utf8)
        let run = try run(["tail", "proxy"], [.output(bytes), .output([10])]).run
        #expect(run.output == "one\ntwo\n" && run.status == 0)
    }

    @Test("tail -n shows the last lines, and of systemd's journal what there is")
    func tailLines() throws {
        let bytes = Array("one\ntwo\nthree\n".utf8)
        let run = try run(["tail", "-n", "2", "proxy"], [.output(bytes)]).run
        #expect(run.output == "two\nthree\n" && run.status == 0)
    }

    @Test("why shows event, decision and reason; with --json also the time and the incident")
    func why() throws {
        let entry = JournalEntry(
            wallClock: 1_795_410_603_123_000_000,
            incident: IncidentID(rawValue: 17),
            event: "proxy exited: killed by SIGKILL",
            decision: "restart",
            reason: "0 of 3 restarts in 30 s were used"
        )
        let text = try run(["why"], [.journal(entry)]).run
        #expect(
            text.lines == [
                "Nov 23 05:10:03.123  incident 17  proxy exited: killed by SIGKILL",
                "    restart: 0 of 3 restarts in 30 s were used",
            ]
        )
        let json = try run(["why", "--json"], [.journal(entry)]).run
        #expect(JSONCheck.isValid(json.output))
        for part in [
            #""time" : "2026-11-23T05:10:03.123Z""#, #""decision" : "restart""#,
            #""incident" : 17"#, #""event" : "proxy exited: killed by SIGKILL""#,
            #""reason" : "0 of 3 restarts in 30 s were used""#,
        ] {
            #expect(json.output.contains(part))
        }
    }

    @Test(
        "A wrong command line ends with 2 and says what is wrong",
        arguments: [
            ["bogus"], ["start"], ["status", "--nope"], ["tail"], ["why", "-n", "x"], ["-s"],
        ]
    )
    func usage(arguments: [String]) throws {
        let run = try tandemctl(arguments)
        #expect(run.status == 2, "\(run)")
        #expect(!run.errors.isEmpty && run.output.isEmpty)
    }

    @Test("help is no error")
    func help() throws {
        for arguments in [["help"], ["--help"], ["help", "status"], ["status", "--help"]] {
            let run = try tandemctl(arguments)
            #expect(run.status == 0 && run.output.contains("USAGE"), "\(run)")
        }
    }

    @Test("Without a supervisor every command ends with 1 and says what to do")
    func unreachable() throws {
        for verb in [["status"], ["stop", "proxy"], ["pid"], ["why"], ["reload"], ["shutdown"]] {
            let run = try tandemctl(["-s", "/tmp/tandem-none/s.sock"] + verb)
            #expect(run.status == 1)
            #expect(run.errors.hasPrefix("error: /tmp/tandem-none/s.sock no such file\n"))
            #expect(run.errors.contains("systemctl start tandem.target"))
        }
    }

    @Test("The prompt reads commands from a pipe until quit or the end, and survives wrong ones")
    func prompt() throws {
        let (run, requests) = try run(
            [],
            [.process(proxyReport)],
            input: "help\n\nbogus\npid\n  status   proxy \nquit\npid\n"
        )
        #expect(run.status == 0)
        #expect(requests == [.status(names: []), .pid(name: nil), .status(names: ["proxy"])])
        #expect(run.output.contains("tandem> "))
        #expect(run.output.contains("1234\n"))
        #expect(run.errors.contains("bogus"))
        #expect(try self.run([], input: "").run.status == 0)
    }
}
