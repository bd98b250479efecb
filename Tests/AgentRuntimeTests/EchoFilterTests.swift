import Primitives
import Testing
import VRRP

@testable import AgentRuntime

@Suite("Packets that come to two sockets")
struct EchoFilterTests {
    private static func packet(priority: UInt8) throws -> ReceivedPacket {
        let settings = RouterSettings(
            name: "VI_1",
            interface: "eth0",
            virtualRouterID: 51,
            addresses: []
        )
        let endpoints = Endpoints(
            source: IPAddress(10, 9, 0, 1),
            destination: .vrrpGroup(of: .v4)
        )
        let payload = settings.advertisement(priority: priority).encode(between: endpoints)
        return try ReceivedPacket.decode(payload: payload, between: endpoints, timeToLive: 255)
            .get()
    }

    @Test func `a copy counts once, and what is sent twice counts twice`() throws {
        var filter = EchoFilter()
        let now = Instant.zero + .seconds(1)
        let (packet, farewell) = (try Self.packet(priority: 100), try Self.packet(priority: 0))
        let rows: [(packet: ReceivedPacket, socket: UInt64, after: Duration)] = [
            (packet, 1, .zero), (packet, 2, .milliseconds(1)), (packet, 1, .milliseconds(5)),
            (packet, 2, .milliseconds(6)), (farewell, 2, .milliseconds(7)),
            // The first socket hears nothing any more.
            (packet, 2, .seconds(1)),
        ]
        let echoes = rows.map { filter.isEcho($0.packet, on: $0.socket, at: now + $0.after) }
        #expect(echoes == [false, true, false, true, false, false])
    }
}
