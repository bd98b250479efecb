import Glibc
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
        #expect(PortHolder.listeners(onPort: 7001, in: table) == ["socket:[4711]"])
        #expect(PortHolder.listeners(onPort: 7002, in: table) == ["socket:[4713]"])
        #expect(PortHolder.listeners(onPort: 80, in: table) == [])
        for rubbish in ["", "\n\n", "x y z", "head\na : b : 0A : : : : : : : :"] {
            #expect(PortHolder.listeners(onPort: 7001, in: rubbish) == [])
        }
    }

    @Test("Who listens is named by program and pid; a free port is nobody's")
    func holder() throws {
        try inLab { _ in
            let server = try EchoServer(port: 7105)
            let name = PortHolder.name(ofPort: 7105)
            #expect(name?.hasSuffix("(pid \(getpid()))") == true, "\(name ?? "nobody")")
            server.stop()
            #expect(PortHolder.name(ofPort: 7106) == nil)
        }
    }
}
