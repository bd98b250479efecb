import KeepalivedSyntax
import Primitives
import Testing
import VRRP

@Suite struct SeedTests {
    @Test(
        "The founding files load verbatim without a word",
        arguments: [("machine1", 101), ("machine2", 100)]
    )
    func seeds(name: String, priority: Int) throws {
        let source = SourceText(
            path: "/etc/tandem/keepalived.conf",
            bytes: fixture("seed/\(name).keepalived.conf")
        )
        // Nothing exists on this machine: the idiom needs no program.
        let parsed = KeepalivedParser.parse(
            source,
            environment: machine(programs: [], users: [])
        )
        #expect(parsed.diagnostics == [])
        let configuration = try #require(parsed.configuration)
        let router = try #require(configuration.routers.first)
        #expect(
            router
                == RouterSettings(
                    name: "VI_1",
                    interface: "eth0",
                    virtualRouterID: 51,
                    basePriority: UInt8(priority),
                    addresses: [
                        VirtualAddress(
                            prefix: Prefix(host: .v4(IPv4Address(192, 168, 0, 100)))
                        )
                    ],
                    announcementRefresh: .seconds(60),
                    tracks: [Track(subject: .script("chk_haproxy"), weight: 2)]
                )
        )
        let script = try #require(configuration.scripts.first)
        #expect(script.arguments == ["killall", "-0", "haproxy"])
        #expect(script.asksForProxyProcess)
        #expect(script.interval == .seconds(2))
        #expect(script.weight == 2)
        #expect(script.location.description == "/etc/tandem/keepalived.conf:1")
        #expect(configuration.tandem == TandemSettings())
        #expect(configuration.routerLocations["VI_1"]?.line == 7)
    }
}
