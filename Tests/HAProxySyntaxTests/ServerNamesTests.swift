import Primitives
import Testing

@testable import HAProxySyntax

@Suite struct ServerNamesTests {
    @Test("A template is as many servers as it says, with all of its options")
    func template() throws {
        let section = try proxy(
            listen(
                "server-template web 3-5 web.example.com:80 check weight 7\nserver-template x 2 y.example:1"
            )
        )
        #expect(section.servers.map(\.name) == ["web3", "web4", "web5", "x1", "x2", "s"])
        #expect(section.servers[1].host == .name("web.example.com"))
        #expect(section.servers[1].weight == 7)
        #expect(section.servers[1].isOfTemplate && !section.servers[5].isOfTemplate)
    }

    @Test(
        "What is wrong with names of servers is said with its line",
        arguments: [
            ("server-template web 5-3 a.example:80", "'5-3' is not a number of servers"),
            ("server-template web 99999 a.example:80", "more than 4096 servers"),
            ("server-template web 3", "needs a prefix, a number and a name"),
            (
                "server t 192.0.2.9:80\nserver-template t 1 a.example:80\nserver t1 192.0.2.1:80",
                "t1"
            ),
            ("server t 192.0.2.9:80 init-addr never", "'never' in 'init-addr' is not known"),
            ("server t a.example:80 resolvers r", "there is no 'resolvers r' section"),
            ("server t a.example:80 resolve-prefer ipv5", "'resolve-prefer ipv5' is not known"),
            ("server t 192.0.2.9:80 check init-state up-ish", "'init-state up-ish' is not known"),
            ("server t 192.0.2.9:80 track s", "leads to no server that is checked"),
            ("server t 192.0.2.9:80 track other/s", "'track other/s': there is no such server"),
            ("server t 192.0.2.9:80 track u\nserver u 192.0.2.8:80 track t", "leads to no server"),
            (
                "server u 192.0.2.8:80 check\nserver t 192.0.2.9:80 check track u",
                "both 'check' and"
            ),
        ]
    )
    func wrong(lines: String, expected: String) {
        #expect(said(listen(lines)).contains { $0.contains(expected) }, "\(said(listen(lines)))")
    }

    @Test("A resolvers section tells how often names are looked up; its servers are the system's")
    func resolvers() throws {
        let text = """
            resolvers r
              nameserver n 192.0.2.53:53
              hold valid 30s
              resolve_retries 3

            """
        let parsed = parse(listen("server t a.example:80 resolvers r") + text)
        let servers = try #require(parsed.configuration).proxies[0].servers
        #expect(servers[0].resolvePeriod == .seconds(30))
        #expect(servers[1].resolvePeriod == nil)
        #expect(
            parsed.diagnostics.map(\.description).contains {
                $0.contains("'nameserver' has no effect: the system's resolver is asked")
            }
        )
        #expect(
            said("resolvers r\nhodl valid 3s\n" + listen("")).contains { $0.contains("'hodl'") }
        )
    }
}
