import HAProxySyntax
import HealthChecks
import Primitives
import Testing

@testable import ProxyRuntime

/// Names and followers of servers, without a resolver.
@Suite struct ServerBoardTests {
    private static let start = Instant(nanoseconds: 1_000_000_000_000)

    private func board(_ servers: String, former: ServerBoard? = nil) throws -> ServerBoard {
        let text = """
            listen l
              bind 127.0.0.1:80
              timeout connect 5s
              timeout client 5s
              timeout server 5s
              server unused 192.0.2.99:80
            resolvers r
              hold valid 20s
            backend b
              timeout connect 5s
              timeout server 5s
            \(servers)
            """
        let parsed = HAProxyParser.parse(
            [SourceText(path: "h.cfg", text: text)],
            environment: HAProxyParsingEnvironment(environmentVariable: { _ in nil })
        )
        var configuration = try #require(parsed.configuration, "\(parsed.diagnostics)")
        configuration.proxies.removeFirst()
        var builder = PlanBuilder(logSockets: LogSockets(), workers: 1)
        let plan = builder.plan(for: configuration, maxconn: 100)
        return ServerBoard(plan: plan, former: former, at: Self.start)
    }

    private func answer(_ addresses: String...) -> Resolver.Answer {
        Resolver.Answer(name: "db.example", addresses: addresses.compactMap { IPAddress($0) })
    }

    private func addresses(_ board: ServerBoard) -> [String?] {
        board.watches.map { $0.address.map { "\($0)" } }
    }

    private func lines(_ effects: [ServerBoard.Effect]) -> [String] {
        effects.compactMap { effect in
            if case .log(_, let line) = effect { return line.text }
            return nil
        }
    }

    private func fail(_ board: inout ServerBoard, _ position: Int) -> [String] {
        _ = board.handle(.runNow, position, at: Self.start)
        let refused = CheckOutcome.Result.connectionProblem("Connection refused")
        return lines(board.answered(position, refused, at: Self.start))
    }

    private func pass(_ board: inout ServerBoard, _ position: Int, at now: Instant) -> [String] {
        _ = board.handle(.runNow, position, at: now)
        return lines(board.answered(position, .passed, at: now))
    }

    @Test("A server of weight 0 is none that is left")
    func weightZero() throws {
        var board = try board(
            """
              server a 192.0.2.1:80 check rise 1
              server z 192.0.2.2:80 weight 0
              server y 192.0.2.3:80 check weight 0
            """
        )
        #expect(!fail(&board, 2).contains { $0.contains("has no server available") })
        let said = fail(&board, 0)
        #expect(said.contains { $0.contains("0 active and 0 backup servers left.") }, "\(said)")
        #expect(said.contains("proxy b has no server available!"))
        #expect(!board.hasUsableServer(0))
        let back = pass(&board, 0, at: Self.start)
        #expect(back.contains { $0.contains("1 active and 0 backup servers online.") }, "\(back)")
    }

    @Test("A slow start goes in steps of at least a second, for the weight and for maxconn")
    func slowStart() throws {
        var board = try board(
            "  server a 192.0.2.1:80 check rise 1 weight 10 slowstart 10s maxconn 50 inter 1h"
        )
        _ = fail(&board, 0)
        _ = pass(&board, 0, at: Self.start)
        var published: [Int64] = []
        var weights: [Int] = []
        var warmths: [Int] = []
        for tick in 0..<300 as Range<Int64> {
            let now = Self.start + .milliseconds(tick * 50)
            for case .publish in board.fireDeadlines(at: now) {
                published.append(tick * 50)
                weights.append(board.status(0, at: now).weight)
                warmths.append(board.status(0, at: now).warmth)
            }
        }
        #expect(published == (1...10).map { Int64($0) * 1000 })
        #expect(weights == [20, 40, 50, 70, 90, 100, 120, 130, 150, 160])
        #expect(warmths == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
        #expect(board.nextDeadline.map { $0 > Self.start + .seconds(100) } == true)
        let server = try #require(board.plan.backends.first?.servers.first)
        var status = board.status(0, at: Self.start)
        for (warmth, limit) in [(0, 1), (10, 5), (50, 25), (100, 50)] {
            status.warmth = warmth
            let live = LiveServer(server, status, tally: Tally())
            #expect(live.limit(backendConnections: 0, fullconn: 10) == limit)
        }
    }

