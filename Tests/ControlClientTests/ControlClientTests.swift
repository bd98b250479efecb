import ControlClient
import Messages
import Primitives
import Supervision
import Testing
import VRRP

let proxyReport = ProcessReport(
    name: "proxy",
    state: .running,
    pid: 1234,
    uptimeMilliseconds: 62_000,
    restarts: 0
)
let agentReport = ProcessReport(
    name: "agent",
    state: .fatal,
    pid: 0,
    uptimeMilliseconds: 5000,
    restarts: 3,
    detail: "exit status 1"
)
let routerReport = RouterReport(
    name: "VI_1",
    state: .active,
    interface: "eth0",
    virtualRouterID: 51,
    basePriority: 101,
    priority: 103,
    addresses: ["192.168.0.100/32"],
    since: 1_795_410_603_123_000_000,
    peer: IPAddress(192, 168, 0, 192),
    peerPriority: 102,
    peerHeardMillisecondsAgo: 4100
)

@Suite struct TimeTextTests {
    @Test(
        "ISO 8601 holds at the ends of months, years and leap years",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999_000_000, "2000-02-29T23:59:59.999Z"),
            (1_709_164_800_000_000_000, "2024-02-29T00:00:00.000Z"),
            (1_735_689_599_001_000_000, "2024-12-31T23:59:59.001Z"),
            (1_795_410_603_123_000_000, "2026-11-23T05:10:03.123Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000Z"),
        ] as [(UInt64, String)]
    )
    func iso8601(nanoseconds: UInt64, text: String) {
        #expect(TimeText.iso8601(nanoseconds) == text)
    }

    @Test(
        "Uptime is Python's timedelta, as supervisorctl prints it",
        arguments: [
            (0, "0:00:00"), (62_999, "0:01:02"), (3_600_000, "1:00:00"), (86_399_000, "23:59:59"),
            (86_400_000, "1 day, 0:00:00"), (273_845_000, "3 days, 4:04:05"),
        ] as [(UInt64, String)]
    )
    func uptime(milliseconds: UInt64, text: String) {
        #expect(TimeText.uptime(milliseconds: milliseconds) == text)
    }

    @Test("The largest time is a text, not a trap")
    func largest() {
        #expect(TimeText.iso8601(.max).hasSuffix("Z"))
        #expect(TimeText.short(.max).hasSuffix("M"))
        #expect(!TimeText.uptime(milliseconds: .max).isEmpty)
    }
}

@Suite struct StatusTableTests {
    private func lines(
        _ replies: [ControlReply],
        now: UInt64 = 1_795_410_700_000_000_000
    )
        -> [String]
    {
        var answer = StatusAnswer()
        for reply in replies { answer.take(reply) }
        return StatusTable.lines(answer, now: now)
    }

    @Test("A running process is shown in supervisorctl's columns")
    func running() {
        #expect(
            lines([.process(proxyReport)])
                == ["proxy                            RUNNING   pid 1234, uptime 0:01:02"]
        )
    }

    @Test("A name longer than 30 characters moves the columns, and nothing is cut")
    func longName() {
        var long = proxyReport
        long.name = String(repeating: "x", count: 40)
        let lines = lines([.process(long), .process(proxyReport)])
        #expect(lines.map { $0.prefix(43).count } == [43, 43])
        #expect(lines.allSatisfy { $0.dropFirst(43).hasPrefix("RUNNING   pid") })
    }

    @Test(
        "Each state has supervisord's description",
        arguments: [
            (ProcessState.starting, "", "STARTING"),
            (.backoff, "", "BACKOFF   Exited too quickly (process log may have details)"),
            (.backoff, "exit status 1", "BACKOFF   exit status 1"),
            (.fatal, "", "FATAL     unknown error (try \"tail proxy\")"),
            (.stopping, "", "STOPPING"),
            (.unknown, "", "UNKNOWN"),
        ] as [(ProcessState, String, String)]
    )
    func description(state: ProcessState, detail: String, text: String) {
        let report = ProcessReport(
            name: "proxy",
            state: state,
            pid: 0,
            uptimeMilliseconds: 1000,
            restarts: 0,
            detail: detail
        )
        #expect(lines([.process(report)]) == ["proxy" + String(repeating: " ", count: 28) + text])
    }

    @Test("A stopped process says since when")
    func stopped() throws {
        let report = ProcessReport(
            name: "proxy",
            state: .stopped,
            pid: 0,
            uptimeMilliseconds: 60_000,
            restarts: 0
        )
        let line = try #require(lines([.process(report)]).first)
        let time = TimeText.short(1_795_410_640_000_000_000)
        #expect(line == "proxy                            STOPPED   \(time)")
        #expect(time.hasPrefix("Nov "))
    }

    @Test("A virtual router stands in the same columns")
    func router() throws {
        let line = try #require(lines([.router(routerReport)]).first)
        #expect(line.hasPrefix("VI_1                             MASTER    eth0 vrid 51, "))
        #expect(line.contains("priority 103 (base 101), 192.168.0.100/32, since "))
        #expect(line.hasSuffix("peer 192.168.0.192 priority 102 heard 4 s ago"))
    }

    @Test("An unknown name is supervisorctl's error line")
    func unknown() {
        let reply = ControlReply.result(name: "x", outcome: .noSuchName, text: "")
        #expect(lines([reply]) == ["x: ERROR (no such process)"])
    }
}

@Suite struct ControlExitTests {
    private func status(_ replies: [ControlReply]) -> ControlExit {
        var answer = StatusAnswer()
        for reply in replies { answer.take(reply) }
        return ControlExit.ofStatus(answer)
    }

    @Test("status: 0 if all run, 3 if one does not, 4 for an unknown name above both")
    func status() {
        let unknown = ControlReply.result(name: "x", outcome: .noSuchName, text: "")
        #expect(status([.process(proxyReport), .router(routerReport)]) == .well)
        #expect(status([.process(proxyReport), .process(agentReport)]) == .notRunning)
        #expect(status([.process(proxyReport), unknown]) == .noSuchName)
        #expect(status([.process(agentReport), unknown]) == .noSuchName)
        #expect(status([.result(name: "", outcome: .refused, text: "no")]) == .failed)
    }

    @Test(
        "A command is well only if each of its results is",
        arguments: [
            ([.done], .well), ([.done, .failed], .failed), ([.noSuchName], .failed),
            ([.refused], .failed), ([], .well),
        ] as [([ControlReply.Outcome], ControlExit)]
    )
    func command(outcomes: [ControlReply.Outcome], expected: ControlExit) {
        let results = outcomes.map { CommandResult(name: "proxy", outcome: $0, text: "") }
        #expect(ControlExit.ofCommand(results) == expected)
    }
}

@Suite struct CommandResultTests {
    @Test(
        "Each outcome has supervisorctl's line",
        arguments: [
            ("proxy", .done, "stopped", "proxy: stopped"),
            ("", .done, "Shut down", "Shut down"),
            ("proxy", .failed, "spawn error", "proxy: ERROR (spawn error)"),
            ("x", .noSuchName, "", "x: ERROR (no such process)"),
            ("", .refused, "this node is BACKUP", "error: this node is BACKUP"),
        ] as [(String, ControlReply.Outcome, String, String)]
    )
    func line(name: String, outcome: ControlReply.Outcome, text: String, line: String) {
        #expect(CommandResult(name: name, outcome: outcome, text: text).line == line)
    }
}
