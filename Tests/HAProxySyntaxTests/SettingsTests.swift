import HAProxySyntax
import Primitives
import Testing

/// What the lines mean: defaults, units and forms of the configuration manual.
@Suite struct SettingsTests {
    @Test(
        "Times have units, and milliseconds without",
        arguments: [
            ("500000", 500_000), ("5s", 5000), ("5000ms", 5000), ("5000000us", 5000),
            ("1m", 60_000),
            ("2h", 7_200_000), ("1d", 86_400_000), ("10secs", 10_000),
            ("2147483647", 2_147_483_647),
        ] as [(String, Int)]
    )
    func times(text: String, milliseconds: Int) throws {
        let proxy = try proxy(listen("timeout queue \(text)"))
        #expect(proxy.timeouts.queue == .milliseconds(milliseconds))
    }

    @Test("Every timeout has its place; zero is none")
    func timeoutNames() throws {
        let proxy = try proxy(
            listen(
                "timeout connect 1s\ntimeout client 2s\ntimeout server 3s\ntimeout queue 4s\n"
                    + "timeout check 5s\ntimeout tunnel 6s\ntimeout client-fin 7s\n"
                    + "timeout server-fin 8s"
            )
        )
        var expected = Timeouts()
        expected.connect = .seconds(1)
        expected.client = .seconds(2)
        expected.server = .seconds(3)
        expected.queue = .seconds(4)
        expected.check = .seconds(5)
        expected.tunnel = .seconds(6)
        expected.clientFin = .seconds(7)
        expected.serverFin = .seconds(8)
        #expect(proxy.timeouts == expected)
        #expect(try self.proxyOf("timeout queue 4s\ntimeout queue 0").timeouts.queue == nil)
    }

    private func proxyOf(_ body: String) throws -> ProxySection { try proxy(listen(body)) }

    @Test(
        "Addresses of a bind have all their forms",
        arguments: [
            ("192.0.2.1:80", [.ip(.v4(IPv4Address(192, 0, 2, 1)), port: 80)]),
            ("*:80", [.ip(.v4(.any), port: 80)]),
            (":80", [.ip(.v4(.any), port: 80)]),
            ("0.0.0.0:80", [.ip(.v4(.any), port: 80)]),
            ("ipv4@:80", [.ip(.v4(.any), port: 80)]),
            ("ipv6@:80", [.ip(.v6(.any), port: 80)]),
            (":::80", [.ip(.v6(.any), port: 80)]),
            ("[::]:80", [.ip(.v6(.any), port: 80)]),
            ("ipv6@[2001:db8::1]:80", [.ip(.v6(documentation), port: 80)]),
            ("2001:db8::1:80", [.ip(.v6(documentation), port: 80)]),
            (":8000-8002", (8000...8002).map { .ip(.v4(.any), port: $0) }),
            (
                ":80,192.0.2.1:443",
                [
                    .ip(.v4(.any), port: 80), .ip(.v4(IPv4Address(192, 0, 2, 1)), port: 443),
                ]
            ),
            ("unix@/run/s.sock", [.unix(path: "/run/s.sock")]),
            ("/run/s.sock", [.unix(path: "/run/s.sock")]),
            ("fd@3", [.descriptor(3)]),
            ("fd@${FD}", [.descriptor(7)]),
            ("\"fd@${FD}\"", [.descriptor(7)]),
            ("${ADDRESS}:${PORT}", [.ip(.v4(IPv4Address(192, 0, 2, 1)), port: 7001)]),
            ("\":$PORT\"", [.ip(.v4(.any), port: 7001)]),
            ("\":${NONE-81}\"", [.ip(.v4(.any), port: 81)]),
        ] as [(String, [BindAddress.Endpoint])]
    )
    func binds(text: String, expected: [BindAddress.Endpoint]) throws {
        let proxy = try proxy("listen l\nbind \(text)\n\(timeouts)server s 192.0.2.2:80\n")
        #expect(proxy.binds.map(\.endpoint) == expected)
    }

    static let documentation = IPv6Address(high: 0x2001_0DB8_0000_0000, low: 1)

