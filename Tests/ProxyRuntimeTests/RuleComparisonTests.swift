import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

/// What rules do to clients, compared with Debian's haproxy on the same files and the same bytes.
@Suite(
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: access("/usr/sbin/haproxy", X_OK) == 0, "haproxy is not installed")
)
struct RuleComparisonTests {
    /// One client: pieces with pauses in between, then perhaps its end.
    struct Visit: Sendable {
        var pieces: [[UInt8]] = []
        var ends = true
        var source: UInt32?
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        /// Lines of the frontend, after its bind; `one`, `two` and `three` are backends.
        var lines: String
        var bind = ""
        /// Lines of the backend `two`, before its server.
        var backend = ""
        var visits: [Visit]

        var testDescription: String { name }
    }

    private static let hello = clientHello(name: "www.inner.example")
    private static let tls = [
        Visit(pieces: [hello]), Visit(pieces: [Array(hello[..<4]), Array(hello[4...])]),
        Visit(pieces: [Array(hello[..<20]), Array(hello[20...])]),
        Visit(pieces: [clientHello(name: "WWW.Other.Example")]),
        Visit(pieces: [clientHello(name: "inner.example")]),
        Visit(pieces: [Array("SSH-2.0-x\r\n".utf8)]),
        Visit(pieces: [[22, 3, 1]], ends: false), Visit(pieces: [], ends: false), Visit(pieces: []),
        Visit(pieces: [[22, 2, 1, 0, 10, 1, 0, 0, 6, 1, 2, 3, 4, 5, 6]]),
        Visit(pieces: [[21, 3, 1, 0, 2, 2, 40, 0, 0, 0]]),
    ]
    private static let plain = [
        Visit(pieces: [[1]]), Visit(pieces: [[1, 2], [3, 4, 5]]), Visit(pieces: [], ends: false),
        Visit(pieces: []), Visit(pieces: [Array("GET / HTTP/1.0\r\n\r\n".utf8)]),
        Visit(pieces: [Array(repeating: 7, count: 20_000)]),
    ]

    static let cases: [Case] = [
        Case(
            name: "TLS names",
            lines: """
                tcp-request inspect-delay 400ms
                tcp-request content accept if { req.ssl_hello_type 1 }
                tcp-request content reject
                use_backend two if { req.ssl_sni -m end .inner.example }
                use_backend three if { req_ssl_sni -i www.other.example }
                default_backend one
                """,
            visits: tls + [Visit(pieces: [Array(hello[..<(hello.count - 1)])])]
        ),
        Case(
            name: "parts of names, without waiting for a hello",
            lines: """
                tcp-request inspect-delay 400ms
                tcp-request content accept if { req.ssl_sni -m found }
                use_backend two if { req.ssl_sni -m dom inner } !{ req.ssl_sni -m beg inner }
                use_backend three if { req.ssl_sni,lower -m sub other }
                default_backend one
                """,
            visits: tls
        ),
        Case(
            name: "a client that speaks first",
            lines: """
                tcp-request inspect-delay 400ms
                acl content_present req.len gt 0
                tcp-request content reject if content_present
                default_backend one
                """,
            visits: plain
        ),
        Case(
            name: "a client that does not speak",
            lines: """
                tcp-request inspect-delay 400ms
                tcp-request content accept if { req_len ge 3 }
                tcp-request content reject
                default_backend one
                """,
            visits: plain
        ),
        Case(
            name: "the end of the wait",
            lines: """
                tcp-request inspect-delay 400ms
                tcp-request content accept if WAIT_END
                use_backend two if { req.len 5 }
                use_backend three if { req.payload(0,3) -m str GET } or { payload(1,2) 0203 }
                default_backend one
                """,
            visits: plain
        ),
        Case(
            name: "without a delay nothing is waited for",
            lines: """
                tcp-request content reject if !{ src 127.0.0.0/8 }
                use_backend two if { always_true } { dst_port 7201 7202 }
                """,
            visits: plain
        ),
        Case(
            name: "rules of the backend",
            lines: "use_backend two\ndefault_backend one",
            backend: """
                tcp-request inspect-delay 400ms
                tcp-request content reject if { req.payload(0,1) -m bin 01 47 }
                """,
            visits: plain
        ),
        Case(
            name: "sources and limits",
            lines: """
                stick-table type ip size 100 expire 1m store conn_cur,conn_rate(1m),conn_cnt
                acl friend src 127.0.0.9 127.0.1.0/24
                acl friend src 127.0.2.0/255.255.255.0
                tcp-request connection accept if friend
                tcp-request connection track-sc0 src
                tcp-request connection reject if { src 127.0.3.1 }
                tcp-request connection reject if { sc0_conn_rate gt 3 }
                use_backend two if { src_conn_cnt 3:4 }
                use_backend three unless friend or { src_port lt 1 }
                default_backend one
                """,
            visits: [
                0x7F00_0009, 0x7F00_0105, 0x7F00_02FF, 0x7F00_0301, 0x7F00_0001, 0x7F00_0001,
                0x7F00_0001, 0x7F00_0001, 0x7F00_0001, 0x7F00_0004, 0x7F00_0009,
            ].map { Visit(pieces: [[1]], source: $0) }
        ),
        Case(
            name: "counters of the frontend and the servers",
            lines: """
                tcp-request connection reject if { fe_conn gt 3 } or { fe_conn(f) lt 1 }
                use_backend two if { nbsrv(three) gt 1 } or { be_conn(one) gt 0 }
                use_backend three if { nbsrv(two) eq 1 } { queue(one) 0 } { connslots(one) lt 0 }
                default_backend one
                """,
            visits: plain
        ),
        Case(
            name: "a PROXY header",
            lines: """
                tcp-request connection reject if { src 192.0.2.0/24 }
                tcp-request session reject if { src 198.51.100.0/24 }
                use_backend two if { src 192.0.2.1 } { dst 203.0.113.9 } { dst_port 443 }
                default_backend one
                """,
            bind: "accept-proxy",
            visits: ["192.0.2.1", "192.0.2.2", "198.51.100.3"].map { source in
                Visit(pieces: [Array("PROXY TCP4 \(source) 203.0.113.9 4711 443\r\nx".utf8)])
            } + [
                Visit(pieces: [Array("PROXY UNKNOWN\r\nx".utf8)]), Visit(pieces: [[1, 2, 3]]),
                Visit(pieces: [Array("GET / HTTP/1.0\r\n\r\n".utf8)]),
            ]
        ),
        Case(name: "nowhere to go", lines: "use_backend two if { always_false }", visits: plain),
    ]

