import HAProxySyntax
import Primitives
import Testing

@Suite struct DirectiveTests {
    /// The retries of a proxy whose `retries` line stands behind a condition.
    private func holds(_ condition: String) throws -> Bool {
        try proxy(listen("retries 1\n.if \(condition)\nretries 7\n.endif")).retries == 7
    }

    @Test(
        "A condition holds as HAProxy 2.6 sees it",
        arguments: [
            ("", false), ("0", false), ("1", true), ("-1", true), ("!0", true), ("!!1", true),
            ("1 && 1", true), ("1 && 0", false), ("0 || 1", true), ("(1||0)&&0", false),
            ("1 || 0 && 0", true), ("defined(PORT)", true), ("defined(NONE)", false),
            ("!defined(NONE) && defined(FD)", true), ("streq(a,a)", true), ("streq(a,b)", false),
            ("strneq(a,b)", true), ("streq(\"$PORT\",7001)", true),
            ("streq(\"a b\",\"a b\")", true),
            ("version_atleast(2.4)", true), ("version_atleast(2.6.12)", true),
            ("version_atleast(2.6-dev3)", true), ("version_atleast(2.7)", false),
            ("version_before(2.5)", false), ("version_before(3)", true), ("feature(EPOLL)", true),
            ("feature(OPENSSL)", false),
        ]
    )
    func conditions(condition: String, expected: Bool) throws {
        #expect(try holds(condition) == expected)
    }

    @Test("One branch is read, and nothing of the others")
    func branches() throws {
        for (values, expected) in [([1, 1], 2), ([0, 1], 3), ([0, 0], 4), ([1, 0], 2)] {
            let section = try proxy(
                listen(
                    """
                    .if \(values[0])
                      retries 2
                      .if 0
                        nonsense "that is never closed
                        .if here(
                        .elif nor(
                        .else
                        .endif
                      .endif
                    .elif \(values[1])
                      retries 3
                    .else
                      retries 4
                    .endif
                    """
                )
            )
            #expect(section.retries == expected)
        }
    }

    @Test("setenv of a branch that does not hold does nothing, of another it counts below")
    func environment() throws {
        let text =
            "global\n.if 0\nsetenv A 1\n.endif\nsetenv B 1\n.if defined(A) || !defined(B)\n"
            + "nonsense\n.endif\n" + listen("")
        _ = try proxy(text)
    }

    @Test(
        "What is wrong is said",
        arguments: [
            (".else", "'.else' without '.if'"), (".endif", "'.endif' without '.if'"),
            (".if 1", "'.if' is never closed"), (".if 1\n.else\n.else\n.endif", "without '.if'"),
            (".if maybe\n.endif", "'maybe' is not known"),
            (".if streq(a)\n.endif", "'streq' takes two"),
            (".if 1 0\n.endif", "'0' is not expected"), (".if (1\n.endif", "is never closed"),
            (".alert \"no such luck\"", "no such luck"), (".what", "unknown directive '.what'"),
            (".if version_before(x)\n.endif", "'x' is not a version"),
        ]
    )
    func mistakes(lines: String, expected: String) {
        let said = said(listen(lines))
        #expect(said.contains { $0.contains(expected) }, "\(said)")
        #expect(parse(listen(lines)).configuration == nil)
    }

    @Test("A message is a warning and no more")
    func messages() {
        let text = listen(".warning \"mind the gap\"\n.if 0\n.alert never\n.endif")
        #expect(said(text).contains { $0.contains("mind the gap") })
        #expect(parse(text).configuration != nil)
    }
}

@Suite struct QuotingTests {
    private func tag(_ text: String) throws -> String? {
        let parsed = parse("global\nlog-tag \(text)\n" + listen(""))
        return try #require(parsed.configuration, "\(parsed.diagnostics)").global.logTag
    }