    @Test("The options of a bind are kept; the proxy's backlog is its default")
    func bindOptions() throws {
        let proxy = try proxy(
            "listen l\nbacklog 50\nbind :80 interface eth0 backlog 9 maxconn 7 name web transparent "
                + "defer-accept accept-proxy\nbind :81 v6only id 3 nice 4\n\(timeouts)"
                + "server s 192.0.2.2:80\n"
        )
        let first = try #require(proxy.binds.first)
        #expect(first.interface == "eth0" && first.backlog == 9 && first.maxconn == 7)
        #expect(first.name == "web" && first.transparent && first.deferAccept && first.acceptProxy)
        #expect(!first.onlyIPv6)
        #expect(proxy.binds.last?.onlyIPv6 == true && proxy.binds.last?.backlog == 50)
    }

    @Test("The addresses of HAProxy 1.4 on the line of the section are binds")
    func oldAddresses() throws {
        let text =
            "listen web 192.0.2.1:80,:8080-8081 transparent\n\(timeouts)server s 192.0.2.2:80\n"
        let proxy = try proxy(text)
        #expect(proxy.binds.count == 3 && proxy.binds.allSatisfy(\.transparent))
        #expect(
            said(text) == [
                "h.cfg:1: warning: the address on the 'listen' line is gone since HAProxy 1.6; it still "
                    + "works here (write 'bind 192.0.2.1:80,:8080-8081 transparent' below it)"
            ]
        )
    }

    @Test(
        "Addresses of a server have all their forms",
        arguments: [
            ("192.0.2.2:80", .address(.v4(IPv4Address(192, 0, 2, 2))), .fixed(80)),
            ("192.0.2.2", .address(.v4(IPv4Address(192, 0, 2, 2))), .client(offset: 0)),
            ("192.0.2.2:+10", .address(.v4(IPv4Address(192, 0, 2, 2))), .client(offset: 10)),
            ("192.0.2.2:-10", .address(.v4(IPv4Address(192, 0, 2, 2))), .client(offset: -10)),
            ("db1.example.com:5432", .name("db1.example.com"), .fixed(5432)),
            ("db_1", .name("db_1"), .client(offset: 0)),
            ("[2001:db8::1]:80", .address(.v6(documentation)), .fixed(80)),
            ("[2001:db8::1]", .address(.v6(documentation)), .client(offset: 0)),
            ("2001:db8::1:", .address(.v6(documentation)), .client(offset: 0)),
            ("ipv4@192.0.2.2:80", .address(.v4(IPv4Address(192, 0, 2, 2))), .fixed(80)),
            ("${ADDRESS}:80", .address(.v4(IPv4Address(192, 0, 2, 1))), .fixed(80)),
        ] as [(String, ServerLine.Host, ServerLine.PortRule)]
    )
    func servers(text: String, host: ServerLine.Host, port: ServerLine.PortRule) throws {
        let proxy = try proxy("listen l\nbind :80\n\(timeouts)server s \(text)\n")
        #expect(proxy.servers.first?.host == host)
        #expect(proxy.servers.first?.port == port)
    }

    @Test("A server has HAProxy's defaults, default-server's above them, and its own above all")
    func serverOptions() throws {
        let proxy = try proxy(
            """
            defaults
              \(timeouts)
              default-server inter 5s rise 4
            backend b
              default-server fall 7 maxconn 100 check
              server a 192.0.2.2:80
              server b 192.0.2.3:80 no-check inter 1s fastinter 500ms downinter 10s weight 0 backup
              server c 192.0.2.4:80 port 8080 addr 192.0.2.9 minconn 1 maxqueue 2 slowstart 30s disabled
              server d 192.0.2.5:80 on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions
              server e 192.0.2.6:80 send-proxy source 192.0.2.7
              server f 192.0.2.6:81 send-proxy-v2 init-addr none resolve-prefer ipv4 verify none id 5
            frontend f
              bind :80
              default_backend b
            """
        )
        let servers = proxy.servers
        #expect(servers.count == 6)
        #expect(servers.allSatisfy { $0.rise == 4 && $0.fall == 7 && $0.maxconn == 100 })
        #expect(servers[0].checked && servers[0].interval == .seconds(5) && servers[0].weight == 1)
        #expect(!servers[1].checked && servers[1].interval == .seconds(1))
        #expect(servers[1].fastInterval == .milliseconds(500))
        #expect(servers[1].downInterval == .seconds(10))
        #expect(servers[1].weight == 0 && servers[1].backup)
        #expect(servers[2].checkPort == 8080)
        #expect(servers[2].checkAddress == .v4(IPv4Address(192, 0, 2, 9)))
        #expect(servers[2].minconn == 1 && servers[2].maxqueue == 2)
        #expect(servers[2].slowStart == .seconds(30) && servers[2].disabled)
        #expect(servers[3].shutdownSessionsWhenDown && servers[3].shutdownBackupSessionsWhenUp)
        #expect(servers[4].sendProxyVersion == 1)
        #expect(servers[4].source == .v4(IPv4Address(192, 0, 2, 7)))
        #expect(servers[5].sendProxyVersion == 2)
    }

    @Test("Options are set, and unset by 'no'; defaults are inherited until the next ones")
    func options() throws {
        let text = """
            defaults
              \(timeouts)
              option tcplog
              option dontlognull
              option allbackups
              option redispatch
              option tcpka
            defaults two from two-base
            """
        let proxy = try proxy(
            text.split(separator: "defaults two from two-base").joined()
                + """
                listen l
                  bind :80
                  no option dontlognull
                  default option allbackups
                  option redispatch 2
                  no option srvtcpka
                  option logasap
                  option log-health-checks
                  option abortonclose
                  option nolinger
                  option tcp-check
                  tcp-check connect
                  balance leastconn
                  maxconn 10
                  retries 0
                  server s 192.0.2.2:80
                """
        )
        #expect(proxy.optionTCPLog && !proxy.optionDontLogNull && !proxy.optionAllBackups)
        #expect(proxy.redispatch == 2)
        #expect(proxy.optionClientKeepAlive && !proxy.optionServerKeepAlive)
        #expect(proxy.optionLogASAP && proxy.optionLogHealthChecks)
        #expect(proxy.optionAbortOnClose && proxy.optionNoLinger)
        #expect(proxy.balance == .leastconn && proxy.maxconn == 10 && proxy.retries == 0)
        #expect(try self.proxyOf("option redispatch\nno option redispatch").redispatch == nil)
        #expect(try self.proxyOf("redispatch").redispatch == -1)
    }

    @Test("Defaults can be named, and a section can ask for them")
    func namedDefaults() throws {
        let parsed = parse(
            """
            defaults tcp
              \(timeouts)
              option tcplog
            defaults quiet from tcp
              no option dontlognull
              maxconn 7
            listen a from tcp
              bind :80
              server s 192.0.2.2:80
            listen b
              bind :81
              server s 192.0.2.2:80
            """
        )
        let proxies = try #require(parsed.configuration).proxies
        #expect(proxies.map(\.maxconn) == [nil, 7])
        #expect(proxies.map(\.optionTCPLog) == [true, true])
    }

    @Test(
        "Balancing algorithms are read",
        arguments: [
            ("balance", .roundrobin), ("balance roundrobin", .roundrobin),
            ("balance static-rr", .staticRoundRobin), ("balance leastconn", .leastconn),
            ("balance source", .source), ("balance first", .first), ("balance random", .random),
            ("balance random(2)", .random),
        ] as [(String, ProxySection.Balance)]
    )
    func balance(line: String, expected: ProxySection.Balance) throws {
        #expect(try proxy(listen(line)).balance == expected)
    }

    @Test(
        "Log targets have all their forms",
        arguments: [
            ("127.0.0.1 local0", LogTarget(destination: udp(514), facility: 16)),
            (
                "127.0.0.1:515 local7 notice",
                LogTarget(
                    destination: udp(515),
                    facility: 23,
                    maximumLevel: 5
                )
            ),
            (
                "localhost daemon err alert",
                LogTarget(
                    destination: udp(514),
                    facility: 3,
                    maximumLevel: 3,
                    minimumLevel: 1
                )
            ),
            ("udp@127.0.0.1:515 user", LogTarget(destination: udp(515), facility: 1)),
            ("/dev/log local0", LogTarget(destination: .unix(path: "/dev/log"), facility: 16)),
            (
                "stdout format raw local0",
                LogTarget(
                    destination: .standardOutput,
                    facility: 16,
                    format: .raw
                )
            ),
            (
                "fd@2 len 80 format rfc5424 local1 info",
                LogTarget(
                    destination: .standardError,
                    facility: 17,
                    maximumLevel: 6,
                    length: 80,
                    format: .rfc5424
                )
            ),
        ] as [(String, LogTarget)]
    )
    func logs(text: String, expected: LogTarget) throws {
        let parsed = parse("global\nlog \(text)\n" + listen("log global"))
        #expect(parsed.configuration?.global.logs == [expected])
        #expect(parsed.configuration?.proxies.first?.logs == [expected])
        #expect(try proxy(listen("log \(text)")).logs == [expected])
        #expect(try proxy(listen("log \(text)\nno log")).logs == [])
    }

    private static func udp(_ port: UInt16) -> LogTarget.Destination {
        .udp(address: .v4(.loopback), port: port)
    }

    @Test("The global section is read, wherever it stands")
    func global() throws {
        let parsed = parse(
            listen("log global"),
            """
            global
              daemon
              maxconn 100
              uid 99
              gid 98
              nbthread 2
              pidfile /run/h.pid
              log-tag proxy
              log-send-hostname
              stats socket /run/h.sock mode 660 level admin
              stats timeout 30s
              log /dev/log local0
              tune.bufsize 16384
              ssl-default-bind-options no-sslv3
              ca-base /etc/ssl/certs
              ulimit-n 65536
            """
        )
        #expect(parsed.diagnostics == [])
        let global = try #require(parsed.configuration).global
        #expect(global.maxconn == 100 && global.uid == 99 && global.gid == 98)
        #expect(global.threads == 2 && global.pidfile == "/run/h.pid")
        #expect(global.logTag == "proxy")
        #expect(global.logHostname == "")
        #expect(global.statsSockets == ["/run/h.sock mode 660 level admin"])
        #expect(parsed.configuration?.proxies.first?.logs.count == 1)
    }

    @Test("Quotes, escapes, comments and variables are taken as HAProxy takes them")
    func quoting() throws {
        let parsed = parse(
            """
            # a comment
            global # another
              log-tag "a b # c" # d
              node 'x "y" z'
              setenv BACK "192.0.2.2"
              presetenv PORT 1
            listen l\\ l
              bind :80
            """
        )
        #expect(parsed.diagnostics.contains { $0.message.contains("'l l' can't be the name") })
        let good = parse(
            "global\nlog-tag \"a b # c\" # d\nsetenv BACK 192.0.2.3\n"
                + "listen l\nbind \":${PORT}\" name a\\ b\n\(timeouts)"
                + "server 's' \"${BACK}\":80 # c\n"
        )
        #expect(good.diagnostics == [])
        #expect(good.configuration?.global.logTag == "a b # c")
        let proxy = try #require(good.configuration?.proxies.first)
        #expect(proxy.binds.first?.name == "a b")
        #expect(proxy.servers.first?.host == .address(.v4(IPv4Address(192, 0, 2, 3))))
    }

    @Test("A file without a last newline, with CRLF, tabs or a byte order mark loads")
    func noise() throws {
        let text = String(listen("option tcplog").dropLast())
        #expect(said(text) == [])
        #expect(said(text.split(separator: "\n").joined(separator: "\r\n") + "\r\n") == [])
        #expect(said("\u{FEFF}" + text) == [])
        #expect(said(text.split(separator: " ").joined(separator: "\t \t")) == [])
        #expect(said("# 负载均衡\n" + text) == [])
    }
}
