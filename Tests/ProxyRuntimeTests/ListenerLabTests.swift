import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

/// Bind lines that change, and sockets that were there before.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ListenerLabTests {
    private static func file(_ bind: String, _ rest: String = "") -> String {
        "global\n nbthread 2\n user root\nlisten p\n bind \(bind)\n \(rest)\n server s 127.0.0.1:7101"
    }

    /// Until the proxy has taken the file that is there now, or has said why not.
    private static func reload(_ lab: ProxyLab, _ file: String) throws -> String {
        lab.write(ProxyLab.defaults + file + "\n")
        let before = lab.reloads.count
        lab.process?.signal(SIGHUP)
        for _ in 0..<500 {
            if lab.reloads.count > before { return lab.reloads[before] }
            usleep(10_000)
        }
        throw LabError("no word of the reload")
    }

    private static func echoes(_ port: UInt16) -> Bool {
        guard let client = try? Client(port: port) else { return false }
        defer { client.close() }
        client.send([4])
        client.finishSending()
        return client.receiveAll() == [4]
    }

    static let changes = [
        ("*:7001", "127.0.0.1:7001"),
        ("127.0.0.1:7001", "*:7001"),
        ("127.0.0.1:7001", "127.0.0.1:7001 interface lo"),
        ("127.0.0.1:7001", "127.0.0.1:7001 transparent"),
        (":::7001", ":::7001 v6only,127.0.0.1:7001"),
        ("127.0.0.1:7001", "127.0.0.1:7001,*:7001"),
    ]

    private static func words(_ bind: String) -> String {
        // A list shares its options, so what differs is a line of its own.
        bind.split(separator: ",").joined(separator: "\n bind ")
    }

    @Test("A bind line that changes on the same port is taken by a reload", arguments: changes)
    func reloaded(before: String, after: String) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.startLogged(Self.file(Self.words(before)))
            try lab.waitForPort(7001)
            let client = try Client(port: 7001)
            client.send([1])
            usleep(100_000)
            #expect(try Self.reload(lab, Self.file(Self.words(after))).contains("was reloaded"))
            usleep(100_000)
            #expect(Self.echoes(7001))
            client.finishSending()
            #expect(client.receiveAll() == [1])
            client.close()
        }
    }

    @Test("A bind line that changed is taken by a restart on the fd store", arguments: changes)
    func restarted(before: String, after: String) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let store = try DescriptorStore(in: lab.directory)
            try lab.start(Self.file(Self.words(before)), environment: store.environment)
            let stored = try store.sockets(2)
            try lab.waitForPort(7001)
            lab.process?.signal(SIGTERM)
            #expect(lab.process?.wait() == .exited(0))
            lab.write(ProxyLab.defaults + Self.file(Self.words(after)) + "\n")
            try lab.restart(environment: store.environment, passed: stored)
            for socket in stored { close(socket.descriptor) }
            let control = try lab.connectControl()
            _ = control.rawValue
            usleep(300_000)
            #expect((0..<20).allSatisfy { _ in Self.echoes(7001) })
        }
    }

    @Test("All addresses and one of them on the same port are two bind lines of one file")
    func overlapping() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(Self.file("*:7001\n bind 127.0.0.1:7001"))
            try lab.waitForPort(7001)
            #expect(Self.echoes(7001))
        }
    }

    @Test("Somebody else's socket on the port is found, also where the proxy listens there itself")
    func strangers() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.startLogged(Self.file("127.0.0.2:7001"))
            try lab.waitForListener(7001, onLoopback: 2)
            // One that shares its port, as HAProxy's do.
            let stranger = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(stranger) }
            tandem_setsockopt_int(stranger, SOL_SOCKET, SO_REUSEADDR, 1)
            tandem_setsockopt_int(stranger, SOL_SOCKET, SO_REUSEPORT, 1)
            try check(tandem_ipv4_bind(stranger, 0x7F00_0001, 7001), "bind")
            listen(stranger, 16)
            let both = Self.file("127.0.0.2:7001\n bind 127.0.0.1:7001")
            let text = try Self.reload(lab, both)
            #expect(text.contains("stays as it was"))
            #expect(text.contains("(pid \(getpid())) listens there"))
        }
    }

    @Test("A socket that was kept goes to its own bind line, whatever its name looks like")
    func names() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let store = try DescriptorStore(in: lab.directory)
            let path = "\(lab.directory)/a"
            let file =
                "global\n nbthread 2\n user root\nfrontend nobody\n bind \(path)\n"
                + "listen p\n bind \(path).2\n server s 127.0.0.1:7101"
            try lab.start(file, environment: store.environment)
            let stored = try store.sockets(2)
            #expect(stored.count == 2)
            lab.process?.signal(SIGKILL)
            _ = lab.process?.wait()
            let waiting = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            try check(tandem_unix_connect(waiting, path + ".2"), "connect")
            let client = Client(connected: waiting)
            client.send([6])
            client.finishSending()
            try lab.restart(environment: store.environment, passed: stored)
            #expect(client.receiveAll() == [6])
            client.close()
        }
    }

    @Test("fd@N serves on a socket that came with LISTEN_FDS, before a reload and after it")
    func descriptor() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let given = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(given) }
            tandem_setsockopt_int(given, SOL_SOCKET, SO_REUSEADDR, 1)
            try check(tandem_ipv4_bind(given, 0x7F00_0001, 7001), "bind")
            listen(given, 64)
            try lab.startLogged(Self.file("fd@3"), passed: [(given, "web.socket")])
            _ = try lab.connectControl()
            usleep(100_000)
            #expect((0..<10).allSatisfy { _ in Self.echoes(7001) })
            #expect(
                try Self.reload(lab, Self.file("fd@3", "backlog 10")).contains("was reloaded")
            )
            #expect((0..<10).allSatisfy { _ in Self.echoes(7001) })
        }
    }

    @Test("What a socket that is kept was made with follows the file: at a reload and at a restart")
    func settings() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let store = try DescriptorStore(in: lab.directory)
            let path = "\(lab.directory)/s"
            func file(_ options: String, _ mode: String) -> String {
                Self.file("127.0.0.1:7001 \(options)\n bind \(path) mode \(mode)")
            }
            try lab.startLogged(file("backlog 100", "600"), environment: store.environment)
            let stored = try store.sockets(3)
            let first = try #require(stored.first { $0.name.hasSuffix("_7001") }).descriptor
            func mode() -> UInt32 {
                var status = stat()
                return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
            }
            func isDeferred() -> Bool { tandem_getsockopt_int(first, Int32(IPPROTO_TCP), 9) > 0 }
            func isKeptAlive() -> Bool {
                tandem_getsockopt_int(first, SOL_SOCKET, SO_KEEPALIVE) > 0
            }
            #expect(mode() == 0o600)
            #expect(Self.backlog(of: first) == 100)
            let changed = file("backlog 50 defer-accept", "660") + "\n option clitcpka"
            #expect(try Self.reload(lab, changed).contains("was reloaded"))
            #expect(mode() == 0o660)
            #expect(Self.backlog(of: first) == 50)
            #expect(isDeferred() && isKeptAlive())
            lab.process?.signal(SIGTERM)
            #expect(lab.process?.wait() == .exited(0))
            lab.write(ProxyLab.defaults + file("backlog 70", "640") + "\n")
            try lab.restart(environment: store.environment, passed: stored)
            _ = try lab.connectControl()
            #expect(mode() == 0o640)
            #expect(Self.backlog(of: first) == 70)
            #expect(!isDeferred() && !isKeptAlive())
        }
    }

    @Test(
        "A reload by the command line ends with 0 where the file counts, and else with 1 and the reason"
    )
    func commandLine() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let busy = try EchoServer(port: 7009)
            defer { busy.stop() }
            try lab.start(Self.file("127.0.0.1:7001"))
            _ = try lab.connectControl()
            let pid = try #require(lab.process?.pid)
            for (bind, isTaken) in [
                ("127.0.0.1:7002", true), ("127.0.0.1:7009", false), ("127.0.0.1:7003", true),
                ("nonsense", false),
            ] {
                lab.write(ProxyLab.defaults + Self.file(bind) + "\n")
                let seen = "\(lab.directory)/said"
                let said = open(seen, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
                var spawn = Spawn(
                    path: ProxyLab.binary,
                    arguments: [
                        "tandem-proxy", "--runtime-dir", "\(lab.directory)/run", "--reload",
                        "\(pid)",
                    ]
                )
                spawn.standardError = said
                spawn.dieWithParent = true
                let box = ChildProcessBox(try spawn.start())
                #expect(box.wait() == .exited(isTaken ? 0 : 1), "\(bind)")
                close(said)
                let text = String(decoding: try readFile(seen), as: UTF8.self)
                #expect(text.isEmpty == isTaken, "\(text)")
                #expect(isTaken || text.contains("the configuration stays as it was: "))
            }
            #expect(Self.echoes(7003))
            lab.process?.signal(SIGTERM)
            #expect(lab.process?.wait() == .exited(0))
        }
    }

    /// Of a listening socket: `tcpi_sacked` of tcp(7)'s TCP_INFO holds it.
    private static func backlog(of descriptor: Int32) -> Int {
        var info = tcp_info()
        var size = socklen_t(MemoryLayout<tcp_info>.size)
        guard getsockopt(descriptor, Int32(IPPROTO_TCP), 11, &info, &size) == 0 else { return -1 }
        return Int(info.tcpi_sacked)
    }

    @Test("A reload that is refused leaves the entries of a stick table as they are")
    func tables() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let busy = try EchoServer(port: 7009)
            defer { busy.stop() }
            func file(_ size: String, _ bind: String) -> String {
                "global\n nbthread 1\n user root\nlisten p\n bind 127.0.0.1:7001\n \(bind)\n"
                    + " stick-table type ip size \(size) expire 10m\n stick on src\n"
                    + " server s1 127.0.0.1:7101\n server s2 127.0.0.1:7101"
            }
            func visit(from source: UInt32) throws {
                let client = try Client(port: 7001, from: source)
                client.send([1])
                client.finishSending()
                #expect(client.receiveAll() == [1])
                client.close()
            }
            try lab.startLogged(file("100", ""))
            try lab.waitForListener(7001)
            try visit(from: 0x7F00_0002)
            try visit(from: 0x7F00_0003)
            let before = try lab.line(holding: "127.0.0.3:", " p/s")
            let isSecond = before.contains(" p/s2 ")
            let refused = try Self.reload(lab, file("200", "bind 127.0.0.1:7009"))
            #expect(refused.contains("stays as it was"))
            #expect(try Self.reload(lab, file("100", "")).contains("was reloaded"))
            // Whoever comes first after the reload gets the first server, unless the table knows better.
            for source: UInt32 in isSecond ? [0x7F00_0003] : [0x7F00_0009, 0x7F00_0003] {
                try visit(from: source)
            }
            lab.readLines()
            usleep(100_000)
            lab.readLines()
            let visits = lab.lines.filter { $0.contains("127.0.0.3:") }
            #expect(visits.count == 2)
            #expect(visits.allSatisfy { $0.contains(isSecond ? " p/s2 " : " p/s1 ") })
        }
    }
}

