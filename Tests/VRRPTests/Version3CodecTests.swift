import Primitives
import Testing

@testable import VRRP

@Suite("The codec of VRRPv3 advertisements")
struct Version3CodecTests {
    /// Captured from keepalived 2.2.7: VRID 51, priority 150, 0.5 s, 10.9.0.100, from 10.9.0.1.
    static let captured: [UInt8] = [
        0x31,  // version 3, type 1
        0x33,  // VRID 51
        0x96,  // priority 150
        0x01,  // one address
        0x00, 0x32,  // 50 centiseconds
        0x43, 0x93,  // checksum with pseudo header
        0x0A, 0x09, 0x00, 0x64,  // 10.9.0.100
    ]

    /// The same as RFC 9568 §5.2.8 has it: no pseudo header.
    static let capturedWithoutPseudoHeader: [UInt8] =
        Array(captured.prefix(6)) + [0x2E, 0x2C] + captured.suffix(4)

    static let endpoints = AdvertisementCodecTests.endpoints

    static let advertisement = Advertisement(
        virtualRouterID: 51,
        priority: 150,
        interval: .milliseconds(500),
        addresses: [IPAddress(10, 9, 0, 100)],
        version: .v3
    )

    /// VRID 52 of fe80::99 and fd00::99, from fe80::2433:54ff:fe6e:f56a.
    static let advertisement6 = Advertisement(
        virtualRouterID: 52,
        priority: 150,
        interval: .milliseconds(500),
        addresses: [linkLocal, global],
        version: .v3
    )

    static let linkLocal = IPAddress.v6(IPv6Address(high: 0xFE80_0000_0000_0000, low: 0x99))
    static let global = IPAddress.v6(IPv6Address(high: 0xFD00_0000_0000_0000, low: 0x99))

    static let endpoints6 = Endpoints(
        source: .v6(IPv6Address(high: 0xFE80_0000_0000_0000, low: 0x2433_54FF_FE6E_F56A)),
        destination: .vrrpGroup(of: .v6)
    )

    static let captured6: [UInt8] =
        [0x31, 0x34, 0x96, 0x02, 0x00, 0x32, 0xD0, 0xA8] + linkLocal.octets + global.octets

    @Test("a packet of keepalived over IPv4 is read and written byte for byte")
    func goldenBytes() throws {
        let decoded = try Advertisement.decode(Self.captured, between: Self.endpoints)
        #expect(decoded.advertisement == Self.advertisement)
        #expect(!decoded.omitsPseudoHeader)
        #expect(Self.advertisement.encode(between: Self.endpoints) == Self.captured)
    }

    @Test("the checksum of RFC 9568 is read as well, told apart, and written if asked for")
    func withoutPseudoHeader() throws {
        let bytes = Self.capturedWithoutPseudoHeader
        let decoded = try Advertisement.decode(bytes, between: Self.endpoints)
        #expect(decoded.advertisement == Self.advertisement)
        #expect(decoded.omitsPseudoHeader)
        let written = Self.advertisement.encode(between: Self.endpoints, omitsPseudoHeader: true)
        #expect(written == bytes)
    }

    @Test("a packet of keepalived over IPv6 is read and written byte for byte")
    func goldenBytes6() throws {
        let decoded = try Advertisement.decode(Self.captured6, between: Self.endpoints6)
        #expect(decoded.advertisement == Self.advertisement6)
        #expect(!decoded.omitsPseudoHeader)
        let written = Self.advertisement6.encode(between: Self.endpoints6, omitsPseudoHeader: true)
        #expect(written == Self.captured6)
    }

