import CLinux
import Glibc
import LinuxIO
import Messages
import Primitives
import Testing

/// What becomes of a session whose address is taken from under it.
@Suite(.serialized, .timeLimit(.minutes(1))) struct AddressLossTests {
    private static func client(of address: UInt32) throws -> Client {
        let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        try check(tandem_ipv4_connect(raw, address, 7001), "connect")
        return Client(connected: raw)
    }

    @Test(
        "A session ends on the server's side too when its address goes, and others go on",
        arguments: IntegrityTests.engines,
        ["ss -tK sport = :7001 and src 10.9.9.9", "ip addr del 10.9.9.9/32 dev lo"]
    )
    func ends(engine: String, command: String) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try #require(system("ip addr add 10.9.9.9/32 dev lo") == 0)
            try lab.start(
                "global\n tune.engine \(engine)\n nbthread 2\n"
                    + "listen p\n bind *:7001\n server s 127.0.0.1:7101"
            )
            try lab.waitForListener(7001)
            let lost = try (0..<5).map { _ in try Self.client(of: 0x0A09_0909) }
            let staying = try Client(port: 7001)
            for client in lost + [staying] { client.send([1]) }
            var traffic = try lab.traffic { $0[.server, "p"]?.sessions.current == 6 }
            #expect(traffic[.server, "p"]?.sessions.current == 6)
            try #require(system(command + " > /dev/null") == 0)
            traffic = try lab.traffic { $0[.server, "p"]?.sessions.current == 1 }
            #expect(traffic[.server, "p"]?.sessions.current == 1)
            staying.finishSending()
            #expect(staying.receiveAll() == [1])
            for client in lost + [staying] { client.close() }
            #expect(try lab.traffic { $0.proxy?.connections.current == 0 }.proxy?.engine == engine)
        }
    }

    @Test("An address that is on another interface, too, has not gone")
    func stillThere() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try #require(
                system(
                    "ip link add d0 type veth peer name d1 && ip link set d0 up && ip addr add 10.9.9.9/32 dev d0"
                        + " && ip addr add 10.9.9.9/32 dev lo"
                ) == 0
            )
            try lab.start("listen p\n bind *:7001\n server s 127.0.0.1:7101")
            try lab.waitForListener(7001)
            let client = try Self.client(of: 0x0A09_0909)
            client.send([1])
            _ = try lab.traffic { $0[.server, "p"]?.sessions.current == 1 }
            try #require(system("ip addr del 10.9.9.9/32 dev d0") == 0)
            usleep(200_000)
            client.finishSending()
            #expect(client.receiveAll() == [1])
            client.close()
        }
    }
}