extension ProxyLab {
    private var errorLog: String { "\(directory)/errors" }

    /// As `start`, with what it writes to standard error in a file.
    func startLogged(
        _ sections: String,
        environment: [String] = [],
        passed: [(descriptor: Int32, name: String)] = []
    ) throws {
        try start(sections, environment: environment, passed: passed, errorLog: errorLog)
    }

    /// What the proxy has said of its reloads.
    var reloads: [String] {
        let text = String(decoding: (try? readFile(errorLog)) ?? [], as: UTF8.self)
        return text.split(separator: "\n").map(String.init).filter {
            $0.contains("configuration was reloaded") || $0.contains("stays as it was")
                || $0.contains("is draining")
        }
    }

    func waitForListener(_ port: UInt16, onLoopback last: UInt8) throws {
        let digits = String(last, radix: 16, uppercase: true)
        let address = (digits.count < 2 ? "0" : "") + digits + "00007F:"
        let suffix = address + String(port, radix: 16, uppercase: true) + " 00000000:0000 0A"
        for _ in 0..<500 {
            let table = (try? readFile("/proc/thread-self/net/tcp")) ?? []
            if String(decoding: table, as: UTF8.self).contains(suffix) { return }
            usleep(10_000)
        }
        throw LabError("nothing listens on \(port) of 127.0.0.\(last)")
    }
}
