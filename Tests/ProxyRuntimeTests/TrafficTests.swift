import CLinux
import Glibc
import Links
import LinuxIO
import Messages
import Primitives
import Testing

/// All that the proxy tells of itself.
struct Traffic {
    var proxy: ProxyReport?
    var rows: [TrafficReport] = []
    var found = false
    /// Requests that it took.
    var pages = 0

    subscript(kind: TrafficReport.Kind, proxy: String, name: String = "") -> TrafficReport? {
        rows.first { $0.kind == kind && $0.proxy == proxy && $0.name.hasPrefix(name) }
    }
}

extension ProxyLab {
    func traffic(_ name: String? = nil) throws -> Traffic {
        let socket = try connectControl()
        var link = FrameLink<ProxyToSupervisor, SupervisorToProxy>(
            socket: socket,
            peer: PeerCredentials(pid: 0, uid: 0, gid: 0)
        )
        link.send(.hello(Hello(role: .supervisor, pid: UInt32(getpid()), build: "test")))
        var traffic = Traffic()
        var next: UInt32 = 0
        let end = Clock.now + .seconds(10)
        repeat {
            link.send(.describe(request: 42, name: name, from: next))
            traffic.pages += 1
            var isAnswered = false
            while !isAnswered {
                guard Clock.now < end else { throw LabError("the proxy tells nothing of itself") }
                guard case .frame(let frame) = link.receive() else {
                    usleep(1000)
                    continue
                }
                switch frame.message {
                case .proxy(42, let report): traffic.proxy = report
                case .traffic(42, let report): traffic.rows.append(report)
                case .described(42, let from, let found):
                    (next, traffic.found, isAnswered) = (from, found, true)
                default: break
                }
            }
        } while next > 0
        return traffic
    }

    /// Asks until it is so; what it was in the end.
    func traffic(until isSo: (Traffic) -> Bool) throws -> Traffic {
        var traffic = try traffic()
        for _ in 0..<300 where !isSo(traffic) {
            usleep(10_000)
            traffic = try self.traffic()
        }
        return traffic
    }
}

