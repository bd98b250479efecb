import Testing

@testable import Messages

/// Reports of the proxy, and the bytes that they have in every message that holds one.
enum TrafficSamples {
    static let proxy = ProxyReport(
        engine: "io_uring",
        workers: 2,
        uptimeMilliseconds: 61_000,
        reloads: 1,
        failedReloads: 2,
        lastReload: ReloadReport(succeeded: false, text: "busy", wallClock: 1 << 60),
        isDraining: false,
        connections: UsageReport(current: 3, highest: 40, limit: 4096, total: 65_536),
        rate: RateReport(current: 5, highest: 50),
        bytesIn: 1000,
        bytesOut: 1 << 40
    )

    static let proxyBytes = """
        0800696f5f7572696e67 | "io_uring"
        0200 | 2 event loops
        48ee000000000000 | up for 61 s
        01000000 | reloaded once
        00 | takes connections
        03000000 | 3 connections now
        28000000 | 40 at most
        00100000 | of 4,096
        0000010000000000 | 65,536 in all
        05000000 | 5 a second
        32000000 | 50 at most
        e803000000000000 | 1,000 bytes in
        0000000000010000 | 1 TiB out
        02000000 | refused twice
        01 | there was a last one
        00 | it failed
        040062757379 | "busy"
        0000000000000010 | at 2^60 ns
        """

    static let server: TrafficReport = {
        var counts = TrafficReport.Counts()
        counts.deniedConnections = 13
        counts.deniedSessions = 14
        counts.deniedRequests = 15
        counts.requestErrors = 16
        counts.connectionErrors = 17
        counts.responseErrors = 18
        counts.retries = 19
        counts.redispatches = 20
        counts.clientAborts = 21
        counts.serverAborts = 22
        counts.chosen = 23
        return TrafficReport(
            kind: .server,
            proxy: "app",
            name: "s1",
            sessions: UsageReport(current: 1, highest: 2, limit: 3, total: 4),
            rate: RateReport(current: 5, highest: 6),
            connections: 7,
            connectionRate: RateReport(),
            queue: UsageReport(current: 8, highest: 9, limit: 10, total: 0),
            bytesIn: 11,
            bytesOut: 12,
            counts: counts,
            state: .down,
            service: ServiceReport(
                weight: 100,
                activeServers: 0,
                backupServers: 0,
                isBackup: true,
                stateMilliseconds: 24,
                downMilliseconds: 25,
                timesDown: 26,
                lastSessionMilliseconds: 27,
                address: "192.0.2.1:80",
                tracked: "b/t",
                check: ServiceReport.Check(
                    result: .connectionProblem,
                    text: "refused",
                    durationMilliseconds: 28,
                    ageMilliseconds: 29,
                    health: 1,
                    rise: 2,
                    fall: 3,
                    failures: 30
                )
            )
        )
    }()

    static let serverBytes = """
        02 | kind: server
        0300617070 | "app"
        02007331 | "s1"
        01000000 | sessions: 1 now
        02000000 | 2 at most
        03000000 | limit 3
        0400000000000000 | 4 in all
        05000000 | 5 sessions a second
        06000000 | 6 at most
        0700000000000000 | 7 attempts to connect
        00000000 | no rate of connections
        00000000 | none at most
        08000000 | queue: 8 now
        09000000 | 9 at most
        0a000000 | limit 10
        0000000000000000 | 0 in all
        0b00000000000000 | 11 bytes in
        0c00000000000000 | 12 bytes out
        0d00000000000000 | 13 denied connections
        0e00000000000000 | 14 denied sessions
        0f00000000000000 | 15 denied requests
        1000000000000000 | 16 request errors
        1100000000000000 | 17 connection errors
        1200000000000000 | 18 response errors
        1300000000000000 | 19 retries
        1400000000000000 | 20 redispatches
        1500000000000000 | 21 clients aborted
        1600000000000000 | 22 servers aborted
        1700000000000000 | 23 chosen
        03 | state: down
        01 | a service
        64000000 | weight 100
        0000 | no active server
        0000 | no backup server
        01 | is backup
        1800000000000000 | down for 24 ms
        1900000000000000 | 25 ms in all
        1a000000 | 26 times
        01 | has had a session
        1b00000000000000 | 27 ms ago
        0c003139322e302e322e313a3830 | "192.0.2.1:80"
        0300622f74 | follows "b/t"
        01 | is checked
        02 | L4CON
        070072656675736564 | "refused"
        1c000000 | took 28 ms
        1d00000000000000 | 29 ms ago
        0100 | health 1
        0200 | rise 2
        0300 | fall 3
        1e00000000000000 | 30 failures
        """

    static let frontend = TrafficReport(
        kind: .frontend,
        proxy: "www",
        name: "",
        sessions: UsageReport(current: 0, highest: 0, limit: 0, total: 0),
        rate: RateReport(),
        connections: 0,
        connectionRate: RateReport(),
        queue: UsageReport(current: 0, highest: 0, limit: 0, total: 0),
        bytesIn: 0,
        bytesOut: 0,
        counts: TrafficReport.Counts(),
        state: .open,
        service: nil
    )

    static let frontendBytes = """
        00 | kind: frontend
        0300777777 | "www"
        0000 | no name
        00000000 | sessions: 0 now
        00000000 | 0 at most
        00000000 | limit 0
        0000000000000000 | 0 in all
        00000000 | no rate
        00000000 | none at most
        0000000000000000 | no connection
        00000000 | no rate of connections
        00000000 | none at most
        00000000 | queue: 0 now
        00000000 | 0 at most
        00000000 | limit 0
        0000000000000000 | 0 in all
        0000000000000000 | no byte in
        0000000000000000 | none out
        0000000000000000 | denied connections
        0000000000000000 | denied sessions
        0000000000000000 | denied requests
        0000000000000000 | request errors
        0000000000000000 | connection errors
        0000000000000000 | response errors
        0000000000000000 | retries
        0000000000000000 | redispatches
        0000000000000000 | clients aborted
        0000000000000000 | servers aborted
        0000000000000000 | chosen
        00 | state: open
        00 | no service
        """
}

@Suite("Reports of the proxy")
struct TrafficReportTests {
    @Test("The largest there can be fits into one frame, and long names are cut")
    func largest() throws {
        let text = String(repeating: "\u{e4}", count: 3000)
        var report = TrafficSamples.server
        report.proxy = text
        report.name = text
        report.service?.address = text
        report.service?.tracked = text
        report.service?.check?.text = text
        let bytes = Frame<ControlReply>(sequence: 1, message: .traffic(report)).encode()
        #expect(bytes.count <= FrameFormat.maximumSize)
        guard case .frame(let read) = try Frame<ControlReply>.decode(bytes[...]),
            case .traffic(let kept) = read.message
        else {
            Issue.record("no report came back")
            return
        }
        #expect(kept.proxy.utf8.count == 256)
        #expect(kept.service?.check == nil || kept.service?.check?.text.utf8.count == 128)
    }
}