    @Test("A slow start leaves the map of 'balance source' alone")
    func slowStartOfMap() throws {
        for (lines, ramps) in [
            ("balance source", false), ("balance static-rr", false), ("balance roundrobin", true),
            ("balance source\n hash-type consistent", true), ("balance leastconn", true),
        ] {
            var board = try board(
                "  \(lines)\n  server a 192.0.2.1:80 check rise 1 weight 10 slowstart 10s"
            )
            _ = fail(&board, 0)
            _ = pass(&board, 0, at: Self.start)
            #expect((board.status(0, at: Self.start).weight < 160) == ramps, "\(lines)")
        }
    }

    @Test("Health goes over to the next configuration, unless the address or the port changed")
    func carriedHealth() throws {
        var former = try board("  server a 192.0.2.1:80 check")
        _ = fail(&former, 0)
        #expect(try board("  server a 192.0.2.1:80 check fall 7", former: former).usableCount == 0)
        for line in ["192.0.2.2:80 check", "192.0.2.1:81 check", "192.0.2.1:80 check port 9"] {
            let next = try board("  server a \(line)", former: former)
            #expect(next.usableCount == 1, "\(line)")
        }
    }

    @Test("A server whose name resolves again starts slowly and takes over from the backups")
    func resolvedAgain() throws {
        var board = try board(
            "  server a db.example:80 weight 10 slowstart 10s on-marked-up shutdown-backup-sessions"
        )
        // Not at the start.
        _ = board.resolved(answer("192.0.2.1"), at: Self.start)
        #expect(board.status(0, at: Self.start).weight == 160)
        board = try self.board(
            "  server a db.example:80 weight 10 slowstart 10s on-marked-up shutdown-backup-sessions"
        )
        _ = board.resolved(answer(), at: Self.start)
        let effects = board.resolved(answer("192.0.2.1"), at: Self.start)
        #expect(board.status(0, at: Self.start).weight == 10)
        #expect(effects.contains { if case .breakBackupSessions = $0 { true } else { false } })
    }

    @Test("What became of a server reaches sessions of the plan before, by its name")
    func newsForFormerPlans() throws {
        let now = try board("  server x 192.0.2.9:80\n  server a 192.0.2.1:80 weight 3").plan
        let before = try board("  server a 192.0.2.1:80 weight 7 slowstart 5s").plan
        let elsewhere = try board("  server a 192.0.2.1:81").plan
        let news = ServerNews(
            plan: now,
            backend: 0,
            server: 1,
            status: ServerStatus(isUsable: false, weight: 3, address: IPAddress("192.0.2.1"))
        )
        #expect(news.status(in: now)?.server == 1)
        let found = try #require(news.status(in: before))
        #expect(found.server == 0)
        #expect(found.status.weight == 7 * 16)
        #expect(!found.status.isUsable)
        #expect(news.status(in: elsewhere) == nil)
    }