    @Test("over IPv6 the pseudo header is no option (RFC 8200 §8.1)")
    func pseudoHeaderOfIPv6() {
        var bytes = Self.captured6
        bytes.mendChecksum(behind: [])
        #expect(throws: AdvertisementError.checksum) {
            try Advertisement.decode(bytes, between: Self.endpoints6)
        }
    }

    @Test(
        "a packet that came from someone else has a wrong checksum, unless it has no pseudo header"
    )
    func otherSource() throws {
        let other = Endpoints(source: IPAddress(10, 9, 0, 7), destination: .vrrpGroup(of: .v4))
        #expect(throws: AdvertisementError.checksum) {
            try Advertisement.decode(Self.captured, between: other)
        }
        _ = try Advertisement.decode(Self.capturedWithoutPseudoHeader, between: other)
    }

    @Test(
        "each damage has its own error, behind a right checksum",
        arguments: [
            (0, UInt8(0x32), AdvertisementError.type(2)),
            (0, 0x51, .version(5)),
            (1, 0, .virtualRouterID),
            (3, 2, .length(needed: 16, available: 12)),
            (3, 0, .addressCount),
            (5, 0, .intervalZero),
        ]
    )
    func damage(offset: Int, value: UInt8, error: AdvertisementError) {
        var bytes = Self.capturedWithoutPseudoHeader
        bytes[offset] = value
        // Without an address the message ends behind its header.
        bytes.mendChecksum(behind: [], length: offset == 3 && value == 0 ? 8 : 12)
        #expect(throws: error) { try Advertisement.decode(bytes, between: Self.endpoints) }
    }

    @Test("the four reserved bits are ignored on receipt and sent as 0 (RFC 9568 §5.2.6)")
    func reservedBits() throws {
        var bytes = Self.capturedWithoutPseudoHeader
        bytes[4] = 0xF0
        bytes.mendChecksum(behind: [], length: 12)
        let decoded = try Advertisement.decode(bytes, between: Self.endpoints)
        #expect(decoded.advertisement == Self.advertisement)
    }

    @Test("version 2 over IPv6 does not exist")
    func version2OverIPv6() {
        let bytes = AdvertisementCodecTests.captured
        #expect(throws: AdvertisementError.version(2)) {
            try Advertisement.decode(bytes, between: Self.endpoints6)
        }
    }

    @Test("an Ethernet frame's padding is left alone", arguments: [1, 6, 34])
    func padding(count: Int) throws {
        let padded = Self.captured + Array(repeating: 0xAA, count: count)
        let decoded = try Advertisement.decode(padded, between: Self.endpoints)
        #expect(decoded.advertisement == Self.advertisement)
    }

    @Test(
        "the interval is rounded up to centiseconds and held within 12 bits",
        arguments: [
            (Duration.zero, UInt16(1)), (.milliseconds(-5), 1), (.milliseconds(1), 1),
            (.milliseconds(10), 1), (.milliseconds(11), 2), (.seconds(1), 100),
            (.milliseconds(40_950), 4095), (.seconds(41), 4095), (.seconds(1_000_000_000), 4095),
        ]
    )
    func interval(interval: Duration, wire: UInt16) throws {
        var advertisement = Self.advertisement
        advertisement.interval = interval
        #expect(advertisement.wireInterval == wire)
        let bytes = advertisement.encode(between: Self.endpoints)
        let read = try Advertisement.decode(bytes, between: Self.endpoints).advertisement
        #expect(read == advertisement.onTheWire)
        #expect(read.interval == .milliseconds(Int(wire) * 10))
    }

    @Test(
        "what is written is read back, over both families and with both checksums",
        arguments: [1, 2, 20, 255]
    )
    func identity(addressCount: Int) throws {
        var random = SeededGenerator(seed: UInt64(addressCount))
        for round in 0..<200 {
            let isIPv6 = round % 2 == 0
            let omits = random.chance(percent: 50)
            let endpoints = Endpoints(
                source: isIPv6 ? Self.random6(using: &random) : Self.random4(using: &random),
                destination: random.chance(percent: 50)
                    ? .vrrpGroup(of: isIPv6 ? .v6 : .v4)
                    : isIPv6 ? Self.random6(using: &random) : Self.random4(using: &random)
            )
            let advertisement = Advertisement(
                virtualRouterID: UInt8.random(in: 1...255, using: &random),
                priority: UInt8.random(in: 0...255, using: &random),
                interval: .milliseconds(Int.random(in: 1...4095, using: &random) * 10),
                addresses: (0..<addressCount).map { _ in
                    isIPv6 ? Self.random6(using: &random) : Self.random4(using: &random)
                },
                version: .v3
            )
            let bytes = advertisement.encode(between: endpoints, omitsPseudoHeader: omits)
            let decoded = try Advertisement.decode(bytes, between: endpoints)
            #expect(decoded.advertisement == advertisement)
            #expect(decoded.omitsPseudoHeader == (omits && !isIPv6))
        }
    }

    @Test("addresses of the other family are not sent")
    func otherFamily() throws {
        var advertisement = Self.advertisement
        advertisement.addresses.append(Self.global)
        #expect(advertisement.encode(between: Self.endpoints) == Self.captured)
    }

    @Test("200000 random payloads, half of them damaged ones of ours, never trap")
    func randomBytes() {
        var random = SeededGenerator(seed: 9568)
        var read = 0
        for round in 0..<200_000 {
            let isIPv6 = round % 2 == 0
            var bytes = isIPv6 ? Self.captured6 : Self.captured
            if random.chance(percent: 50) {
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(
                        truncatingIfNeeded: random.next()
                    )
                }
                bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random)))
            } else {
                bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                    UInt8(truncatingIfNeeded: random.next())
                }
            }
            let result = ReceivedPacket.decode(
                payload: bytes,
                between: isIPv6 ? Self.endpoints6 : Self.endpoints,
                timeToLive: 255
            )
            if case .success = result { read += 1 }
        }
        print("codec: 200000 random payloads, \(read) of them readable")
        #expect(read > 0)
    }

    private static func random4(using random: inout SeededGenerator) -> IPAddress {
        .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: random.next())))
    }

    private static func random6(using random: inout SeededGenerator) -> IPAddress {
        .v6(IPv6Address(high: random.next(), low: random.next()))
    }
}

extension [UInt8] {
    /// Makes the checksum of the first `length` bytes right behind a pseudo header.
    mutating func mendChecksum(behind pseudoHeader: [UInt8], length: Int? = nil) {
        self[6] = 0
        self[7] = 0
        var checksum = InternetChecksum()
        checksum.add(pseudoHeader)
        checksum.add(prefix(length ?? count))
        self[6] = UInt8(checksum.value >> 8)
        self[7] = UInt8(checksum.value & 255)
    }
}
