import Primitives
import Supervision
import Testing
import VRRP

/// One row of the decision table, for one of its two columns.
struct TableRow: Sendable, CustomTestStringConvertible {
    let event: String
    let role: Bench.Role
    var settings = SupervisionSettings()
    let happens: @Sendable (inout Bench) -> Void
    /// Without leases and journal, in order.
    let actions: [Verdict]
    let decisions: [String]
    let standing: Standing

    var testDescription: String { "\(event), \(role.rawValue)" }

    /// The same event in both columns.
    static func both(
        _ event: String,
        settings: SupervisionSettings = SupervisionSettings(),
        _ happens: @escaping @Sendable (inout Bench) -> Void,
        master: ([Verdict], [String], Standing),
        backup: ([Verdict], [String], Standing)
    ) -> [TableRow] {
        [(Bench.Role.master, master), (.backup, backup)].map { role, expected in
            TableRow(
                event: event,
                role: role,
                settings: settings,
                happens: happens,
                actions: expected.0,
                decisions: expected.1,
                standing: expected.2
            )
        }
    }
}

@Suite("The decision table")
struct DecisionTableTests {
    private static let degrade: SupervisionSettings = {
        var settings = SupervisionSettings()
        settings.degradesWithoutServers = true
        return settings
    }()

    static let crashes =
        TableRow.both(
            "proxy killed, restarts left",
            { $0.kill(.proxy) },
            master: ([.start(.proxy)], ["restart and keep the VIP"], .full),
            backup: ([.start(.proxy)], ["restart"], .full)
        )
        + TableRow.both(
            "proxy killed and ready again within restart_grace",
            { bench in
                bench.kill(.proxy)
                bench.pass(.milliseconds(20))
                bench.becomeReady(.proxy)
                bench.pass(.seconds(5))
            },
            master: ([.start(.proxy)], ["restart and keep the VIP", "keep the VIP"], .full),
            backup: ([.start(.proxy)], ["restart", "full standing"], .full)
        )
        + TableRow.both(
            "proxy killed and not ready within restart_grace",
            { bench in
                bench.kill(.proxy)
                bench.pass(.seconds(1))
            },
            master: (
                [.start(.proxy), .stepDown(.proxyNotRestarted, hold: nil)],
                ["restart and keep the VIP", "step down", "last resort"], .lastResort
            ),
            backup: ([.start(.proxy)], ["restart", "last resort"], .lastResort)
        )
        + TableRow.both(
            "proxy hung",
            { $0.pass(.seconds(1), beating: false) },
            master: (
                [.stepDown(.proxyHung, hold: nil), .kill(.proxy)],
                ["step down", "kill and restart"], .lastResort
            ),
            backup: ([.kill(.proxy)], ["kill and restart"], .lastResort)
        )
        + TableRow.both(
            "proxy hung, dead and ready again",
            { bench in
                bench.pass(.seconds(1), beating: false)
                bench.tell(.router(name: "VI_1", state: .backup))
                bench.kill(.proxy)
                bench.becomeReady(.proxy)
            },
            master: (
                [.stepDown(.proxyHung, hold: nil), .kill(.proxy), .start(.proxy)],
                ["step down", "kill and restart", "restart", "full standing"], .full
            ),
            backup: (
                [.kill(.proxy), .start(.proxy)], ["kill and restart", "restart", "full standing"],
                .full
            )
        )
        + TableRow.both(
            "proxy not restartable: FATAL",
            { bench in
                for _ in 0..<4 {
                    bench.kill(.proxy)
                    bench.pass(.milliseconds(200))
                }
            },
            master: (
                [
                    .start(.proxy), .start(.proxy), .start(.proxy),
                    .stepDown(.proxyFatal, hold: nil),
                ],
                [
                    "restart and keep the VIP", "restart and keep the VIP",
                    "restart and keep the VIP", "FATAL", "step down",
                ], .lastResort
            ),
            backup: (
                [.start(.proxy), .start(.proxy), .start(.proxy)],
                ["restart", "restart", "restart", "FATAL"], .lastResort
            )
        )

    static let servers =
        TableRow.both(
            "all servers down, on_no_servers ignore",
            { $0.tell(.servers(Bench.census(usable: 0))) },
            master: ([], ["none"], .full),
            backup: ([], ["none"], .full)
        )
        + TableRow.both(
            "all servers down, on_no_servers degrade",
            settings: degrade,
            { $0.tell(.servers(Bench.census(usable: 0))) },
            master: (
                [.stepDown(.noServers, hold: nil)], ["last resort", "step down"], .lastResort
            ),
            backup: ([], ["last resort"], .lastResort)
        )
        + TableRow.both(
            "all servers down and one back, on_no_servers degrade",
            settings: degrade,
            { bench in
                bench.tell(.servers(Bench.census(usable: 0)))
                bench.tell(.servers(Bench.census(usable: 1)))
            },
            master: (
                [.stepDown(.noServers, hold: nil)],
                ["last resort", "step down", "full standing"], .full
            ),
            backup: ([], ["last resort", "full standing"], .full)
        )
        + TableRow.both(
            "one server left, on_no_servers degrade",
            settings: degrade,
            { $0.tell(.servers(Bench.census(usable: 1))) },
            master: ([], [], .full),
            backup: ([], [], .full)
        )