    @Test("Servers of a template have an address each, and those without one are down")
    func template() throws {
        var board = try board("server-template s 1-3 db.example:80")
        #expect(board.watches.map(\.fullName) == ["b/s1", "b/s2", "b/s3"])
        _ = board.resolved(answer("192.0.2.1", "192.0.2.2"), at: Self.start)
        #expect(addresses(board) == ["192.0.2.1", "192.0.2.2", nil])
        #expect(board.watches.map(\.isUsable) == [true, true, false])
        // Each keeps its own, whatever order the answer has; one that has gone is replaced.
        _ = board.resolved(answer("192.0.2.3", "192.0.2.2"), at: Self.start)
        #expect(addresses(board) == ["192.0.2.3", "192.0.2.2", nil])
        let effects = board.resolved(answer("192.0.2.2"), at: Self.start)
        #expect(addresses(board) == [nil, "192.0.2.2", nil])
        #expect(
            lines(effects).contains { $0.contains("Server b/s1 is going DOWN for maintenance") }
        )
        _ = board.resolved(answer("192.0.2.4", "192.0.2.2", "192.0.2.5"), at: Self.start)
        #expect(addresses(board) == ["192.0.2.4", "192.0.2.2", "192.0.2.5"])
        // A name server that is away is no reason to lose them.
        _ = board.resolved(answer(), at: Self.start)
        #expect(addresses(board) == ["192.0.2.4", "192.0.2.2", "192.0.2.5"])
    }

    @Test("Servers of one name that are no template share its first address")
    func plain() throws {
        var board = try board("server a db.example:80\nserver b db.example:81")
        _ = board.resolved(answer("192.0.2.1", "192.0.2.2"), at: Self.start)
        #expect(addresses(board) == ["192.0.2.1", "192.0.2.1"])
    }

    @Test("init-addr holds until the name resolves, and resolve-prefer chooses the family")
    func options() throws {
        var board = try board(
            """
            server a db.example:80 init-addr last,libc,192.0.2.77 resolve-prefer ipv6
            server b db.example:80 init-addr none resolve-prefer ipv4 resolvers r
            """
        )
        #expect(addresses(board) == ["192.0.2.77", nil])
        _ = board.resolved(answer("2001:db8::1", "192.0.2.1"), at: Self.start)
        #expect(addresses(board) == ["2001:db8::1", "192.0.2.1"])
        // With 'resolvers', its name is looked up again while it is up.
        #expect(board.nextDeadline == Self.start + .seconds(20))
        let asks = board.fireDeadlines(at: Self.start + .seconds(20)).contains { effect in
            if case .resolve("db.example") = effect { return true }
            return false
        }
        #expect(asks)
    }

    @Test(
        "A server that tracks goes down and comes up with the one that is checked, through a chain"
    )
    func tracking() throws {
        var board = try board(
            """
            server a 192.0.2.1:80 check fall 1 rise 1
            server x 192.0.2.2:80 track b/a
            server y 192.0.2.3:80 track x on-marked-down shutdown-sessions
            """
        )
        #expect(board.watches.map(\.isUsable) == [true, true, true])
        _ = board.fireDeadlines(at: Self.start)
        let down = board.answered(0, .connectionProblem("Connection refused"), at: Self.start)
        #expect(board.watches.map(\.isUsable) == [false, false, false])
        #expect(lines(down).contains { $0.hasPrefix("Server b/x is DOWN via b/a. ") })
        #expect(lines(down).contains { $0.hasPrefix("Server b/y is DOWN via b/x. ") })
        let breaks = down.contains { effect in
            if case .breakSessions(2) = effect { return true }
            return false
        }
        #expect(breaks)
        // A reload keeps it so.
        let reloaded = try self.board(
            """
            server a 192.0.2.1:80 check fall 1 rise 1
            server x 192.0.2.2:80 track b/a
            """,
            former: board
        )
        #expect(reloaded.watches.map(\.isUsable) == [false, false])
        let later = Self.start + .seconds(10)
        _ = board.fireDeadlines(at: later)
        let up = board.answered(0, .passed, at: later)
        #expect(board.watches.map(\.isUsable) == [true, true, true])
        #expect(lines(up).contains { $0.hasPrefix("Server b/y is UP via b/x. ") })
    }

    @Test(
        "Failures of real connections take a server down as on-error says",
        arguments: [
            ("mark-down", 1), ("sudden-death", 2), ("fail-check", 3), ("fastinter", nil),
        ] as [(String, Int?)]
    )
    func observed(action: String, needed: Int?) throws {
        var board = try board(
            "server a 192.0.2.1:80 check observe layer4 error-limit 4 on-error \(action) fastinter 500ms"
        )
        _ = board.fireDeadlines(at: Self.start)
        _ = board.answered(0, .passed, at: Self.start)
        let server = board.watches[0].server
        let live = LiveServer(
            server,
            ServerStatus(isUsable: true, weight: 1, address: nil),
            tally: Tally()
        )
        for round in 1...4 {
            for _ in 0..<3 { live.observe(connected: false) }
            live.observe(connected: true)
            // Three in a row are not four.
            #expect(lines(board.heedErrors(at: Self.start)).isEmpty)
            for _ in 0..<4 { live.observe(connected: false) }
            let effects = board.heedErrors(at: Self.start)
            let down = lines(effects).first { $0.contains(" is DOWN") }
            #expect((down != nil) == (round == needed))
            if let down {
                #expect(
                    down.hasPrefix(
                        "Server b/a is DOWN, reason: Health analyze, info: \"Detected 4 consecutive "
                            + "errors, last one was: L4 unsuccessful connection\". 0 active"
                    )
                )
                break
            }
        }
        #expect(board.watches[0].isUsable == (needed == nil))
        #expect(board.nextDeadline == Self.start + .milliseconds(500))
    }

    @Test(
        "init-state decides how many checks it takes to be up or down first",
        arguments: [
            ("fully-up", true, [false, false, false], [true, true, false]),
            ("up", true, [false], [false]),
            ("down", false, [true], [true]),
            ("fully-down", false, [true, true], [false, true]),
        ]
    )
    func initialState(state: String, isUp: Bool, answers: [Bool], expected: [Bool]) throws {
        var board = try board("server a 192.0.2.1:80 check init-state \(state)")
        #expect(board.watches[0].isUsable == isUp)
        var now = Self.start
        for (passes, result) in zip(answers, expected) {
            _ = board.fireDeadlines(at: now)
            _ = board.answered(0, passes ? .passed : .connectionProblem("refused"), at: now)
            #expect(board.watches[0].isUsable == result)
            now = now + .seconds(10)
        }
    }
}
