import Primitives
import Testing

@testable import RawSockets

@Suite("Gratuitous ARP")
struct GratuitousARPTests {
    @Test func `a frame has keepalived's bytes`() {
        let expected: [UInt8] = [
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,  // to everyone
            0x08, 0x00, 0x27, 0x69, 0x8E, 0x3E,  // from the interface
            0x08, 0x06,  // ARP
            0x00, 0x01,  // Ethernet
            0x08, 0x00,  // IPv4
            0x06, 0x04,  // lengths of the addresses
            0x00, 0x01,  // request
            0x08, 0x00, 0x27, 0x69, 0x8E, 0x3E,  // sender
            0xC0, 0xA8, 0x00, 0x64,  // 192.168.0.100
            0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,  // target
            0xC0, 0xA8, 0x00, 0x64,  // 192.168.0.100
        ]
        let frame = GratuitousARP.frame(
            for: IPv4Address(192, 168, 0, 100),
            from: [0x08, 0x00, 0x27, 0x69, 0x8E, 0x3E]
        )
        #expect(frame == expected)
        #expect(expected.count == GratuitousARP.size)
    }

    @Test(arguments: [[], [1, 2, 3, 4], [UInt8](repeating: 1, count: 20)] as [[UInt8]])
    func `an interface without an Ethernet address announces nothing`(_ hardware: [UInt8]) {
        #expect(GratuitousARP.frame(for: .loopback, from: hardware) == nil)
    }
}
