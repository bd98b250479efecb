import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import RawSockets

@Suite("Raw sockets on a cable", .timeLimit(.minutes(1)))
struct VRRPSocketTests {
    private func makeAddressedCable() throws {
        try PrivateNetwork.makeCable()
        try PrivateNetwork.ip("address add 192.168.0.193/24 dev eth0")
        try PrivateNetwork.ip("address add 192.168.0.192/24 dev peer0")
        // Both ends are ours, so packets between them come from an address of this host.
        try write("1", to: "/proc/sys/net/ipv4/conf/peer0/accept_local")
    }

    private func write(_ text: String, to path: String) throws {
        let file = FileDescriptor(owning: try check(open(path, O_WRONLY), "open", on: path))
        _ = try file.write(Array(text.utf8))
    }

    private func index(_ name: String) throws -> Int32 {
        try check(tandem_interface_index(name), "index of \(name)")
    }

    /// The next packet of a socket.
    private func packet(
        _ socket: inout VRRPSocket,
        within milliseconds: Int32
    ) throws -> [UInt8]? {
        guard tandem_wait_readable(socket.descriptor.rawValue, milliseconds) > 0 else { return nil }
        return try socket.receive().map { Array($0) }
    }

    @Test func `an advertisement arrives with the header that RFC 3768 asks for`() throws {
        try PrivateNetwork.run {
            try makeAddressedCable()
            let sender = try VRRPSocket(
                interface: index("eth0"),
                name: "eth0",
                source: IPv4Address(192, 168, 0, 193)
            )
            var receiver = try VRRPSocket(
                interface: index("peer0"),
                name: "peer0",
                source: IPv4Address(192, 168, 0, 192)
            )
            let payload: [UInt8] = [0x21, 51, 101, 1, 0, 1, 0, 0, 192, 168, 0, 100]
            try sender.send(payload)
            let packet = try #require(try packet(&receiver, within: 1000))
            #expect(packet[0] == 0x45)  // IPv4, no options
            #expect(packet[1] == 0xC0)  // internetwork control
            #expect(packet[6] & 0x20 == 0)  // no fragment follows
            #expect(packet[8] == 255)  // TTL
            #expect(packet[9] == 112)
            #expect(Array(packet[12..<16]) == [192, 168, 0, 193])
            #expect(Array(packet[16..<20]) == [224, 0, 0, 18])
            #expect(Array(packet[20...].prefix(payload.count)) == payload)
        }
    }

    @Test func `a sender does not hear itself, and a source that changes is used at once`() throws {
        try PrivateNetwork.run {
            try makeAddressedCable()
            try PrivateNetwork.ip("address add 10.0.0.7/24 dev eth0")
            var sender = try VRRPSocket(interface: index("eth0"), name: "eth0", source: nil)
            var receiver = try VRRPSocket(interface: index("peer0"), name: "peer0", source: nil)
            try sender.setSource(IPv4Address(10, 0, 0, 7))
            try sender.send([0x21, 51])
            let heard = try #require(try packet(&receiver, within: 1000))
            #expect(Array(heard[12..<16]) == [10, 0, 0, 7])
            #expect(try packet(&sender, within: 50) == nil)
        }
    }

    @Test func `an interface that is down is an error of one call and not of the socket`() throws {
        try PrivateNetwork.run {
            try makeAddressedCable()
            let sender = try VRRPSocket(
                interface: index("eth0"),
                name: "eth0",
                source: IPv4Address(192, 168, 0, 193)
            )
            var receiver = try VRRPSocket(interface: index("peer0"), name: "peer0", source: nil)
            try PrivateNetwork.ip("link set eth0 down")
            #expect(throws: SystemCallError.self) { try sender.send([0x21, 51]) }
            try PrivateNetwork.ip("link set eth0 up")
            try sender.send([0x21, 51])
            #expect(try packet(&receiver, within: 1000) != nil)
        }
    }

    @Test func `a packet larger than any advertisement is cut and nothing else`() throws {
        try PrivateNetwork.run {
            try makeAddressedCable()
            try PrivateNetwork.ip("link set eth0 mtu 9000")
            try PrivateNetwork.ip("link set peer0 mtu 9000")
            let sender = try VRRPSocket(interface: index("eth0"), name: "eth0", source: nil)
            var receiver = try VRRPSocket(interface: index("peer0"), name: "peer0", source: nil)
            try sender.send([UInt8](repeating: 0xFF, count: 8000))
            let packet = try #require(try packet(&receiver, within: 1000))
            #expect(packet.count == VRRPSocket.packetLimit)
        }
    }

    @Test func `an announcement leaves as a broadcast`() throws {
        try PrivateNetwork.run {
            try makeAddressedCable()
            let observer = socket(
                AF_PACKET,
                Int32(SOCK_RAW.rawValue),
                Int32(UInt16(0x0806).bigEndian)
            )
            #expect(observer >= 0)
            defer { close(observer) }
            let announcer = try AnnouncementSocket()
            let hardware: [UInt8] = [2, 0, 0, 0, 0, 9]
            let begin = Clock.now
            #expect(
                try announcer.announce(
                    IPv4Address(192, 168, 0, 100),
                    from: hardware,
                    on: index("eth0")
                )
            )
            let spent = Clock.now - begin
            var frame = [UInt8](repeating: 0, count: 100)
            #expect(tandem_wait_readable(observer, 1000) == 1)
            let size = recv(observer, &frame, frame.count, 0)
            print("announced in \(spent)")
            #expect(size == GratuitousARP.size)
            #expect(Array(frame[6..<12]) == hardware)
            #expect(
                try announcer.announce(.loopback, from: [], on: index("eth0")) == false
            )
        }
    }
}
