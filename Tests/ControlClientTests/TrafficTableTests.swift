import Messages
import Testing

@testable import ControlClient

let trafficProxyReport = ProxyReport(
    engine: "io_uring",
    workers: 2,
    uptimeMilliseconds: 61_000,
    reloads: 1,
    failedReloads: 0,
    lastReload: nil,
    isDraining: false,
    connections: UsageReport(current: 12, highest: 40, limit: 4096, total: 4711),
    rate: RateReport(current: 3, highest: 25),
    bytesIn: 1536,
    bytesOut: 3 << 30
)

func trafficReport(
    _ kind: TrafficReport.Kind,
    _ proxy: String,
    _ name: String = "",
    state: TrafficReport.State,
    service: ServiceReport? = nil
) -> TrafficReport {
    TrafficReport(
        kind: kind,
        proxy: proxy,
        name: name,
        sessions: UsageReport(current: 4, highest: 9, limit: 0, total: 100),
        rate: RateReport(current: 2, highest: 5),
        connections: 101,
        connectionRate: RateReport(current: 2, highest: 6),
        queue: UsageReport(current: 1, highest: 3, limit: 0, total: 0),
        bytesIn: 10,
        bytesOut: 2048,
        counts: TrafficReport.Counts(),
        state: state,
        service: service
    )
}

func serviceReport(check: ServiceReport.Check? = nil) -> ServiceReport {
    ServiceReport(
        weight: 1,
        activeServers: 1,
        backupServers: 0,
        isBackup: false,
        stateMilliseconds: 61_000,
        downMilliseconds: 0,
        timesDown: 0,
        lastSessionMilliseconds: 1500,
        address: "192.0.2.1:80",
        tracked: "",
        check: check
    )
}

func checkReport(
    health: UInt16,
    _ result: ServiceReport.Check.Result = .passed
)
    -> ServiceReport.Check
{
    ServiceReport.Check(
        result: result,
        text: result == .connectionProblem ? "Connection refused" : "",
        durationMilliseconds: 7,
        ageMilliseconds: 900,
        health: health,
        rise: 2,
        fall: 3,
        failures: 1
    )
}

@Suite("What the proxy carries, for people")
struct TrafficTableTests {
    private static func lines(_ reports: [TrafficReport]) -> [String] {
        var answer = ProxyAnswer()
        answer.take(.proxy(trafficProxyReport))
        for report in reports { answer.take(.traffic(report)) }
        return TrafficTable.lines(answer)
    }

