import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

/// Rules of haproxy.cfg with the built program: what a client sees of them.
@Suite(.serialized, .timeLimit(.minutes(1))) struct RulesLabTests {
    /// What a server says of itself to a client that sends `bytes` and ends; empty: turned away.
    private func answer(_ port: UInt16, _ bytes: [UInt8] = [1]) throws -> String? {
        let client = try Client(port: port)
        defer { client.close() }
        client.send(bytes)
        client.finishSending()
        return client.receiveAll().map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("A connection goes where the first use_backend that holds leads, else to the default")
    func useBackend() throws {
        try inLab { lab in
            let servers = try ["one", "two", "three"].enumerated().map { index, name in
                try NamedServer(name, port: 7301 + UInt16(index))
            }
            defer { for server in servers { server.stop() } }
            try lab.start(
                """
                frontend f
                  bind 127.0.0.1:7201-7203
                  acl second dst_port 7202
                  use_backend two if second { src 127.0.0.0/8 } !{ nbsrv(two) lt 1 }
                  use_backend three if { dst_port gt 7202 } LOCALHOST or { always_false }
                  default_backend one
                backend one
                  server s 127.0.0.1:7301
                backend two
                  server s 127.0.0.1:7302
                backend three
                  server s 127.0.0.1:7303
                """
            )
            try lab.waitForPort(7203)
            #expect(try answer(7201) == "one")
            #expect(try answer(7202) == "two")
            #expect(try answer(7203) == "three")
            #expect(try lab.line(holding: " f two/s ").contains(" -- "))
            #expect(try lab.line(holding: " f three/s ").contains(" -- "))
        }
    }

    @Test("A rejected connection is reset without a line in the log; another is served")
    func connectionRules() throws {
        try inLab { lab in
            let server = try NamedServer("one", port: 7301)
            defer { server.stop() }
            try lab.start(
                """
                listen l
                  bind 127.0.0.1:7201-7202
                  tcp-request connection reject if { dst_port 7201 }
                  server s 127.0.0.1:7301
                """
            )
            try lab.waitForPort(7202)
            #expect(try answer(7202) == "one")
            let client = try Client(port: 7201)
            #expect(client.receive() == nil)
            #expect(errno == ECONNRESET)
            client.close()
            _ = try lab.line(holding: " l l/s ")
            usleep(100_000)
            lab.readLines()
            #expect(!lab.lines.contains { $0.contains("NOSRV") })
        }
    }

    @Test(
        "Content rules wait for the client's bytes, choose by its TLS name, and no longer than told"
    )
    func contentRules() throws {
        try inLab { lab in
            let servers = try ["inner", "outer"].enumerated().map { index, name in
                try NamedServer(name, port: 7301 + UInt16(index))
            }
            defer { for server in servers { server.stop() } }
            try lab.start(
                """
                frontend tls
                  bind 127.0.0.1:7201
                  tcp-request inspect-delay 700ms
                  tcp-request content accept if { req.ssl_hello_type 1 }
                  tcp-request content reject
                  use_backend inner if { req.ssl_sni -m end .inner.example }
                  default_backend outer
                listen first
                  bind 127.0.0.1:7202
                  tcp-request inspect-delay 600ms
                  tcp-request content reject if { req.len gt 0 }
                  server s 127.0.0.1:7302
                backend inner
                  server s 127.0.0.1:7301
                backend outer
                  tcp-request inspect-delay 2s
                  tcp-request content reject if { req.payload(0,1) -m bin 15 }
                  server s 127.0.0.1:7302
                """
            )
            try lab.waitForPort(7201)
            let hello = clientHello(name: "www.inner.example")
            // In two pieces: the choice waits for the second.
            let client = try Client(port: 7201)
            client.send(Array(hello[..<20]))
            #expect(!client.hasSomething(within: 200))
            client.send(Array(hello[20...]))
            client.finishSending()
            #expect(client.receiveAll().map { String(decoding: $0, as: UTF8.self) } == "inner")
            client.close()
            #expect(try answer(7201, clientHello(name: "www.outer.example")) == "outer")
            #expect(try answer(7201, Array("GET / HTTP/1.0\r\n\r\n".utf8)) == "")
            #expect(try lab.line(holding: " tls tls/<NOSRV> ").contains(" 0 PR "))
            // Nothing comes: the rules decide when the time is over.
            let begun = Clock.now
            let silent = try Client(port: 7201)
            #expect(silent.receive() == [])
            #expect((0.6...1.5).contains((Clock.now - begun).inSeconds))
            silent.close()
            // A server that speaks first is reached after the delay; a client that speaks first never.
            let patient = try Client(port: 7202)
            #expect(!patient.hasSomething(within: 300))
            patient.finishSending()
            #expect(patient.receiveAll().map { String(decoding: $0, as: UTF8.self) } == "outer")
            patient.close()
            #expect(try answer(7202, [1]) == "")
        }
    }

    @Test("A client is limited by what it has open, and by its rate, through reloads too")
    func tables() throws {
        try inLab { lab in
            let server = try NamedServer("one", port: 7301)
            defer { server.stop() }
            let sections = """
                listen l
                  bind 127.0.0.1:7201
                  stick-table type ip size 100 expire 1m store conn_cur
                  tcp-request connection track-sc0 src
                  tcp-request connection reject if { sc0_conn_cur gt 2 }
                  server s 127.0.0.1:7301
                listen slow
                  bind 127.0.0.1:7202
                  stick-table type ip size 100 expire 1m store conn_rate(1m)
                  tcp-request connection reject if { src_conn_rate gt 3 }
                  tcp-request connection track-sc0 src
                  server s 127.0.0.1:7301
                """
            try lab.start(sections)
            try lab.waitForPort(7201)
            usleep(50_000)
            let first = try Client(port: 7201)
            let second = try Client(port: 7201)
            #expect(second.hasSomething(within: 2000))
            #expect(first.hasSomething(within: 2000))
            let third = try Client(port: 7201)
            #expect(third.receive() == nil)
            third.close()
            lab.process?.signal(SIGHUP)
            usleep(700_000)
            let fourth = try Client(port: 7201)
            #expect(fourth.receive() == nil)
            fourth.close()
            first.close()
            usleep(300_000)
            #expect(try answer(7201) == "one")
            second.close()
            for _ in 0..<4 { #expect(try answer(7202) == "one") }
            let tooMany = try Client(port: 7202)
            #expect(tooMany.receive() == nil)
            tooMany.close()
        }
    }

    @Test(
        "A PROXY header's addresses are those that rules and servers see; one that never comes is not waited for"
    )
    func proxyHeader() throws {
        try inLab { lab in
            let servers = try ["near", "far"].enumerated().map { index, name in
                try NamedServer(name, port: 7301 + UInt16(index))
            }
            let echo = try EchoServer(port: 7303)
            defer {
                for server in servers { server.stop() }
                echo.stop()
            }
            try lab.start(
                """
                frontend f
                  bind 127.0.0.1:7201 accept-proxy
                  timeout client 600ms
                  tcp-request connection reject if { src 192.0.2.0/24 }
                  tcp-request session reject if { src 198.51.100.0/24 }
                  use_backend far if { src 192.0.2.1 } { dst 203.0.113.9 } { dst_port 443 }
                  default_backend near
                listen on
                  bind 127.0.0.1:7202 accept-proxy
                  server e 127.0.0.1:7303 send-proxy
                backend near
                  server s 127.0.0.1:7301
                backend far
                  server s 127.0.0.1:7302
                """
            )
            try lab.waitForPort(7201)
            func header(_ source: String) -> [UInt8] {
                Array("PROXY TCP4 \(source) 203.0.113.9 4711 443\r\n".utf8)
            }
            #expect(try answer(7201, header("192.0.2.1") + [65]) == "far")
            #expect(try answer(7201, header("192.0.2.2")) == "near")
            let rejected = try Client(port: 7201)
            rejected.send(header("198.51.100.1"))
            #expect(rejected.receive() == nil)
            rejected.close()
            #expect(
                try answer(7202, header("192.0.2.1") + [65])
                    == "PROXY TCP4 192.0.2.1 203.0.113.9 4711 443\r\nA"
            )
            #expect(try lab.line(holding: "192.0.2.1:4711 ", " f far/s ").contains(" -- "))
            let begun = Clock.now
            let silent = try Client(port: 7201)
            silent.send(Array("PROXY TCP4 192.0.2.1".utf8))
            #expect(silent.receive()?.isEmpty ?? true)
            #expect((0.5...1.5).contains((Clock.now - begun).inSeconds))
            silent.close()
            #expect(try lab.line(holding: " f f/<NOSRV> ").contains(" cR "))
        }
    }

    @Test("All forms of a bind take connections, and a limit of one address is its own")
    func binds() throws {
        try inLab { lab in
            let server = try NamedServer("one", port: 7301)
            defer { server.stop() }
            try lab.start(
                """
                frontend f
                  bind 127.0.0.1:7201-7203,127.0.0.2:7204 name several
                  bind *:7205 backlog 7
                  bind ipv6@:7206 v6only
                  bind [::]:7207 v4v6
                  bind ipv4@127.0.0.1:7208 interface lo
                  bind 127.0.0.1:7209 transparent
                  bind 203.0.113.77:7210
                  bind 127.0.0.1:7211 defer-accept
                  bind 127.0.0.1:7212 maxconn 1
                  default_backend b
                backend b
                  server s 127.0.0.1:7301
                """
            )
            try lab.waitForPort(7203)
            for port in [7201, 7202, 7203, 7205, 7207, 7208, 7209, 7211] as [UInt16] {
                #expect(try answer(port) == "one", "\(port)")
            }
            // Only IPv6, or another address of this node: nobody listens there.
            for port in [7204, 7206, 7210] as [UInt16] {
                #expect(throws: SystemCallError.self) { try Client(port: port) }
            }
            for port in [7206, 7207] as [UInt16] {
                #expect(connectsByIPv6(port), "\(port)")
            }
            #expect(!connectsByIPv6(7205))
            let first = try Client(port: 7212)
            #expect(first.hasSomething(within: 2000))
            let second = try Client(port: 7212)
            #expect(!second.hasSomething(within: 300))
            first.close()
            #expect(second.hasSomething(within: 2000))
            second.close()
        }
    }

    private func connectsByIPv6(_ port: UInt16) -> Bool {
        let descriptor = socket(AF_INET6, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        address.sin6_addr = in6addr_loopback
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size)) == 0
            }
        }
    }

    @Test("A server whose check passes and whose port refuses is taken down by its connections")
    func observed() throws {
        try inLab { lab in
            let server = try NamedServer("one", port: 7301)
            defer { server.stop() }
            try lab.start(
                """
                listen l
                  bind 127.0.0.1:7201
                  retries 0
                  server s 127.0.0.1:7399 check port 7301 observe layer4 error-limit 3 on-error mark-down
                """
            )
            try lab.waitForListener(7201)
            for _ in 0..<3 { #expect(try answer(7201) == "") }
            _ = try lab.line(
                holding: "Server l/s is DOWN, reason: Health analyze, info: \"Detected 3"
            )
            // The check brings it back after 'rise' times, 2 s apart.
            _ = try lab.line(holding: "Server l/s is UP, reason: Layer4 check passed", within: 8)
        }
    }

    @Test("A Unix socket has the mode and the owner that its line tells, and leads to a server")
    func unixSocket() throws {
        try inLab { lab in
            let server = try NamedServer("one", port: 7301)
            defer { server.stop() }
            try lab.start(
                """
                listen l
                  bind 127.0.0.1:7201
                  bind \(lab.directory)/door mode 620 user daemon gid 7
                  tcp-request connection reject if { src 127.0.0.1 } { dst_port 7202 }
                  server s 127.0.0.1:7301
                """
            )
            try lab.waitForPort(7201)
            var status = stat()
            #expect(stat("\(lab.directory)/door", &status) == 0)
            #expect(status.st_mode & 0o777 == 0o620)
            #expect(status.st_uid == 1 && status.st_gid == 7)
            let client = FileDescriptor(
                owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            )
            let door = "\(lab.directory)/door"
            try check(tandem_unix_connect(client.rawValue, door), "connect", on: door)
            var buffer = [UInt8](repeating: 0, count: 16)
            #expect(tandem_wait_readable(client.rawValue, 5000) == 1)
            let count = recv(client.rawValue, &buffer, buffer.count, 0)
            #expect(buffer.prefix(max(count, 0)) == Array("one".utf8)[...])
        }
    }

    @Test("A client sticks to its server while that is up, and through a reload")
    func sticking() throws {
        try inLab { lab in
            let servers = try ["one", "two", "three"].enumerated().map { index, name in
                try NamedServer(name, port: 7301 + UInt16(index))
            }
            defer { for server in servers { server.stop() } }
            func sections(_ order: [Int]) -> String {
                let lines = order.map { "server s\($0) 127.0.0.1:\(7300 + $0)" }
                    .joined(separator: "\n")
                return """
                    listen l
                      bind 127.0.0.1:7201
                      stick-table type ip size 100 expire 1m
                      stick on src
                    \(lines)
                    listen twin
                      bind 127.0.0.1:7202
                    \(lines)
                    """
            }
            try lab.start(sections([1, 2, 3]))
            try lab.waitForPort(7202)
            let chosen = try answer(7201)
            for _ in 0..<5 { #expect(try answer(7201) == chosen) }
            // The twin: without it, connections go round.
            let others = try Set((0..<6).map { _ in try answer(7202) })
            #expect(others == ["one", "two", "three"])
            lab.write(ProxyLab.defaults + sections([3, 2, 1]) + "\n")
            lab.process?.signal(SIGHUP)
            usleep(700_000)
            for _ in 0..<5 { #expect(try answer(7201) == chosen) }
        }
    }
}

/// Says its name to whoever connects, and waits for the client's end.
final class NamedServer: Sendable {
    private let listener: Int32

    init(_ name: String, port: UInt16) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        tandem_setsockopt_int(listener, SOL_SOCKET, SO_REUSEADDR, 1)
        try check(tandem_ipv4_bind(listener, 0x7F00_0001, port), "bind")
        listen(listener, 4096)
        self.listener = listener
        runOnThread {
            while true {
                let accepted = accept(listener, nil, nil)
                guard accepted >= 0 else { return }
                runOnThread {
                    let bytes = Array(name.utf8)
                    _ = send(accepted, bytes, bytes.count, Int32(MSG_NOSIGNAL))
                    var buffer = [UInt8](repeating: 0, count: 4096)
                    while recv(accepted, &buffer, buffer.count, 0) > 0 {}
                    close(accepted)
                }
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }
}

/// The first message of a TLS client that wants to reach a name (RFC 8446 §4.1.2).
func clientHello(name: String) -> [UInt8] {
    func sized(_ bytes: [UInt8], _ width: Int) -> [UInt8] {
        (0..<width).reversed().map { UInt8(truncatingIfNeeded: bytes.count >> (8 * $0)) } + bytes
    }
    let entry = [0] + sized(Array(name.utf8), 2)
    let extensions: [UInt8] = [0, 0] + sized(sized(entry, 2), 2)
    let body: [UInt8] =
        [3, 3] + [UInt8](repeating: 7, count: 32) + sized([], 1) + sized([0x13, 1], 2)
        + sized([0], 1) + sized(extensions, 2)
    return [22, 3, 1] + sized([1] + sized(body, 3), 2)
}