    static let requests =
        TableRow.both(
            "operator: stop proxy",
            { bench in
                bench.tell(.request(.stop(.proxy)))
                bench.passRequestGrace()
            },
            master: (
                [Bench.pause, .stepDown(.proxyStopped, hold: nil)], ["step down"], .lastResort
            ),
            backup: ([.stop(.proxy)], ["stop"], .lastResort)
        )
        + TableRow.both(
            "operator: stop proxy, the agent says BACKUP, the proxy ends",
            { bench in
                bench.tell(.request(.stop(.proxy)))
                bench.passRequestGrace()
                bench.tell(.router(name: "VI_1", state: .backup))
                bench.tell(.exited(.proxy, cause: "exit status 0"))
                bench.pass(.seconds(60))
            },
            master: (
                [Bench.pause, .stepDown(.proxyStopped, hold: nil), .stop(.proxy)],
                ["step down", "none"], .lastResort
            ),
            backup: ([.stop(.proxy)], ["stop", "none"], .lastResort)
        )
        + TableRow.both(
            "operator: failover",
            { bench in
                bench.tell(.request(.failover))
                bench.passRequestGrace()
            },
            master: (
                [Bench.pause, .stepDown(.operatorRequest, hold: .seconds(5))], ["step down"], .full
            ),
            backup: ([], [], .full)
        )

    static let supervisor =
        TableRow.both(
            "supervisor gone and back: it finds both running",
            { bench in
                let role = bench.engine.isMaster ? VisibleState.active : .backup
                let now = bench.now
                bench = Bench()
                bench.now = now
                bench.tell(.found(.agent, pid: 11))
                bench.tell(.found(.proxy, pid: 12))
                bench.tell(.agentConnected)
                bench.tell(.router(name: "VI_1", state: role))
                bench.pass(.seconds(3))
            },
            master: ([], ["carry on", "carry on"], .full),
            backup: ([], ["carry on", "carry on"], .full)
        )

    @Test("Every row is decided as the design says", arguments: crashes + servers)
    func decidesFaults(row: TableRow) {
        check(row)
    }

    @Test("Every request and restart is decided so too", arguments: requests + supervisor)
    func decidesRequests(row: TableRow) {
        check(row)
    }

    private func check(_ row: TableRow) {
        var bench = Bench.node(row.role, row.settings)
        #expect(bench.engine.isMaster == (row.role == .master))
        #expect(bench.engine.standing == .full)
        row.happens(&bench)
        #expect(bench.actions == row.actions)
        #expect(bench.decisions == row.decisions)
        #expect(bench.engine.standing == row.standing)
    }

    @Test(
        "A node that takes the VIP does as on_takeover says",
        arguments: [
            (SupervisionSettings.Takeover.refresh, Verdict.refreshProxy, "refresh"),
            (.reload, .reload(.proxy), "reload the proxy"),
            (.restart, .stop(.proxy), "restart the proxy"),
        ]
    )
    func takeover(setting: SupervisionSettings.Takeover, action: Verdict, decision: String) {
        var settings = SupervisionSettings()
        settings.onTakeover = setting
        var bench = Bench.node(.backup, settings)
        bench.tell(.router(name: "VI_1", state: .active))
        #expect(bench.actions == [action])
        #expect(bench.decisions == [decision])
        // Said again, it is news no more.
        bench.forget()
        bench.tell(.router(name: "VI_1", state: .active))
        #expect(bench.actions == [])
    }

    @Test("A node that takes the VIP starts a proxy that an operator had stopped as BACKUP")
    func takeoverStartsStopped() {
        var bench = Bench.node(.backup)
        bench.tell(.request(.stop(.proxy)))
        bench.tell(.exited(.proxy, cause: "exit status 0"))
        #expect(bench.state(.proxy) == .stopped)
        bench.forget()
        bench.tell(.router(name: "VI_1", state: .active))
        #expect(bench.actions == [.start(.proxy)])
        #expect(bench.decisions == ["start the proxy"])
    }

    @Test("A node that takes the VIP starts a FATAL proxy at once, with a fresh budget")
    func takeoverStartsFatal() {
        var bench = Bench.node(.backup)
        for _ in 0..<4 {
            bench.kill(.proxy)
            bench.pass(.milliseconds(200))
        }
        #expect(bench.state(.proxy) == .fatal)
        bench.forget()
        bench.tell(.router(name: "VI_1", state: .active))
        #expect(bench.actions == [.start(.proxy)])
        // Fresh: three more deaths are restarts, the fourth is FATAL.
        bench.forget()
        for _ in 0..<3 {
            bench.kill(.proxy)
            bench.pass(.milliseconds(200))
        }
        #expect(bench.actions == [.start(.proxy), .start(.proxy), .start(.proxy)])
        bench.kill(.proxy)
        #expect(bench.state(.proxy) == .fatal)
    }

    @Test("The proxy that was stopped on a MASTER stays stopped if the VIP comes back unwanted")
    func stoppedStaysStopped() {
        var bench = Bench.node(.master)
        bench.tell(.request(.stop(.proxy)))
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.tell(.exited(.proxy, cause: "exit status 0"))
        bench.forget()
        bench.tell(.router(name: "VI_1", state: .active))
        #expect(bench.actions == [])
        #expect(bench.decisions == ["leave the proxy stopped"])
        // A peer was heard, and lost: now it is wanted.
        bench.tell(.router(name: "VI_1", state: .backup))
        bench.tell(.peerHeard(priority: 101))
        bench.forget()
        bench.tell(.router(name: "VI_1", state: .active))
        #expect(bench.actions == [.start(.proxy)])
    }
}
