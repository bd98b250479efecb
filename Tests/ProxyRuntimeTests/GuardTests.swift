import CLinux
import Glibc
import LinuxIO
import Messages
import Primitives
import Testing

/// What an unfriendly world does, and what it must not cost others.
@Suite(.serialized, .timeLimit(.minutes(1))) struct GuardTests {
    private static func configuration(_ engine: String) -> String {
        """
        global
          tune.engine \(engine)
          nbthread 2
          maxconn 4000
        defaults
          mode tcp
          timeout connect 1s
          timeout client 20s
          timeout server 20s
        listen p
          bind 127.0.0.1:7001
          server s 127.0.0.1:7101
        listen mute
          bind 127.0.0.1:7002
          timeout server 300ms
          server m 127.0.0.1:7102 maxconn 10

        """
    }

    /// Seconds of processor time that a process has used.
    private static func processorTime(of pid: Int32) -> Double {
        let text = String(decoding: (try? readFile("/proc/\(pid)/stat")) ?? [], as: UTF8.self)
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
        else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    private static func descriptors(of pid: Int32) -> Int {
        guard let directory = opendir("/proc/\(pid)/fd") else { return 0 }
        defer { closedir(directory) }
        var count = -2
        while readdir(directory) != nil { count += 1 }
        return count
    }

    /// Whether each number of a process is a descriptor of it, up to the highest that is one.
    private static func numbers(of pid: Int32) -> [Bool] {
        var target: CChar = 0
        let all = (0..<4096).map { readlink("/proc/\(pid)/fd/\($0)", &target, 1) >= 0 }
        return Array(all[...(all.lastIndex(of: true) ?? 0)])
    }

    /// Those, once nothing has been opened or closed for half a second; nil when that does not come.
    private static func settledNumbers(of pid: Int32) -> [Bool]? {
        var last: [Bool] = []
        var same = 0
        for _ in 0..<500 {
            let now = numbers(of: pid)
            same = now == last ? same + 1 : 0
            if same == 50 { return now }
            last = now
            usleep(10_000)
        }
        return nil
    }

    /// Twenty clients of a proxy that has so many descriptors left; `meanwhile` is called when they have all spoken.
    private static func crowd(
        left: Int,
        meanwhile: @escaping @Sendable (_ pid: Int32, _ clients: [Client]) throws -> Void
    ) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            // As root: whose limits may be changed is a matter of the user.
            let asRoot = configuration("epoll").replacing(
                "  maxconn 4000",
                with: "  maxconn 400\n  user root"
            )
            lab.write(asRoot)
            try lab.restart()
            try lab.waitForListener(7001)
            let pid = try #require(lab.process?.pid)
            // Sessions take the lowest numbers. Without a gap below the highest the limit is that many, and `left`.
            var held: [Client] = []
            var full: Int?
            while full == nil, held.count < 10 {
                let client = try Client(port: 7001)
                client.send([1])
                held.append(client)
                _ = try lab.traffic { $0[.server, "p"]?.sessions.current ?? 0 == held.count }
                let numbers = try #require(settledNumbers(of: pid))
                if numbers.allSatisfy(\.self) { full = numbers.count }
            }
            let limit = try #require(full) + left
            try #require(system("prlimit --pid \(pid) --nofile=\(limit):") == 0)
            let clients = try (0..<20).map { _ in try Client(port: 7001) }
            for client in clients {
                client.send([3])
                client.finishSending()
            }
            try meanwhile(pid, clients)
            #expect(clients.count { $0.receiveAll() == [3] } == clients.count)
            for client in clients { client.close() }
            // Who has a session does not notice.
            for client in held {
                client.finishSending()
                #expect(client.receiveAll() == [1])
                client.close()
            }
            let traffic = try lab.traffic { $0.proxy?.connections.current == 0 }
            #expect(traffic.proxy?.connections.total == UInt64(20 + held.count))
            #expect(traffic[.server, "p"]?.counts.connectionErrors == 0)
        }
    }

    @Test(
        "Without a descriptor left clients wait, at no cost, and are served when there are some again"
    )
    func exhausted() throws {
        try Self.crowd(left: 0) { pid, clients in
            let before = Self.processorTime(of: pid)
            #expect(!clients[0].hasSomething(within: 1000))
            #expect(Self.processorTime(of: pid) - before < 0.2)
            try #require(system("prlimit --pid \(pid) --nofile=1000:") == 0)
        }
    }

    @Test("A ring's connections take no number of the process: without one left they are served")
    func exhaustedRing() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            lab.write(
                Self.configuration("io_uring").replacing(
                    "  maxconn 4000",
                    with: "  maxconn 400\n  user root"
                )
            )
            try lab.restart()
            try lab.waitForListener(7001)
            let pid = try #require(lab.process?.pid)
            #expect(try lab.traffic().proxy?.engine == "io_uring")
            let settled = try #require(Self.settledNumbers(of: pid))
            let free = settled.firstIndex(of: false) ?? settled.count
            try #require(system("prlimit --pid \(pid) --nofile=\(free):") == 0)
            let before = Self.processorTime(of: pid)
            let clients = try (0..<100).map { _ in try Client(port: 7001) }
            for client in clients {
                client.send([3])
                client.finishSending()
            }
            #expect(clients.count { $0.receiveAll() == [3] } == clients.count)
            for client in clients { client.close() }
            #expect(Self.processorTime(of: pid) - before < 0.5)
            try #require(system("prlimit --pid \(pid) --nofile=1000:") == 0)
            let traffic = try lab.traffic { $0.proxy?.connections.current == 0 }
            #expect(traffic[.server, "p"]?.sessions.total == 100)
        }
    }

    @Test(
        "With one or two descriptors left a client gets its server, and the others wait for their turn",
        arguments: [1, 2]
    )
    func scarce(left: Int) throws {
        try Self.crowd(left: left) { _, _ in }
    }

    @Test(
        "Two thousand clients that connect and reset are counted and leave nothing behind",
        arguments: IntegrityTests.engines
    )
    func resets(engine: String) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            lab.write(Self.configuration(engine))
            try lab.restart()
            try lab.waitForListener(7001)
            let pid = try #require(lab.process?.pid)
            var atOnce = linger(l_onoff: 1, l_linger: 0)
            for number in 0..<2000 {
                let client = try Client(port: 7001)
                if number % 2 == 0 { client.send([1, 2, 3]) }
                setsockopt(
                    client.descriptor,
                    SOL_SOCKET,
                    SO_LINGER,
                    &atOnce,
                    socklen_t(MemoryLayout<linger>.size)
                )
                client.close()
            }
            let client = try Client(port: 7001)
            client.send([9])
            client.finishSending()
            #expect(client.receiveAll() == [9])
            client.close()
            let traffic = try lab.traffic { $0.proxy?.connections.current == 0 }
            #expect(traffic.proxy?.connections.current == 0)
            // One that was reset before it was accepted may never have been there.
            #expect((1...2001).contains(traffic.proxy?.connections.total ?? 0))
            #expect(traffic[.server, "p"]?.sessions.current == 0)
            #expect(traffic[.backend, "p"]?.queue.current == 0)
            #expect(Self.descriptors(of: pid) < 100)
            lab.process?.signal(SIGUSR1)
            #expect(lab.process?.wait() == .exited(0))
        }
    }

    @Test(
        "A server that accepts and never answers costs its own clients the timeout, and others nothing",
        arguments: IntegrityTests.engines
    )
    func mute(engine: String) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            // The kernel accepts for it, and nobody reads.
            let silent = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(silent) }
            tandem_setsockopt_int(silent, SOL_SOCKET, SO_REUSEADDR, 1)
            try check(tandem_ipv4_bind(silent, 0x7F00_0001, 7102), "bind")
            listen(silent, 4096)
            lab.write(Self.configuration(engine))
            try lab.restart()
            try lab.waitForListener(7002)
            let begun = Clock.now
            let clients = try (0..<30).map { _ in try Client(port: 7002) }
            for client in clients { client.send([3]) }
            let others = Clock.now
            for _ in 0..<20 {
                let other = try Client(port: 7001)
                other.send([5])
                other.finishSending()
                #expect(other.receiveAll() == [5])
                other.close()
            }
            #expect((Clock.now - others).inSeconds < 1)
            // Ten at a time; the last of them have waited for their turn.
            for client in clients {
                #expect(client.receiveAll() == [])
                client.close()
            }
            #expect((0.9...4).contains((Clock.now - begun).inSeconds))
            let traffic = try lab.traffic { $0.proxy?.connections.current == 0 }
            let mute = try #require(traffic[.server, "mute"])
            #expect((mute.sessions.total, mute.sessions.highest) == (30, 10))
            #expect((mute.counts.serverAborts, mute.bytesOut) == (30, 0))
            #expect(traffic[.server, "p"]?.counts.serverAborts == 0)
        }
    }
}
