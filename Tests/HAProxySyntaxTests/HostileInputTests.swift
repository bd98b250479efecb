import Glibc
import HAProxySyntax
import Primitives
import Testing

/// Whatever the bytes are, the parser returns, and a configuration comes without an error.
@Suite struct HostileInputTests {
    static let everything = """
        global
          log 127.0.0.1:514 len 80 format raw local0 notice err
          maxconn 100
          stats socket /run/x mode 660
          setenv A "b"
        defaults tcp
          timeout connect 5s
          timeout client 1m
          timeout server 500000
          default-server inter 2s rise 2
        frontend f from tcp
          bind ipv4@:80,[::]:81-83 interface eth0 "name" 'x y'
          bind fd@3
          bind "/run/${A}"
          acl inner src 10.0.0.0/8 ::1
          tcp-request inspect-delay 5s
          tcp-request connection reject if { src_conn_rate(b) gt 10 } !inner
          tcp-request content accept if { req.ssl_sni -i -m end .example.com } or WAIT_END
          use_backend b unless inner || { nbsrv(b) lt 1 }
          default_backend b
          no option dontlognull
        backend b
          balance source
          option redispatch -1
          stick-table type ip size 10k expire 5m store conn_rate(3s),conn_cur
          stick on src
          server s1 192.0.2.1:80 check port 81 addr 192.0.2.3 weight 256
          server s2 db.example.com:+1 backup source 192.0.2.1:0 send-proxy-v2
        listen old *:90,192.0.2.1:91
          clitimeout 500
          server s [2001:db8::1]:80
        """

    static let corpus: [[UInt8]] =
        [fixture("seed/haproxy.cfg"), Array(everything.utf8)]
        + DiagnosticsTests.cases.map { Array($0.wrapped.utf8) }

    @Test("Mutated files never trap, and only a file without an error becomes a configuration")
    func mutations() {
        var random = SeededGenerator(seed: 0x7A11_DE36)
        var loaded = 0
        let rounds = mutationCount
        for round in 0..<rounds {
            // Whole files more often than snippets.
            let corpus = round % 2 == 0 ? Array(Self.corpus[..<2]) : Self.corpus
            let bytes = mutated(corpus, &random)
            let parsed = HAProxyParser.parse(
                [SourceText(path: "h.cfg", bytes: bytes)],
                environment: environment
            )
            let hasError = parsed.diagnostics.contains { $0.severity == .error }
            if hasError == (parsed.configuration != nil) {
                Issue.record("\(parsed.diagnostics) from \(bytes)")
                return
            }
            loaded += hasError ? 0 : 1
        }
        print("haproxy.cfg: \(rounds) mutations, \(loaded) still load")
        #expect(loaded > 0 && loaded < rounds)
    }

    @Test("A file of more than 1 MiB is refused; just below, it is read")
    func size() {
        let comment = String(repeating: "# 34567890123456789012345678901\n", count: 32_000)
        #expect(said(listen("") + comment) == [])
        #expect(
            said(listen("") + comment + comment).first
                == "h.cfg:1: error: the file is larger than 1 MiB (make it smaller)"
        )
    }

    @Test("Lines, words, proxies, addresses and diagnostics are bounded")
    func bounds() {
        #expect(
            said(listen("") + String(repeating: "\n", count: 60_000))
                == ["h.cfg:50001: error: more than 50000 lines (split the file)"]
        )
        #expect(
            said(listen("log-tag " + String(repeating: "x", count: 20_000)))
                == ["h.cfg:6: error: the line is longer than 16 KiB (split it)"]
        )
        let unknown = parse("global\n" + String(repeating: "zzz\n", count: 1000))
        #expect(unknown.diagnostics.count == 201)
        #expect(
            unknown.diagnostics.last?.message.hasSuffix("more diagnostics are not shown") == true
        )
        let ports = said(listen("bind :1-4000\nbind 192.0.2.9:1-4000"))
        #expect(ports == ["h.cfg:7: error: more than 4096 addresses to bind"])
        let range = said(listen("bind :1-65535"))
        #expect(
            range == [
                "h.cfg:6: error: 'bind :1-65535' is more than 4096 addresses (use a smaller range)"
            ]
        )
        let proxies = parse((0..<5000).map { "backend b\($0)\n" }.joined())
        #expect(proxies.diagnostics.contains { $0.message == "more than 4096 proxies" })
    }
}

/// `TANDEM_MUTATIONS` asks for a longer run.
let mutationCount: Int = {
    guard let text = unsafe getenv("TANDEM_MUTATIONS") else { return 10_000 }
    return unsafe Int(String(cString: text)) ?? 10_000
}()

/// One of the files with some bytes changed, removed, doubled or taken from another file.
func mutated(_ corpus: [[UInt8]], _ random: inout SeededGenerator) -> [UInt8] {
    func below(_ limit: Int) -> Int { Int(random.next() % UInt64(max(limit, 1))) }
    let marks =
        Array("{}\"'\\\n\r\t #!$@=:/-+.0159,;%[]\u{FF}\u{0}~".utf8) + [0xE2, 0x80, 0x9C, 0xC2]
    var bytes = corpus[below(corpus.count)]
    for _ in 0...below(6) {
        let place = below(bytes.count)
        switch below(16) {
        case 0...2: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
        case 3...6: bytes.insert(marks[below(marks.count)], at: place)
        case 7...9: if !bytes.isEmpty { bytes[place] = marks[below(marks.count)] }
        case 10...12: bytes.removeSubrange(place..<min(bytes.count, place + below(12)))
        case 13...14:
            let other = corpus[below(corpus.count)]
            let start = below(other.count)
            bytes.insert(contentsOf: other[start..<min(other.count, start + below(40))], at: place)
        default: bytes.removeSubrange(min(bytes.count, place + 1)...)
        }
    }
    return bytes
}
