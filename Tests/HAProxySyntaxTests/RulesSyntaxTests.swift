import Primitives
import Rules
import Testing

@testable import HAProxySyntax

@Suite struct RulesSyntaxTests {
    private static let backends = """
        backend a
          timeout connect 5s
          timeout server 5s
          server s 192.0.2.2:80
        backend b
          timeout connect 5s
          timeout server 5s
          stick-table type ip size 1k expire 1m store conn_cur,conn_rate(10s)
          server s 192.0.2.3:80

        """

    private func frontend(_ lines: String) -> String {
        "frontend f\nbind :80\ntimeout client 5s\n\(lines)\ndefault_backend a\n" + Self.backends
    }

    private func condition(_ text: String) throws -> Condition {
        let section = try proxy(frontend(text))
        return try #require(section.backendChoices.first?.condition)
    }

    @Test("use_backend keeps its order, its conditions and what stands between braces")
    func useBackend() throws {
        let section = try proxy(
            frontend(
                """
                acl inner src 10.0.0.0/8 192.168.0.0/255.255.0.0
                acl inner src 2001:db8::/32
                use_backend b if inner !{ dst_port 443 } or { src_port lt 1024 } || TRUE
                use_backend a unless inner
                use_backend b
                """
            )
        )
        #expect(section.backendChoices.map(\.backend) == ["b", "a", "b"])
        let condition = try #require(section.backendChoices[0].condition)
        #expect(condition.groups.map(\.count) == [2, 1, 1])
        #expect(condition.groups[0][0].anyOf.count == 2)
        #expect(condition.groups[0][1].isNegated)
        #expect(
            condition.groups[1][0].anyOf
                == [Criterion(.sourcePort, .integers([Int.min...1023]))]
        )
        #expect(section.backendChoices[1].condition?.isInverted == true)
        #expect(section.backendChoices[2].condition == nil)
    }

    @Test(
        "Each criterion is read with its arguments and flags",
        arguments: [
            ("src 192.0.2.1", Sample.source), ("dst -n 192.0.2.1", .destination),
            ("fe_conn gt 5", .frontendConnections(proxy: 0)),
            ("fe_conn(f) 1:5", .frontendConnections(proxy: 0)),
            ("be_conn(b) ge 5", .backendConnections(proxy: 2)),
            ("nbsrv(a) lt 1", .usableServers(proxy: 1)), ("queue(a) gt 0", .backendQueue(proxy: 1)),
            ("connslots(b) eq 0", .freeSlots(proxy: 2)), ("dst_conn gt 1", .entranceConnections),
            ("src_conn_rate(b) gt 10", .sourceCounter(.connectionRate, proxy: 2)),
            ("src_conn_cur(b) gt 10", .sourceCounter(.connectionsNow, proxy: 2)),
            ("sc0_conn_cur gt 1", .trackedCounter(.connectionsNow, place: 0)),
            ("sc_conn_rate(2) gt 1", .trackedCounter(.connectionRate, place: 2)),
            ("req.len gt 0", .requestLength), ("req_len gt 0", .requestLength),
            ("req.payload(0,2) -m bin 1603", .payload(offset: 0, length: 2)),
            ("payload(0,2) 1603", .payload(offset: 0, length: 2)),
            ("req.payload(0,3) -m str SSH", .payload(offset: 0, length: 3)),
            ("req.ssl_hello_type 1", .helloType), ("req_ssl_hello_type 1", .helloType),
            ("req.ssl_sni -i www.example.com", .serverName),
            ("req_ssl_sni -m end .example.com", .serverName),
            ("req.ssl_sni,lower -m dom example", .serverName),
            ("req.ssl_sni -m found", .serverName),
            ("always_true", .always(true)), ("wait_end", .waitEnd),
        ]
    )
    func criteria(text: String, sample: Sample) throws {
        let condition = try condition("use_backend b if { \(text) }")
        #expect(condition.groups[0][0].anyOf.map(\.sample) == [sample])
        let named = try self.condition("acl x \(text)\nuse_backend b if x")
        #expect(named.groups == condition.groups)
    }

    @Test("Values may stand in a file, with comments and empty lines")
    func files() throws {
        let parsed = HAProxyParser.parse(
            [
                SourceText(
                    path: "h.cfg",
                    text: frontend("use_backend b if { src -f /lists/inner 203.0.113.1 }")
                )
            ],
            environment: HAProxyParsingEnvironment(
                environmentVariable: { _ in nil },
                file: { $0 == "/lists/inner" ? Array("# ours\n\n 10.0.0.0/8\r\n::1\n".utf8) : nil }
            )
        )
        let configuration = try #require(parsed.configuration, "\(parsed.diagnostics)")
        let expected = AddressSet(["203.0.113.1", "10.0.0.0/8", "::1"].compactMap { Prefix($0) })
        #expect(
            configuration.proxies[0].backendChoices[0].condition?.groups[0][0].anyOf
                == [Criterion(.source, .addresses(expected))]
        )
    }

    @Test("tcp-request, stick-table and stick are read")
    func rules() throws {
        let section = try proxy(
            """
            listen l
              bind :80
              timeout connect 5s
              timeout client 5s
              timeout server 5s
              stick-table type ipv6 size 2m expire 30m nopurge store conn_cnt,conn_rate(3s) store sess_cnt
              stick on src
              stick match dst table l if { src 10.0.0.0/8 }
              stick store-request src unless LOCALHOST
              tcp-request inspect-delay 5s
              tcp-request connection track-sc0 src
              tcp-request connection reject if { src_conn_rate gt 100 }
              tcp-request session accept if { src 10.0.0.0/8 }
              tcp-request content track-sc1 src table l
              tcp-request content accept if WAIT_END
              tcp-request content reject
              server s 192.0.2.2:80
            """
        )
        let table = try #require(section.stickTable)
        #expect(table.keyKind == .ipv6)
        #expect(table.size == 2 << 20)
        #expect(table.expire == .seconds(1800))
        #expect(!table.purges)
        #expect(
            table.periods
                == [.connectionCount: .zero, .connectionRate: .seconds(3), .sessionCount: .zero]
        )
        #expect(section.inspectDelay == .seconds(5))
        #expect(
            section.connectionRules.rules.map(\.action)
                == [.track(.source, table: 0, place: 0), .reject]
        )
        #expect(section.sessionRules.rules.map(\.action) == [.accept])
        #expect(
            section.contentRules.rules.map(\.action)
                == [.track(.source, table: 0, place: 1), .accept, .reject]
        )
        #expect(section.stickRules.map(\.matches) == [true, true, false])
        #expect(section.stickRules.map(\.stores) == [true, false, true])
    }

    @Test(
        "What is wrong with a rule is said with its line and a mend",
        arguments: [
            ("use_backend c", "'use_backend c' of 'f' does not exist"),
            ("use_backend %[src]", "a name out of an expression"),
            ("use_backend b when x", "'when' behind 'use_backend b' is not expected"),
            ("use_backend b if nothing", "there is no 'acl nothing' above this line"),
            ("use_backend b if { src }", "nothing that it could be compared with"),
            ("use_backend b if { src 10.0.0.0/8", "a '{' has no '}'"),
            ("use_backend b if", "a criterion is missing behind 'if'"),
            ("use_backend b if TRUE or", "a criterion is missing behind 'or'"),
            ("use_backend b if !", "a criterion is missing behind '!'"),
            ("use_backend b if { src example.com }", "'example.com' is not an address"),
            ("use_backend b if { src 10.0.0.0/33 }", "is not an address or a network"),
            ("use_backend b if { src_port gt x }", "is not a number or a range"),
            ("use_backend b if { src_port 9:1 }", "is not a number or a range"),
            ("use_backend b if { path /x }", "'path' is not done by this version"),
            ("use_backend b if { soruce 10.0.0.1 }", "unknown keyword 'soruce'"),
            ("use_backend b if { req.ssl_sni -m reg ^www }", "regular expressions"),
            ("use_backend b if { src -m str x }", "'-m str' does not go with"),
            ("use_backend b if { req.payload(0,2) 160 }", "not in pairs of digits"),
            ("use_backend b if { req.payload(0) 16 }", "needs an offset and a length"),
            ("use_backend b if { nbsrv lt 1 }", "'nbsrv' needs the name of a proxy here"),
            ("use_backend b if { nbsrv(f) lt 1 }", "'nbsrv(f)': there is no such proxy"),
            ("use_backend b if { src_conn_rate gt 1 }", "'f' has no 'stick-table'"),
            ("use_backend b if { src_conn_cnt(b) gt 1 }", "does not store 'conn_cnt'"),
            ("use_backend b if { src -f /none }", "'/none' can't be read"),
            ("use_backend b if { src -x 1 }", "'-x' is not done by this version"),
            ("use_backend b if { req.ssl_sni,hex x }", "'hex' behind 'req.ssl_sni'"),
            ("acl or src 10.0.0.1", "'or' can't be the name of an 'acl'"),
            ("acl x", "'acl' needs a name and a criterion"),
            ("tcp-request connection drop", "the action 'drop' is not done"),
            ("tcp-request response reject", "'tcp-request response' is not known"),
            ("tcp-request connection reject if { req.len gt 0 }", "which is not there yet"),
            ("tcp-request connection track-sc0 url", "'track-sc0 url' is not done"),
            ("tcp-request inspect-delay", "needs a time"),
            ("stick-table type string size 1k", "'stick-table type string' is not done"),
            ("stick-table type ip", "'stick-table' needs a type and a size"),
            ("stick-table type ip size 99g", "'size 99g' is not a size"),
            ("stick-table type ip size 1k store conn_rate", "'store conn_rate' is not a counter"),
            (
                "stick-table type ip size 1k store http_req_rate(9s)",
                "nothing that is done reads it"
            ),
        ]
    )
    func wrong(lines: String, expected: String) {
        let found = said(frontend(lines)).filter { $0.contains(expected) }
        #expect(found.count == 1, "\(said(frontend(lines)))")
        #expect(found.allSatisfy { $0.contains("h.cfg:4") })
    }
}
