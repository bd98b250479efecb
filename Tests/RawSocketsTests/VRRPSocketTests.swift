import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import RawSockets

@Suite("Raw sockets on a cable", .timeLimit(.minutes(1)))
struct VRRPSocketTests {
    private let payload: [UInt8] = [0x21, 51, 101, 1, 0, 1, 0, 0, 192, 168, 0, 100]

    @Test func `an IPv4 advertisement arrives with the header that RFC 9568 asks for`() throws {
        let payload = payload
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            let sender = try Bench.socket("eth0")
            var receiver = try Bench.socket("peer0")
            try sender.send(payload, to: Bench.vrrpGroup4, from: Bench.near)
            let datagram = try #require(try receiver.next(within: 1000))
            let packet = Array(datagram.bytes)
            #expect(packet[0] == 0x45)  // IPv4, no options
            #expect(packet[1] == 0xC0)  // internetwork control
            #expect(packet[6] & 0xE0 == 0)  // may be fragmented, and is not
            #expect(packet[8] == 255)  // TTL
            #expect(packet[9] == 112)
            #expect(Array(packet[12..<16]) == [192, 168, 0, 193])
            #expect(Array(packet[16..<20]) == [224, 0, 0, 18])
            #expect(Array(packet[20...].prefix(payload.count)) == payload)
            #expect(datagram.source == Bench.near)
            #expect(datagram.destination == Bench.vrrpGroup4)
            #expect(datagram.hopLimit == 255)
            #expect(datagram.interface == (try Bench.index("peer0")))
        }
    }

    @Test func `an IPv6 advertisement comes from the link-local address with hop limit 255`()
        throws
    {
        let payload = payload
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            let sender = try Bench.socket("eth0", .v6)
            var receiver = try Bench.socket("peer0", .v6)
            try sender.send(payload, to: Bench.vrrpGroup6, from: Bench.link(0x193))
            let datagram = try #require(try receiver.next(within: 1000))
            #expect(Array(datagram.bytes) == payload)
            #expect(datagram.source == Bench.link(0x193))
            #expect(datagram.destination == Bench.vrrpGroup6)
            #expect(datagram.hopLimit == 255)
            #expect(datagram.interface == (try Bench.index("peer0")))
        }
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `a sender does not hear itself, and a source that changes is used at once`(
        _ family: AddressFamily
    ) throws {
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            try PrivateNetwork.ip("address add 10.0.0.7/24 dev eth0")
            try PrivateNetwork.ip("address add fe80::7/64 dev eth0 nodad")
            var sender = try Bench.socket("eth0", family)
            var receiver = try Bench.socket("peer0", family)
            let group = family == .v4 ? Bench.vrrpGroup4 : Bench.vrrpGroup6
            let source = family == .v4 ? IPAddress(10, 0, 0, 7) : Bench.link(7)
            try sender.send([0x21, 51], to: group, from: source)
            #expect(try receiver.next(within: 1000)?.source == source)
            #expect(try sender.next(within: 50) == nil)
        }
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `only the groups that were asked for are heard`(_ family: AddressFamily) throws {
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            let other =
                family == .v4 ? IPAddress(224, 0, 0, 77) : IPAddress("ff02::77") ?? Bench.far
            let usual = family == .v4 ? Bench.vrrpGroup4 : Bench.vrrpGroup6
            let sender = try Bench.socket("eth0", family)
            var receiver = try Bench.socket("peer0", family, groups: [other])
            // Somebody else on this host joins the usual one.
            let neighbour = try Bench.socket("peer0", family)
            try sender.send([1], to: usual, from: nil)
            #expect(try receiver.next(within: 50) == nil)
            try sender.send([2], to: other, from: nil)
            #expect(try receiver.next(within: 1000)?.destination == other)
            try receiver.listen(to: [usual])
            try sender.send([3], to: other, from: nil)
            #expect(try receiver.next(within: 50) == nil)
            try sender.send([4], to: usual, from: nil)
            #expect(try receiver.next(within: 1000)?.destination == usual)
            _ = neighbour.interface
        }
    }

    @Test func `an interface that is down is an error of one call and not of the socket`() throws {
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            let sender = try Bench.socket("eth0")
            var receiver = try Bench.socket("peer0")
            try PrivateNetwork.ip("link set eth0 down")
            #expect(throws: SystemCallError.self) {
                try sender.send([0x21, 51], to: Bench.vrrpGroup4, from: Bench.near)
            }
            try PrivateNetwork.ip("link set eth0 up")
            try PrivateNetwork.waitUntilUp("eth0")
            try sender.send([0x21, 51], to: Bench.vrrpGroup4, from: Bench.near)
            #expect(try receiver.next(within: 1000) != nil)
        }
    }

    @Test(arguments: [AddressFamily.v4, .v6])
    func `a source that this host does not have is refused, and one that it has is not`(
        _ family: AddressFamily
    ) throws {
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            let sender = try Bench.socket("eth0", family)
            let group = family == .v4 ? Bench.vrrpGroup4 : Bench.vrrpGroup6
            let foreign = family == .v4 ? IPAddress(192, 168, 0, 9) : Bench.link(9)
            #expect(throws: SystemCallError.self) {
                try sender.send([1], to: group, from: foreign)
            }
            try sender.send([1], to: group, from: family == .v4 ? Bench.near : Bench.link(0x193))
        }
    }

    @Test func `a packet larger than any advertisement is cut and nothing else`() throws {
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            try PrivateNetwork.ip("link set eth0 mtu 9000")
            try PrivateNetwork.ip("link set peer0 mtu 9000")
            let sender = try Bench.socket("eth0")
            var receiver = try Bench.socket("peer0")
            try sender.send(
                [UInt8](repeating: 0xFF, count: 8000),
                to: Bench.vrrpGroup4,
                from: nil
            )
            let packet = try #require(try receiver.next(within: 1000))
            #expect(packet.bytes.count == VRRPSocket.packetLimit)
        }
    }
}