/// Known traffic, and the numbers that HAProxy 2.6 shows for the same.
@Suite(.serialized, .timeLimit(.minutes(1))) struct TrafficTests {
    private static func exchange(
        _ port: UInt16,
        _ count: Int = 5,
        from source: UInt32? = nil
    ) throws {
        let client = try Client(port: port, from: source)
        client.send([UInt8](repeating: 1, count: count))
        client.finishSending()
        _ = client.receiveAll()
        client.close()
    }

    @Test(
        "Sessions and bytes are counted exactly by any number of threads, whatever the engine",
        arguments: [1, 3],
        ["epoll", "io_uring"]
    )
    func exact(threads: Int, engine: String) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            lab.write(
                ProxyLab.defaults.replacing(
                    "maxconn 5000",
                    with: "maxconn 500\n  nbthread \(threads)\n  tune.engine \(engine)"
                )
                    + """
                    frontend www
                      bind 127.0.0.1:7001
                      bind 127.0.0.1:7002
                      default_backend app
                    backend app
                      server s1 127.0.0.1:7101
                      server s2 127.0.0.1:7101

                    """
            )
            try lab.restart()
            try lab.waitForListener(7002)
            for number in 0..<60 { try Self.exchange(number % 3 == 0 ? 7002 : 7001, 100) }
            let held = try (0..<4).map { _ in try Client(port: 7001) }
            for client in held { client.send([1, 2, 3]) }
            var traffic = try lab.traffic { $0[.backend, "app"]?.sessions.current == 4 }
            #expect(traffic.proxy?.workers == UInt16(threads))
            #expect(traffic.proxy?.engine == engine)
            #expect(traffic.proxy?.connections.current == 4)
            for client in held {
                client.finishSending()
                _ = client.receiveAll()
                client.close()
            }
            traffic = try lab.traffic { $0.proxy?.connections.current == 0 }
            let proxy = try #require(traffic.proxy)
            #expect(proxy.connections == UsageReport(current: 0, highest: 4, limit: 500, total: 64))
            #expect((proxy.bytesIn, proxy.bytesOut) == (6012, 6012))
            #expect((1...64).contains(proxy.rate.highest))
            let frontend = try #require(traffic[.frontend, "www"])
            #expect(frontend.sessions == UsageReport(current: 0, highest: 4, limit: 500, total: 64))
            #expect(frontend.connections == 64)
            #expect((frontend.bytesIn, frontend.bytesOut) == (6012, 6012))
            #expect(frontend.state == .open)
            #expect(traffic[.listener, "www", "127.0.0.1:7001"]?.sessions.total == 44)
            #expect(traffic[.listener, "www", "127.0.0.1:7001"]?.bytesIn == 4012)
            #expect(traffic[.listener, "www", "127.0.0.1:7002"]?.sessions.total == 20)
            let backend = try #require(traffic[.backend, "app"])
            #expect(
                (backend.sessions.total, backend.connections, backend.counts.chosen) == (64, 64, 64)
            )
            #expect((backend.bytesIn, backend.bytesOut) == (6012, 6012))
            #expect(backend.service?.activeServers == 2)
            #expect(backend.service?.weight == 2)
            let servers = [traffic[.server, "app", "s1"], traffic[.server, "app", "s2"]]
            #expect(servers.compactMap { $0?.sessions.total }.reduce(0, +) == 64)
            #expect(servers.compactMap { $0?.bytesOut }.reduce(0, +) == 6012)
            #expect(servers.allSatisfy { $0?.service?.lastSessionMilliseconds ?? .max < 30_000 })
        }
    }

    @Test("Retries, redispatches and connections that fail count where HAProxy counts them")
    func failures() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(
                """
                listen refused
                  bind 127.0.0.1:7002
                  timeout connect 100ms
                  server r1 127.0.0.1:7999
                listen moved
                  bind 127.0.0.1:7003
                  server s1 127.0.0.1:7998
                  server s2 127.0.0.1:7101
                listen none
                  bind 127.0.0.1:7004
                  server s1 127.0.0.1:7101 disabled
                """
            )
            try lab.waitForListener(7004)
            for port in [7002, 7003, 7003, 7004] as [UInt16] { try Self.exchange(port) }
            let traffic = try lab.traffic { $0.proxy?.connections.current == 0 }
            let refused = try #require(traffic[.server, "refused"])
            #expect(
                (refused.sessions.total, refused.connections, refused.counts.chosen) == (4, 4, 1)
            )
            #expect((refused.counts.retries, refused.counts.connectionErrors) == (3, 1))
            #expect(refused.bytesIn == 5)
            #expect(traffic[.backend, "refused"]?.sessions.total == 1)
            #expect(traffic[.backend, "refused"]?.counts == refused.counts)
            let first = try #require(traffic[.server, "moved", "s1"])
            #expect((first.sessions.total, first.counts.redispatches, first.bytesIn) == (2, 2, 0))
            #expect(first.counts.connectionErrors == 0)
            let second = try #require(traffic[.server, "moved", "s2"])
            #expect((second.sessions.total, second.bytesIn, second.bytesOut) == (2, 10, 10))
            let moved = try #require(traffic[.backend, "moved"])
            #expect(
                (moved.sessions.total, moved.counts.redispatches, moved.counts.chosen) == (2, 2, 4)
            )
            let none = try #require(traffic[.backend, "none"])
            #expect((none.sessions.total, none.counts.connectionErrors) == (1, 1))
            // Whether they had come when it ended is a matter of luck.
            #expect([0, 5].contains(none.bytesIn))
            #expect(none.state == .down)
            #expect(traffic[.server, "none"]?.state == .maintenance)
            #expect(traffic[.server, "none"]?.service?.lastSessionMilliseconds == nil)
        }
    }

    @Test("Who is turned away counts as denied, by the kind of rule, and is no session of a server")
    func denied() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(
                """
                listen den
                  bind 127.0.0.1:7004
                  tcp-request connection reject if { src 127.0.0.2 }
                  tcp-request session reject if { src 127.0.0.3 }
                  tcp-request content reject if { src 127.0.0.4 }
                  server s1 127.0.0.1:7101
                """
            )
            try lab.waitForListener(7004)
            for last in 1...4 as ClosedRange<UInt32> {
                try Self.exchange(7004, from: 0x7F00_0000 + last)
            }
            let traffic = try lab.traffic { $0.proxy?.connections.current == 0 }
            let frontend = try #require(traffic[.frontend, "den"])
            #expect((frontend.connections, frontend.sessions.total) == (4, 2))
            #expect(frontend.counts.deniedConnections == 1)
            #expect(frontend.counts.deniedSessions == 1)
            #expect(frontend.counts.deniedRequests == 1)
            #expect(traffic[.backend, "den"]?.sessions.total == 1)
            #expect(traffic[.backend, "den"]?.counts.deniedRequests == 0)
            #expect(traffic[.server, "den"]?.sessions.total == 1)
        }
    }

    @Test("A queue is counted while it lasts and at its longest, and a limit is told")
    func queue() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(
                "listen q\n bind 127.0.0.1:7001\n server s1 127.0.0.1:7101 maxconn 1 maxqueue 9"
            )
            try lab.waitForListener(7001)
            let clients = try (0..<3).map { _ in try Client(port: 7001) }
            // Who ends without a word while it waits is gone.
            for client in clients { client.send([1]) }
            let full = try lab.traffic { $0[.backend, "q"]?.sessions.current == 3 }
            let waiting =
                (full[.backend, "q"]?.queue.current ?? 0) + (full[.server, "q"]?.queue.current ?? 0)
            #expect(waiting == 2)
            #expect(full[.server, "q"]?.sessions.current == 1)
            #expect(full[.server, "q"]?.sessions.limit == 1)
            #expect(full[.server, "q"]?.queue.limit == 9)
            // Which of them has the server is the workers' affair.
            for client in clients { client.finishSending() }
            for client in clients {
                #expect(client.receiveAll() == [1])
                client.close()
            }
            let done = try lab.traffic { $0.proxy?.connections.current == 0 }
            let highest =
                (done[.backend, "q"]?.queue.highest ?? 0) + (done[.server, "q"]?.queue.highest ?? 0)
            #expect(highest == 2)
            #expect(done[.backend, "q"]?.queue.current == 0)
            #expect(done[.server, "q"]?.sessions.highest == 1)
            #expect(done[.server, "q"]?.sessions.total == 3)
        }
    }

    @Test(
        "Names keep their numbers and their health through a reload, and new ones begin at nothing"
    )
    func reload() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let before =
                "listen p\n bind 127.0.0.1:7001\n server s1 127.0.0.1:7101\n"
                + " server s2 127.0.0.1:7999 check inter 50ms\n"
            try lab.start(before)
            try lab.waitForListener(7001)
            var traffic = try lab.traffic { $0[.server, "p", "s2"]?.state == .down }
            for _ in 0..<10 { try Self.exchange(7001, 7) }
            // Goes on over the reload, under the configuration that it began with.
            let long = try Client(port: 7001)
            long.send([1, 2, 3])
            _ = try lab.traffic { $0[.server, "p", "s1"]?.sessions.total == 11 }
            lab.write(
                ProxyLab.defaults + before.replacing("7999 check", with: "7999 check weight 7")
                    + " server s3 127.0.0.1:7101\n"
            )
            lab.process?.signal(SIGHUP)
            traffic = try lab.traffic { $0.proxy?.reloads == 1 }
            #expect(traffic[.server, "p", "s1"]?.sessions.total == 11)
            #expect(traffic[.server, "p", "s3"]?.sessions.total == 0)
            let down = try #require(traffic[.server, "p", "s2"]?.service)
            #expect(traffic[.server, "p", "s2"]?.state == .down)
            #expect(down.timesDown == 1)
            #expect(down.check?.failures == 1)
            #expect(down.check?.result == .connectionProblem)
            #expect(down.downMilliseconds > 0)
            #expect(down.weight == 7)
            for _ in 0..<10 { try Self.exchange(7001, 7) }
            long.finishSending()
            _ = long.receiveAll()
            long.close()
            traffic = try lab.traffic { $0.proxy?.connections.current == 0 }
            let proxy = try #require(traffic.proxy)
            #expect((proxy.connections.total, proxy.bytesIn, proxy.bytesOut) == (21, 143, 143))
            #expect(traffic[.frontend, "p"]?.sessions.total == 21)
            #expect(traffic[.backend, "p"]?.bytesOut == 143)
            let servers = ["s1", "s3"].compactMap { traffic[.server, "p", $0]?.sessions.total }
            #expect(servers.reduce(0, +) == 21)
        }
    }

    @Test("A session that goes on shows its bytes while it lasts, and once only")
    func goingOn() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start("listen p\n bind 127.0.0.1:7001\n server s1 127.0.0.1:7101")
            try lab.waitForListener(7001)
            let client = try Client(port: 7001)
            client.send([UInt8](repeating: 1, count: 1000))
            var traffic = try lab.traffic { $0[.server, "p"]?.bytesIn == 1000 }
            #expect(traffic[.server, "p"]?.bytesIn == 1000)
            #expect(traffic[.frontend, "p"]?.bytesIn == 1000)
            client.finishSending()
            _ = client.receiveAll()
            client.close()
            traffic = try lab.traffic { $0.proxy?.connections.current == 0 }
            #expect(traffic[.server, "p"]?.bytesIn == 1000)
            #expect(traffic[.server, "p"]?.bytesOut == 1000)
        }
    }

    @Test("A name asks for a part, a long list comes in pages, and a wrong name is none")
    func names() throws {
        try inLab { lab in
            let servers = (0..<200).map { " server s\($0) 127.0.0.1:7101\n" }.joined()
            try lab.start(
                "listen a\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101\nbackend b\n" + servers
            )
            try lab.waitForListener(7001)
            let all = try lab.traffic()
            #expect(all.rows.count == 4 + 201)
            #expect(all.pages == 4)
            #expect(Set(all.rows.map { "\($0.kind) \($0.proxy) \($0.name)" }).count == 205)
            #expect(
                try lab.traffic("a").rows.map(\.kind) == [.frontend, .listener, .backend, .server]
            )
            #expect(try lab.traffic("b/s7").rows.map(\.name) == ["s7"])
            for name in ["c", "b/x", "", "/"] {
                let none = try lab.traffic(name)
                #expect(none.rows.isEmpty && !none.found, "\(name)")
            }
        }
    }
}