    @Test(
        "Backslashes mean what HAProxy takes them for",
        arguments: [
            (#""a\tb""#, "a\tb"), (#""\x41b""#, "Ab"), (#""a\nb""#, "a\nb"), (#""a\rb""#, "a\rb"),
            (#"a\x41"#, "aA"), (#"a\ b"#, "a b"), (#"a\$b"#, #"a\$b"#), (#""a\$b""#, "a$b"),
            (#"a\zb"#, #"a\zb"#), (#""a\zb""#, #"a\zb"#), (#"'a\tb'"#, #"a\tb"#),
            (#""a\\b""#, #"a\b"#),
            (#""a\"b""#, #"a"b"#),
        ]
    )
    func backslashes(text: String, expected: String) throws {
        #expect(try tag(text) == expected)
    }

    @Test("A number that is none is an error")
    func badNumber() {
        let said = said("global\nlog-tag \"a\\xZZ\"\n" + listen(""))
        #expect(said.contains { $0.contains("needs two hexadecimal digits") })
    }
}

@Suite struct ListenerSyntaxTests {
    @Test("setenv holds for addresses without quotes, too")
    func setenv() throws {
        let text = "global\nsetenv MINE 8080\n" + listen("bind 192.0.2.1:${MINE}")
        #expect(
            try proxy(text).binds.map(\.endpoint) == [
                .ip(.v4(IPv4Address(192, 0, 2, 1)), port: 80),
                .ip(.v4(IPv4Address(192, 0, 2, 1)), port: 8080),
            ]
        )
    }

    @Test("A backlog below its bind counts, and a bind's own comes first")
    func backlog() throws {
        let section = try proxy(listen("bind 192.0.2.1:81 backlog 5\nbacklog 77"))
        #expect(section.binds.map(\.backlog) == [77, 5])
    }

    @Test("The same address twice in a proxy is one, and in two proxies an error")
    func sameAddress() throws {
        let twice = listen("bind 192.0.2.1:80 process 2")
        #expect(try proxy(twice).binds.count == 1)
        let warning = "bound already at h.cfg:2, and once is enough"
        #expect(said(twice).contains { $0.contains(warning) })
        let other = listen("") + "listen m\nbind 192.0.2.1:80\n\(timeouts)server s 192.0.2.2:80\n"
        #expect(parse(other).configuration == nil)
    }

    @Test("The name of an address to bind is looked up once, with a word of warning")
    func bindName() throws {
        let known = HAProxyParsingEnvironment(
            environmentVariable: { _ in nil },
            addresses: { name in
                name == "here.example" ? [.v6(.any), .v4(IPv4Address(192, 0, 2, 7))] : []
            }
        )
        let text = "listen l\nbind ipv4@here.example:80\n\(timeouts)server s 192.0.2.2:80\n"
        let source = SourceText(path: "h.cfg", text: text)
        let parsed = HAProxyParser.parse([source], environment: known)
        let bind = try #require(parsed.configuration?.proxies.first?.binds.first)
        #expect(bind.endpoint == .ip(.v4(IPv4Address(192, 0, 2, 7)), port: 80))
        let said = parsed.diagnostics.map(\.description)
        #expect(said.contains { $0.contains("'here.example' is 192.0.2.7 now") }, "\(said)")
        #expect(parse(text).configuration == nil)
    }
}

@Suite struct ServerSyntaxTests {
    private func server(_ options: String) throws -> ServerLine {
        let section = try proxy(listen("server t 192.0.2.3:80 \(options)"))
        return try #require(section.servers.first)
    }

    @Test("minconn alone, or above maxconn, is the limit")
    func minconn() throws {
        #expect(try server("minconn 50").maxconn == 50)
        #expect(try server("minconn 50 maxconn 20").maxconn == 50)
        #expect(try server("minconn 5 maxconn 20").maxconn == 20)
    }

    @Test("Checks send the header where clients go, or where they are told to")
    func checkHeader() throws {
        #expect(try server("check send-proxy").checkHeaderVersion == 1)
        #expect(try server("check send-proxy-v2").checkHeaderVersion == 2)
        #expect(try server("check send-proxy port 81").checkHeaderVersion == nil)
        #expect(try server("check send-proxy addr 192.0.2.9").checkHeaderVersion == nil)
        #expect(try server("check send-proxy-v2 port 81 check-send-proxy").checkHeaderVersion == 2)
        #expect(try server("check check-send-proxy").checkHeaderVersion == 1)
        #expect(try server("check").checkHeaderVersion == nil)
    }

    @Test("random takes the number of draws")
    func draws() throws {
        #expect(try proxy(listen("balance random(5)")).randomDraws == 5)
        #expect(try proxy(listen("balance random")).randomDraws == 2)
        #expect(parse(listen("balance random(0)")).configuration == nil)
    }

    @Test("A name server that the system's resolver can't ask is an error where it matters")
    func nameServers() {
        let section = "resolvers consul\nnameserver c 127.0.0.1:8600\n"
        let used = section + listen("server t db.example:80 resolvers consul")
        #expect(said(used).contains { $0.contains("can't ask '127.0.0.1:8600'") })
        #expect(parse(used).configuration == nil)
        #expect(parse(section + listen("")).configuration != nil)
        let service = listen("server-template s 3 _db._tcp.service.consul check")
        #expect(said(service).contains { $0.contains("SRV records are not looked up") })
    }

    @Test("spread-checks is a number of percent")
    func spread() throws {
        let parsed = parse("global\nspread-checks 5\n" + listen(""))
        #expect(parsed.configuration?.global.checkSpread == 5)
        #expect(parse("global\nspread-checks 51\n" + listen("")).configuration == nil)
    }
}
