import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@testable import RawSockets

/// Frames of one interface as they are on the wire, in a file that Wireshark reads.
private struct Capture: ~Copyable {
    private let socket: FileDescriptor
    private(set) var frames: [[UInt8]] = []

    /// Hears every frame of every interface of the namespace.
    init() throws {
        let socket = FileDescriptor(owning: try check(tandem_packet_open(), "open packet socket"))
        try check(tandem_packet_listen(socket.rawValue, UInt16(ETH_P_ALL)), "listen")
        self.socket = socket
    }

    /// Takes what has come in on `interface` until now.
    mutating func collect(on interface: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while tandem_wait_readable(socket.rawValue, 50) == 1 {
            var from: Int32 = 0
            let size = tandem_packet_receive(socket.rawValue, &buffer, buffer.count, &from)
            if size > 0, from == interface { frames.append(Array(buffer[0..<Int(size)])) }
        }
    }

    /// What tshark prints of the frames that match the display filter.
    static func tshark(_ frames: [[UInt8]], matching filter: String) throws -> String {
        var file = ByteWriter()
        file.littleEndian(UInt32(0xA1B2_C3D4))
        file.littleEndian(UInt16(2))
        file.littleEndian(UInt16(4))
        for number in [0, 0, 65536, 1] as [UInt32] { file.littleEndian(number) }
        for (index, frame) in frames.enumerated() {
            file.littleEndian(UInt32(index))
            file.littleEndian(UInt32(0))
            file.littleEndian(UInt32(frame.count))
            file.littleEndian(UInt32(frame.count))
            file.append(frame)
        }
        let path = "/tmp/tandem-capture-\(getpid()).pcap"
        defer { unlink(path) }
        let descriptor = FileDescriptor(
            owning: try check(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600), "open", on: path)
        )
        _ = try descriptor.write(file.bytes)
        return try Bench.output(
            "/usr/bin/tshark",
            "-r \(path) -o ip.check_checksum:TRUE -Y \(filter)"
        )
    }
}

@Suite(
    "What Wireshark says of it",
    .enabled(if: access("/usr/bin/tshark", X_OK) == 0, "needs tshark"),
    .timeLimit(.minutes(1))
)
struct CaptureTests {
    private static let complaints = "_ws.expert||_ws.malformed||vrrp.checksum.status==0"

    @Test func `everything that is sent decodes without a complaint`() throws {
        try PrivateNetwork.run {
            try Bench.makeAddressedCable()
            let v2: [UInt8] = [
                0x21, 0x33, 0x96, 0x01, 0x01, 0x01, 0x6C, 0x88, 0x0A, 0x09, 0x00, 0x64,
                0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38,
            ]
            let v3: [UInt8] = [
                0x31, 0x33, 0x96, 0x01, 0x00, 0x32, 0x43, 0x93, 0x0A, 0x09, 0x00, 0x64,
            ]
            let source = try #require(IPAddress("10.9.0.1"))
            let linkLocal = try #require(IPAddress("fe80::2433:54ff:fe6e:f56a"))
            var v3v6: [UInt8] = [0x31, 0x34, 0x96, 0x01, 0x00, 0x32, 0, 0]
            v3v6 += Bench.link(0x99).octets
            var checksum = InternetChecksum()
            checksum.add(linkLocal.octets)
            checksum.add(Bench.vrrpGroup6.octets)
            checksum.add([0, 0, 0, UInt8(v3v6.count), 0, 0, 0, 112])
            checksum.add(v3v6)
            v3v6[6] = UInt8(checksum.value >> 8)
            v3v6[7] = UInt8(checksum.value & 0xFF)
            try PrivateNetwork.ip("address add 10.9.0.1/24 dev eth0")
            try PrivateNetwork.ip("address add \(linkLocal)/64 dev eth0 nodad")

            let interface = try Bench.index("peer0")
            var capture = try Capture()
            let socket4 = try Bench.socket("eth0")
            let socket6 = try Bench.socket("eth0", .v6)
            try socket4.send(v2, to: Bench.vrrpGroup4, from: Bench.near)
            try socket4.send(v3, to: Bench.vrrpGroup4, from: source)
            try socket6.send(v3v6, to: Bench.vrrpGroup6, from: linkLocal)
            let announcer = try AnnouncementSocket()
            let hardware = try Bench.hardware("eth0")
            let near = try Bench.index("eth0")
            let virtual6 = try #require(IPAddress("fd00::100"))
            let gateway6 = try #require(IPAddress("fd00::aa:bbcc"))
            try announcer.announce(IPAddress(192, 168, 0, 100), from: hardware, on: near)
            try announcer.announce(virtual6, from: hardware, on: near, isRouter: true)
            try announcer.ask(for: Bench.far, from: Bench.near, hardware: hardware, on: near)
            try announcer.ask(for: gateway6, from: linkLocal, hardware: hardware, on: near)
            capture.collect(on: interface)

            for (filter, count) in [
                ("vrrp", 3), ("arp.isgratuitous==1", 1), ("arp.opcode==1", 2),
                ("icmpv6.type==136&&icmpv6.nd.na.flag.o==1&&icmpv6.nd.na.flag.r==1", 1),
                ("icmpv6.type==135&&icmpv6.nd.ns.target_address==fd00::aa:bbcc", 1),
                ("ipv6.dst==ff02::12&&ipv6.hlim==255&&ipv6.tclass==0xc0", 1),
                ("ip.dst==224.0.0.18&&ip.ttl==255&&ip.dsfield==0xc0&&ip.flags.df==0", 2),
            ] {
                let lines = try Capture.tshark(capture.frames, matching: filter)
                #expect(lines.split(separator: "\n").count == count, "\(filter): \(lines)")
            }
            let complaints = try Capture.tshark(capture.frames, matching: Self.complaints)
            #expect(complaints == "")

            // The twin: one bit is wrong.
            var broken = try #require(capture.frames.first { $0.count > 46 && $0[23] == 112 })
            broken[36] ^= 1
            #expect(try Capture.tshark([broken], matching: Self.complaints) != "")
        }
    }
}
