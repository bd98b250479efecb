import Glibc
import Primitives
import Testing

@testable import ProxyRuntime

@Suite(.timeLimit(.minutes(1))) struct PortHolderTests {
    @Test("The sockets that listen on a port are told from others, and rubbish from a table")
    func table() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1B59 00000000:0000 0A 00000000:00000000 00:00000000 00000000   100        0 4711 1 0
               1: 0100007F:1B59 0100007F:C350 01 00000000:00000000 00:00000000 00000000   100        0 4712 1 0
               2: 00000000:1B5A 00000000:0000 0A 00000000:00000000 00:00000000 00000000   100        0 4713 1 0
            """
        let one = PortHolder.listeners(onPort: 7001, in: table)
        #expect(one.map(\.inode) == [4711])
        #expect(one.map(\.address) == [IPAddress("127.0.0.1")])
        let all = PortHolder.listeners(onPort: 7002, in: table)
        #expect(all.map(\.inode) == [4713] && all.map(\.address) == [nil])
        #expect(PortHolder.listeners(onPort: 80, in: table) == [])
        for rubbish in ["", "\n\n", "x y z", "head\na : b : 0A : : : : : : : :"] {
            #expect(PortHolder.listeners(onPort: 7001, in: rubbish) == [])
        }
    }

    @Test(
        "Who takes the same connections meets, and who listens elsewhere does not",
        arguments: [
            ("127.0.0.1", false, "127.0.0.1", true), ("127.0.0.1", false, "127.0.0.2", false),
            ("127.0.0.1", false, "0.0.0.0", true), (nil, false, "127.0.0.2", true),
            (nil, true, "127.0.0.2", false), (nil, true, "::1", true), ("::1", true, "::", true),
            ("::1", true, "::2", false), ("127.0.0.1", false, "::", false),
        ] as [(String?, Bool, String, Bool)]
    )
    func meets(other: String?, isIPv6: Bool, own: String, meets: Bool) throws {
        let listener = PortHolder.Listener(
            inode: 1,
            address: other.flatMap { IPAddress($0) },
            isIPv6: isIPv6
        )
        #expect(listener.meets(try #require(IPAddress(own))) == meets)
    }

    @Test("An address of IPv6 is read in words of four bytes")
    func ipv6() {
        let table = "head\n 0: B80D0120000000000000000001000000:0050 0:0 0A 0:0 0:0 0 0 0 42 1\n"
        let found = PortHolder.listeners(onPort: 80, in: table)
        #expect(found.map(\.address) == [IPAddress("2001:db8::1")])
    }

    @Test("Who listens is named by program and pid; a free port is nobody's")
    func holder() throws {
        try inLab { _ in
            let server = try EchoServer(port: 7105)
            let found = PortHolder.listeners(onPort: 7105)
            let name = PortHolder.of(Set(found.map(\.inode)))
            #expect(name?.description.hasSuffix("(pid \(getpid()))") == true)
            server.stop()
            #expect(PortHolder.listeners(onPort: 7106) == [])
        }
    }
}
