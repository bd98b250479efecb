import Primitives
import Testing

@testable import VRRP

@Suite("The codec of VRRPv2 advertisements")
struct AdvertisementCodecTests {
    /// Captured from keepalived 2.2.7: VRID 51, priority 150, PASS 12345678, 10.9.0.100.
    static let captured: [UInt8] = [
        0x21,  // version 2, type 1
        0x33,  // VRID 51
        0x96,  // priority 150
        0x01,  // one address
        0x01,  // a password
        0x01,  // one second
        0x6C, 0x88,  // checksum
        0x0A, 0x09, 0x00, 0x64,  // 10.9.0.100
        0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38,  // 12345678
    ]

    static let advertisement = Advertisement(
        virtualRouterID: 51,
        priority: 150,
        interval: .seconds(1),
        addresses: [IPAddress(10, 9, 0, 100)],
        authentication: .password(Array("12345678".utf8))
    )

    static let endpoints = Endpoints(
        source: IPAddress(10, 9, 0, 1),
        destination: .vrrpGroup(of: .v4)
    )

    func decode(
        _ bytes: some Collection<UInt8>
    ) throws(AdvertisementError) -> Advertisement {
        try Advertisement.decode(bytes, between: Self.endpoints).advertisement
    }

    @Test("a packet of keepalived is read and written byte for byte")
    func goldenBytes() throws {
        #expect(try decode(Self.captured) == Self.advertisement)
        #expect(Self.advertisement.encode(between: Self.endpoints) == Self.captured)
    }

    @Test("the eight bytes of authentication are there even when there is none")
    func noAuthentication() throws {
        var advertisement = Self.advertisement
        advertisement.authentication = .none
        let bytes = advertisement.encode(between: Self.endpoints)
        #expect(bytes.count == 20)
        #expect(bytes.suffix(8).allSatisfy { $0 == 0 })
        #expect(try decode(bytes) == advertisement)
    }

    @Test("an Ethernet frame's padding is left alone", arguments: [1, 6, 30])
    func padding(count: Int) throws {
        let padded = Self.captured + Array(repeating: 0xAA, count: count)
        #expect(try decode(padded) == Self.advertisement)
    }

    @Test(
        "each damage has its own error",
        arguments: [
            (0, UInt8(0x11), AdvertisementError.version(1)),
            (0, 0x41, .version(4)),
            (0, 0x22, .type(2)),
            (3, 2, .length(needed: 24, available: 20)),
            (6, 0, .checksum),
            (2, 151, .checksum),
            (19, 0, .checksum),
        ]
    )
    func damage(offset: Int, value: UInt8, error: AdvertisementError) {
        var bytes = Self.captured
        bytes[offset] = value
        #expect(throws: error) { try decode(bytes) }
    }

    @Test("a VRID of 0, AH and an unknown authentication are refused behind a right checksum")
    func refusedBehindChecksum() {
        var noRouter = Self.advertisement
        noRouter.virtualRouterID = 0
        #expect(throws: AdvertisementError.virtualRouterID) {
            try decode(noRouter.encode(between: Self.endpoints))
        }
        #expect(throws: AdvertisementError.authenticationHeader) {
            try decode(Self.rewritten(offset: 4, value: 2))
        }
        #expect(throws: AdvertisementError.authenticationType(9)) {
            try decode(Self.rewritten(offset: 4, value: 9))
        }
    }

    @Test("fewer bytes than the smallest advertisement", arguments: 0..<20)
    func short(count: Int) {
        let needed = count < 8 ? 8 : 20
        #expect(throws: AdvertisementError.length(needed: needed, available: count)) {
            try decode(Self.captured.prefix(count))
        }
    }

    @Test("what is written is read back", arguments: [0, 1, 2, 20, 255])
    func identity(addressCount: Int) throws {
        var random = SeededGenerator(seed: UInt64(addressCount))
        for _ in 0..<200 {
            let advertisement = Advertisement(
                virtualRouterID: UInt8.random(in: 1...255, using: &random),
                priority: UInt8.random(in: 0...255, using: &random),
                interval: .seconds(Int.random(in: 1...255, using: &random)),
                addresses: (0..<addressCount).map { _ in
                    .v4(IPv4Address(rawValue: UInt32.random(in: 0...(.max), using: &random)))
                },
                authentication: random.chance(percent: 50)
                    ? .none
                    : .password((0..<8).map { _ in UInt8.random(in: 0...255, using: &random) })
            )
            #expect(try decode(advertisement.encode(between: Self.endpoints)) == advertisement)
        }
    }

    @Test("what does not fit the wire is cut to it")
    func clamping() throws {
        let advertisement = Advertisement(
            virtualRouterID: 1,
            priority: 1,
            interval: .milliseconds(1500),
            addresses: Array(repeating: .v4(.loopback), count: 300),
            authentication: .password(Array("longer than eight".utf8))
        )
        let read = try decode(advertisement.encode(between: Self.endpoints))
        #expect(read.addresses.count == 255)
        #expect(read.interval == .seconds(2))
        #expect(read.authentication == .password(Array("longer t".utf8)))
    }

    @Test("200000 random packets, half of them damaged ones of ours, never trap")
    func randomBytes() {
        var random = SeededGenerator(seed: 112)
        var read = 0
        for _ in 0..<200_000 {
            var bytes: [UInt8]
            if random.chance(percent: 50) {
                bytes = packet(around: Self.captured)
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
            _ = try? decode(bytes)
            if case .success = ReceivedPacket.decode(bytes) { read += 1 }
        }
        print("codec: 200000 random packets, \(read) of them readable")
        #expect(read > 0)
    }

    /// The captured bytes with one changed and the checksum made right.
    static func rewritten(offset: Int, value: UInt8) -> [UInt8] {
        var bytes = captured
        bytes[offset] = value
        bytes[6] = 0
        bytes[7] = 0
        let checksum = InternetChecksum.of(bytes)
        bytes[6] = UInt8(checksum >> 8)
        bytes[7] = UInt8(checksum & 255)
        return bytes
    }
}

/// A payload with the IPv4 header of a neighbour at 10.9.0.1 before it.
func packet(
    around payload: [UInt8],
    timeToLive: UInt8 = 255,
    protocolNumber: UInt8 = 112,
    destination: IPv4Address = .vrrpGroup,
    fragment: UInt16 = 0,
    options: [UInt8] = []
) -> [UInt8] {
    let length = UInt16(20 + options.count + payload.count)
    return [
        0x45 + UInt8(options.count / 4), 0xC0,
        UInt8(length >> 8), UInt8(length & 255),
        0, 1,  // identification
        UInt8(fragment >> 8), UInt8(fragment & 255),
        timeToLive, protocolNumber,
        0, 0,  // checksum: the kernel's business
    ] + IPv4Address(10, 9, 0, 1).octets + destination.octets + options + payload
}