    @Test("The process in a line, then a table whose columns are as wide as what is in them")
    func table() {
        var down = serviceReport(check: checkReport(health: 0, .connectionProblem))
        down.timesDown = 2
        down.downMilliseconds = 3_600_000
        var frontend = trafficReport(.frontend, "www", state: .open)
        frontend.sessions.limit = 2000
        frontend.counts.deniedConnections = 5
        frontend.counts.deniedRequests = 2
        var server = trafficReport(.server, "app", "s2", state: .down, service: down)
        server.counts.retries = 3
        server.counts.redispatches = 1
        server.counts.connectionErrors = 6
        #expect(
            Self.lines([
                frontend, trafficReport(.listener, "www", "192.0.2.100:80", state: .open),
                trafficReport(.backend, "app", state: .up, service: serviceReport()),
                trafficReport(.server, "app", "s1", state: .unchecked, service: serviceReport()),
                server,
            ]) == [
                "proxy: 12 of 4096 connections (most 40), 3/s (most 25/s), 4711 in all, 1.5K in, 3.0G out, "
                    + "io_uring, 2 threads, uptime 0:01:01, reloaded 1 time",
                "",
                "NAME              STATE     SESSIONS  MOST  RATE  QUEUE  TOTAL  IN   OUT  ERRORS  DENIED  RETRIES",
                "frontend www      OPEN        4/2000     9   2/s      -    100  10  2.0K       0       7        -",
                "  192.0.2.100:80  OPEN             4     9     -      -    100  10  2.0K       0       0        -",
                "backend app       UP               4     9   2/s      1    100  10  2.0K       0       -        0  1 active",
                "  s1              no check         4     9   2/s      1    100  10  2.0K       0       -        0",
                "  s2              DOWN             4     9   2/s      1    100  10  2.0K       6       -        4  "
                    + "down for 0:01:01, L4CON: Connection refused, went down 2 times, 1:00:00 in all",
            ]
        )
    }

    @Test("A reload that was refused is told with its reason until one succeeds")
    func refusedReload() {
        var answer = ProxyAnswer()
        var report = trafficProxyReport
        report.failedReloads = 2
        report.lastReload = ReloadReport(succeeded: false, text: "busy", wallClock: 1 << 60)
        answer.take(.proxy(report))
        answer.take(.traffic(trafficReport(.frontend, "www", state: .open)))
        let lines = TrafficTable.lines(answer)
        #expect(lines[0].hasSuffix("reloaded 1 time, refused to reload 2 times"))
        #expect(lines[1].hasPrefix("the last reload was refused at Jul "))
        #expect(lines[1].hasSuffix(": busy"))
        report.lastReload = ReloadReport(succeeded: true, text: "reloaded", wallClock: 1 << 60)
        answer = ProxyAnswer()
        answer.take(.proxy(report))
        answer.take(.traffic(trafficReport(.frontend, "www", state: .open)))
        #expect(TrafficTable.lines(answer)[1] == "")
    }

    @Test(
        "The state of a server has HAProxy's words, with what is left of its health",
        arguments: [
            (.up, 4, "UP"), (.up, 3, "UP 2/3"), (.up, 2, "UP 1/3"), (.down, 1, "DOWN 1/2"),
            (.down, 0, "DOWN"), (.maintenance, 4, "MAINT"), (.unresolved, 4, "MAINT (resolution)"),
        ] as [(TrafficReport.State, UInt16, String)]
    )
    func states(state: TrafficReport.State, health: UInt16, text: String) {
        let service = serviceReport(check: checkReport(health: health))
        #expect(
            TrafficTable.state(of: trafficReport(.server, "a", "s", state: state, service: service))
                == text
        )
    }

    @Test("What is wrong stands at the end of its line, and what is well does not")
    func notes() {
        func last(_ report: TrafficReport) -> String {
            let line = Self.lines([report]).last ?? ""
            return line.split(separator: "  ").last.map(String.init) ?? ""
        }
        var service = serviceReport(check: checkReport(health: 4))
        #expect(last(trafficReport(.server, "a", "s", state: .up, service: service)) == "0")
        service.tracked = "b/t"
        #expect(
            last(trafficReport(.server, "a", "s", state: .up, service: service)) == "follows b/t"
        )
        service = serviceReport(check: checkReport(health: 3, .timedOut))
        service.weight = 0
        #expect(
            last(trafficReport(.server, "a", "s", state: .up, service: service))
                == "L4TOUT: no answer within 7 ms, weight 0: no new sessions"
        )
        var full = trafficReport(.frontend, "a", state: .open)
        full.sessions.limit = 4
        #expect(last(full) == "at its limit")
        service = serviceReport()
        service.activeServers = 0
        service.backupServers = 1
        #expect(
            last(trafficReport(.backend, "a", state: .up, service: service))
                == "0 active, 1 backup: running on backup"
        )
        #expect(
            last(trafficReport(.backend, "a", state: .down, service: service))
                == "no server is up for 0:01:01"
        )
    }

    @Test("A proxy that is full or drains says so")
    func full() {
        var report = trafficProxyReport
        report.isDraining = true
        report.connections.current = 4096
        let text = TrafficTable.summary(of: report)
        #expect(text.contains("FULL: new connections wait in the kernel"))
        #expect(text.contains("DRAINING"))
        #expect(!TrafficTable.summary(of: trafficProxyReport).contains("FULL"))
    }

    @Test("Only what failed is said where there is nothing else")
    func nothing() {
        var answer = ProxyAnswer()
        answer.take(.result(name: "x", outcome: .failed, text: "no such proxy or server"))
        answer.take(.proxy(trafficProxyReport))
        #expect(TrafficTable.lines(answer) == ["x: ERROR (no such proxy or server)"])
    }

    @Test(
        "Bytes are told with three digits or so",
        arguments: [
            (0, "0"), (1023, "1023"), (1024, "1.0K"), (1536, "1.5K"), (1_048_575, "1023.9K"),
            (1 << 20, "1.0M"), (.max, "15.9E"),
        ] as [(UInt64, String)]
    )
    func bytes(count: UInt64, text: String) {
        #expect(TrafficTable.bytes(count) == text)
    }
}