    @Test("Clients are served, turned away and reset alike", arguments: cases)
    func alike(row: Case) throws {
        let answers = Answers()
        try inLab { lab in
            let servers = try ["one", "two", "three"].enumerated().map { index, name in
                try NamedServer(name, port: 7301 + UInt16(index))
            }
            defer { for server in servers { server.stop() } }
            func sections(_ port: Int) -> String {
                """
                frontend f
                bind 127.0.0.1:\(port) \(row.bind)
                timeout client 900ms
                \(row.lines)
                backend one
                server s 127.0.0.1:7301
                backend two
                \(row.backend)
                server s 127.0.0.1:7302
                backend three
                server s 127.0.0.1:7303
                """
            }
            try lab.start(sections(7201))
            lab.write(ProxyLab.haproxyDefaults + sections(7202) + "\n", to: "other.cfg")
            var spawn = Spawn(
                path: "/usr/sbin/haproxy",
                arguments: ["haproxy", "-db", "-f", "\(lab.directory)/other.cfg"]
            )
            spawn.dieWithParent = true
            let haproxy = ChildProcessBox(try spawn.start())
            defer { haproxy.signal(SIGKILL) }
            try lab.waitForListener(7201)
            try lab.waitForListener(7202)
            for visit in row.visits {
                var own = try visit.make(7201)
                var other = try visit.make(7202)
                // A machine that is busy elsewhere delays one of them: what differs for a reason does so again.
                for _ in 0..<3 where own != other {
                    own = try visit.make(7201)
                    other = try visit.make(7202)
                }
                answers.own.append(own)
                answers.other.append(other)
            }
        }
        for (number, pair) in zip(answers.own, answers.other).enumerated() {
            #expect(
                pair.0 == pair.1,
                "visit \(number): \(row.visits[number].pieces.map { $0.prefix(12) })"
            )
        }
    }
}

private final class Answers: @unchecked Sendable {
    var own: [String] = []
    var other: [String] = []
}

extension RuleComparisonTests.Visit {
    /// What the client gets, whether it is reset, and after how many tenths of a second something came.
    fileprivate func make(_ port: UInt16) throws -> String {
        let client = try Client(port: port, from: source)
        defer {
            client.close()
            // Its session ends before the next client comes.
            usleep(30_000)
        }
        let begun = Clock.now
        for (number, piece) in pieces.enumerated() {
            if number > 0 { usleep(100_000) }
            client.send(piece)
        }
        if ends {
            usleep(20_000)
            client.finishSending()
        }
        var text = ""
        while true {
            let isFirst = text.isEmpty
            guard let part = client.receive() else {
                text += errno == ECONNRESET ? " reset" : " error \(errno)"
                break
            }
            if isFirst {
                let tenths = Int(((Clock.now - begun).inSeconds * 5).rounded())
                text += "after \(tenths) fifths: "
            }
            if part.isEmpty {
                // haproxy closes at once, which is a reset if the client's bytes are there already.
                text = text == "after 0 fifths: " ? " reset" : text + " end"
                break
            }
            text += String(decoding: part, as: UTF8.self)
            // A server that waits for the client's end has said all.
            if !ends { break }
        }
        return text
    }
}
