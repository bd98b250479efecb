import HAProxySyntax
import Primitives
import Testing

@Suite struct SeedTests {
    private var seed: ParsedHAProxy {
        HAProxyParser.parse(
            [SourceText(path: "/etc/tandem/haproxy.cfg", bytes: fixture("seed/haproxy.cfg"))],
            environment: environment
        )
    }

    @Test("The founding file loads verbatim; every old spelling has its replacement line")
    func verbatim() throws {
        #expect(
            seed.diagnostics.map(\.description) == [
                "/etc/tandem/haproxy.cfg:14: warning: 'contimeout' is gone since HAProxy 2.1; it still "
                    + "works here (write 'timeout connect 500000')",
                "/etc/tandem/haproxy.cfg:15: warning: 'clitimeout' is gone since HAProxy 2.1; it still "
                    + "works here (write 'timeout client 500000')",
                "/etc/tandem/haproxy.cfg:16: warning: 'srvtimeout' is gone since HAProxy 2.1; it still "
                    + "works here (write 'timeout server 500000')",
                "/etc/tandem/haproxy.cfg:18: warning: the address on the 'listen' line is gone since "
                    + "HAProxy 1.6; it still works here (write 'bind 192.168.0.100:7001' below it)",
            ]
        )
        let configuration = try #require(seed.configuration)
        #expect(configuration.global.maxconn == 4096)
        #expect(configuration.global.user == "haproxy")
        #expect(configuration.global.group == "haproxy")
        let local = IPAddress.v4(.loopback)
        #expect(
            configuration.global.logs == [
                LogTarget(destination: .udp(address: local, port: 514), facility: 16),
                LogTarget(
                    destination: .udp(address: local, port: 514),
                    facility: 17,
                    maximumLevel: 5
                ),
            ]
        )
        let proxy = try #require(configuration.proxies.first)
        #expect(proxy.kind == .listen)
        #expect(proxy.name == "blogadmin.nostratech.com")
        #expect(
            proxy.binds.map(\.endpoint) == [.ip(.v4(IPv4Address(192, 168, 0, 100)), port: 7001)]
        )
        #expect(proxy.logs == configuration.global.logs)
        #expect(proxy.maxconn == 2000)
        #expect(proxy.retries == 3)
        #expect(proxy.redispatch == -1)
        #expect(proxy.optionTCPLog && proxy.optionDontLogNull)
        #expect(proxy.timeouts.connect == .milliseconds(500_000))
        #expect(proxy.timeouts.client == .milliseconds(500_000))
        #expect(proxy.timeouts.server == .milliseconds(500_000))
        #expect(proxy.timeouts.queue == nil)
        let server = try #require(proxy.servers.first)
        #expect(server.name == "adminserver")
        #expect(server.host == .name("blogadminvhn.nostratech.com"))
        #expect(server.port == .fixed(7001))
        #expect(server.checked)
        #expect(server.interval == .seconds(2) && server.rise == 2 && server.fall == 3)
    }

    @Test("Its modern spelling is the same configuration, and says nothing")
    func modern() throws {
        let modern = """
            global
                log 127.0.0.1 local0
                log 127.0.0.1 local1 notice
                maxconn 4096
                user haproxy
                group haproxy
            defaults
                log global
                option dontlognull
                option redispatch
                retries 3
                maxconn 2000
                timeout connect 500s
                timeout client 500000ms
                timeout server 500000
            listen blogadmin.nostratech.com
                bind 192.168.0.100:7001
                mode tcp
                option tcplog
                server adminserver blogadminvhn.nostratech.com:7001 check
            """
        let parsed = parse(modern)
        #expect(parsed.diagnostics == [])
        #expect(parsed.configuration?.withoutLines == seed.configuration?.withoutLines)
        let other = modern.split(separator: "500s").joined(separator: "501s")
        #expect(parse(other).configuration?.withoutLines != seed.configuration?.withoutLines)
    }

    @Test("Several files are read as one, and a section ends with its file")
    func severalFiles() throws {
        let parsed = parse("global\nmaxconn 10\n", "global\nuser haproxy\n", listen(""))
        #expect(parsed.configuration?.global.maxconn == 10)
        #expect(parsed.configuration?.global.user == "haproxy")
        #expect(parsed.configuration?.proxies.first?.location.file == "h2.cfg")
        let cut = parse("global\n", "maxconn 10\n" + listen(""))
        #expect(
            cut.diagnostics.map(\.description) == [
                "h1.cfg:1: error: 'maxconn' before the first section (expected global, defaults, "
                    + "listen, frontend or backend)"
            ]
        )
    }
}

extension HAProxyConfiguration {
    /// What it means, wherever it stood.
    fileprivate var withoutLines: HAProxyConfiguration {
        let nowhere = SourceLocation(file: "", line: 0)
        var copy = self
        for index in copy.proxies.indices {
            copy.proxies[index].location = nowhere
            for bind in copy.proxies[index].binds.indices {
                copy.proxies[index].binds[bind].location = nowhere
            }
            for server in copy.proxies[index].servers.indices {
                copy.proxies[index].servers[server].location = nowhere
            }
        }
        return copy
    }
}
