import CLinux
import Glibc
import Primitives
import Testing

@testable import Netlink

@Suite("rtnetlink's bytes")
struct CodecTests {
    private func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.filter { !$0.isWhitespace }
        return stride(from: 0, to: digits.count, by: 2).compactMap { offset in
            let start = digits.index(digits.startIndex, offsetBy: offset)
            return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)
        }
    }

    private let address = InterfaceAddress(
        interface: 2,
        prefix: Prefix(address: .v4(IPv4Address(192, 168, 0, 100)), length: 32),
        lifetime: 2
    )

    @Test func `an address is put with its lifetime`() {
        let expected = bytes(
            "3c000000"  // length 60
                + "1400"  // RTM_NEWADDR
                + "0505"  // NLM_F_REQUEST, NLM_F_ACK, NLM_F_REPLACE, NLM_F_CREATE
                + "07000000"  // sequence
                + "00000000"  // port: the kernel's choice
                + "02"  // AF_INET
                + "20"  // /32
                + "00"  // no flags
                + "00"  // scope global
                + "02000000"  // interface
                + "08000200c0a80064"  // IFA_LOCAL 192.168.0.100
                + "08000100c0a80064"  // IFA_ADDRESS 192.168.0.100
                + "14000600"  // IFA_CACHEINFO, 20 bytes
                + "02000000"  // preferred for 2 s
                + "02000000"  // valid for 2 s
                + "0000000000000000"  // created and updated
        )
        #expect(address.putRequest().encode(sequence: 7) == expected)
    }

    @Test func `label and broadcast stand behind the addresses, and no lifetime is for ever`() {
        var address = address
        address.lifetime = nil
        address.label = "eth0:vip"
        address.broadcast = IPv4Address(192, 168, 0, 255)
        address.scope = 253
        let expected = bytes(
            "54000000" + "1400" + "0505" + "01000000" + "00000000"
                + "02" + "20" + "00" + "fd" + "02000000"
                + "08000200c0a80064" + "08000100c0a80064"
                + "08000400c0a800ff"  // IFA_BROADCAST
                + "0d000300" + "657468303a76697000" + "000000"  // IFA_LABEL eth0:vip, zero, padding
                + "14000600" + "ffffffff" + "ffffffff" + "0000000000000000"
        )
        #expect(address.putRequest().encode(sequence: 1) == expected)
    }

    @Test func `flags beyond eight bits go into an attribute`() {
        var address = address
        address.flags = UInt32(IFA_F_NOPREFIXROUTE)
        let encoded = address.putRequest().encode(sequence: 1)
        #expect(encoded.contains(subsequence: bytes("08000800" + "00020000")))
    }

    @Test func `an address is removed by itself alone`() {
        let expected = bytes(
            "28000000"  // length 40
                + "1500"  // RTM_DELADDR
                + "0500"  // NLM_F_REQUEST, NLM_F_ACK
                + "08000000" + "00000000"
                + "02" + "20" + "00" + "00" + "02000000"
                + "08000200c0a80064" + "08000100c0a80064"
        )
        #expect(address.removeRequest().encode(sequence: 8) == expected)
    }

    @Test func `listings are asked for as dumps`() {
        #expect(
            InterfaceAddress.dumpRequest().encode(sequence: 1)
                == bytes(
                    "18000000" + "1600" + "0103" + "01000000" + "00000000"
                        + "00000000" + "00000000"  // AF_UNSPEC: both families
                )
        )
        #expect(
            NetworkInterface.dumpRequest().encode(sequence: 2)
                == bytes(
                    "20000000" + "1200" + "0103" + "02000000" + "00000000"
                        + "00000000000000000000000000000000"
                )
        )
    }

    @Test func `what the kernel says of an interface is read`() throws {
        let message = bytes(
            "48000000" + "1000" + "0000" + "00000000" + "00000000"
                + "00" + "00" + "0100"  // AF_UNSPEC, padding, ARPHRD_ETHER
                + "02000000"  // index
                + "43100100"  // IFF_UP, IFF_BROADCAST, IFF_RUNNING, IFF_MULTICAST, IFF_LOWER_UP
                + "00000000"
                + "09000300" + "6574683000" + "000000"  // IFLA_IFNAME eth0
                + "0a000100" + "080027698e3e" + "0000"  // IFLA_ADDRESS
                + "08000400" + "dc050000"  // IFLA_MTU
                + "05001000" + "06" + "000000"  // IFLA_OPERSTATE, skipped
        )
        let decoded = try NetlinkMessage.decode(message[...])
        #expect(decoded.count == 1)
        let event = try RouteEvent(#require(decoded.first))
        let expected = NetworkInterface(
            index: 2,
            name: "eth0",
            flags: 0x11043,
            hardwareType: 1,
            hardwareAddress: [0x08, 0x00, 0x27, 0x69, 0x8E, 0x3E],
            mtu: 1500
        )
        #expect(event == .interfaceChanged(expected))
        #expect(expected.isRunning)
    }

    @Test func `what the kernel says of an address is read, with who caused it`() throws {
        let message = bytes(
            "4c000000" + "1500" + "0000" + "00000000" + "2a000000"  // RTM_DELADDR by port 42
                + "02" + "18" + "80" + "00" + "02000000"
                + "08000100c0a800c1"
                + "08000200c0a800c1"
                + "08000400c0a800ff"
                + "08000800" + "01000000"  // IFA_FLAGS: secondary, in place of the eight bits
                + "14000600" + "01000000" + "02000000" + "05000000" + "07000000"
        )
        let decoded = try #require(try NetlinkMessage.decode(message[...]).first)
        #expect(decoded.port == 42)
        var expected = InterfaceAddress(
            interface: 2,
            prefix: Prefix(address: .v4(IPv4Address(192, 168, 0, 193)), length: 24),
            broadcast: IPv4Address(192, 168, 0, 255),
            flags: 1,
            lifetime: 2,
            preferredLifetime: 1
        )
        expected.stamp = KernelStamp(hundredths: 7)
        #expect(try RouteEvent(decoded) == .addressRemoved(expected))
        #expect(expected.isSecondary)
    }

    @Test(arguments: [
        "00000000140000000000000000000000",  // a length that could never advance
        "0f000000140000000000000000000000",  // shorter than its header
        "40000000140000000000000000000000",  // longer than the datagram
        "10000000",
    ])
    func `a message whose length lies is refused`(_ hexadecimal: String) {
        #expect(throws: DecodeError.self) {
            try NetlinkMessage.decode(bytes(hexadecimal)[...])
        }
    }

    @Test func `an attribute of length zero is refused and not read for ever`() throws {
        let good = "0200" + "2000" + "02000000" + "0800" + "0200" + "c0a80064"
        #expect(try InterfaceAddress(body: bytes(good)[...]) != nil)
        let bad = "0200" + "2000" + "02000000" + "0000" + "0200" + "c0a80064"
        #expect(throws: DecodeError.self) { try InterfaceAddress(body: bytes(bad)[...]) }
    }

    @Test func `no bytes can trap the readers`() {
        var generator = SeededGenerator(seed: 20_140_315)
        var readable = 0
        for round in 0..<20_000 {
            var datagram = address.putRequest().encode(sequence: UInt32(round))
            if round % 3 == 0 {
                datagram = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                    UInt8.random(in: 0...255, using: &generator)
                }
            }
            for _ in 0..<Int.random(in: 0...4, using: &generator) where !datagram.isEmpty {
                datagram[Int.random(in: 0..<datagram.count, using: &generator)] =
                    UInt8.random(in: 0...255, using: &generator)
            }
            if generator.chance(percent: 20) {
                datagram.removeLast(Int.random(in: 0...datagram.count, using: &generator))
            }
            guard let messages = try? NetlinkMessage.decode(datagram[...]) else { continue }
            for message in messages {
                if let event = try? RouteEvent(message) {
                    var view = NetworkView()
                    view.apply(event)
                    readable += 1
                }
            }
        }
        print("fuzz: 20000 datagrams, \(readable) of them readable")
        #expect(readable > 1000)
    }
}

extension Array where Element: Equatable {
    fileprivate func contains(subsequence: [Element]) -> Bool {
        indices.contains { self[$0...].starts(with: subsequence) }
    }
}
