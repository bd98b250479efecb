import Primitives
import Testing

@testable import VRRP

/// An advertisement as another program put it on the wire.
struct CapturedPacket: CustomTestStringConvertible, Sendable {
    var sender: String
    var source: String
    /// The payload of the IP packet.
    var bytes: [UInt8]
    var advertisement: Advertisement

    var testDescription: String { sender }

    /// Of veth in a network namespace: Debian 12's keepalived 2.2.7-1+b2, and vrrpd of its frr 8.4.4-1.1.
    static let all: [CapturedPacket] = [
        CapturedPacket(
            sender: "keepalived 2.2.7, version 2 with PASS, two addresses",
            source: "10.9.0.1",
            bytes: [
                0x21, 0x33, 0x96, 0x02,  // VRID 51, priority 150, two addresses
                0x01, 0x01,  // a password, one second
                0xF6, 0xD3,
                0x0A, 0x09, 0x00, 0x64, 0x0A, 0x09, 0x00, 0x65,  // 10.9.0.100, 10.9.0.101
                0x73, 0x33, 0x63, 0x72, 0x65, 0x74, 0x00, 0x00,  // s3cret
            ],
            advertisement: advertisement(51, 150, .seconds(1), pair, .v2, password: "s3cret")
        ),
        CapturedPacket(
            sender: "keepalived 2.2.7, version 2 with PASS, as it is stopped",
            source: "10.9.0.1",
            bytes: [
                0x21, 0x33, 0x00, 0x02, 0x01, 0x01, 0x8C, 0xD4,
                0x0A, 0x09, 0x00, 0x64, 0x0A, 0x09, 0x00, 0x65,
                0x73, 0x33, 0x63, 0x72, 0x65, 0x74, 0x00, 0x00,
            ],
            advertisement: advertisement(51, 0, .seconds(1), pair, .v2, password: "s3cret")
        ),
        CapturedPacket(
            sender: "keepalived 2.2.7, version 3 over IPv4, advert_int 0.25",
            source: "10.9.0.1",
            bytes: [
                0x31, 0x4D, 0xC8, 0x02,  // VRID 77, priority 200, two addresses
                0x00, 0x19,  // 25 centiseconds
                0x07, 0x1F,  // with the pseudo header
                0x0A, 0x09, 0x00, 0x64, 0x0A, 0x09, 0x00, 0x65,
            ],
            advertisement: advertisement(77, 200, .milliseconds(250), pair, .v3)
        ),
        CapturedPacket(
            sender: "keepalived 2.2.7, version 3 over IPv4, as it is stopped",
            source: "10.9.0.1",
            bytes: [
                0x31, 0x4D, 0x00, 0x02, 0x00, 0x19, 0xCF, 0x1F,
                0x0A, 0x09, 0x00, 0x64, 0x0A, 0x09, 0x00, 0x65,
            ],
            advertisement: advertisement(77, 0, .milliseconds(250), pair, .v3)
        ),
        CapturedPacket(
            sender: "keepalived 2.2.7, version 3 over IPv6",
            source: "fe80::f0ae:cff:fe57:1a23",
            bytes: [
                0x31, 0x4E, 0xC8, 0x02, 0x00, 0x64, 0xF5, 0x83,
                0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77,
                0xFD, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77,
            ],
            advertisement: advertisement(78, 200, .seconds(1), ["fe80::77", "fd00::77"], .v3)
        ),
        CapturedPacket(
            sender: "keepalived 2.2.7, version 3 over IPv6, as it is stopped",
            source: "fe80::f0ae:cff:fe57:1a23",
            bytes: [
                0x31, 0x4E, 0x00, 0x02, 0x00, 0x64, 0xBD, 0x84,
                0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77,
                0xFD, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77,
            ],
            advertisement: advertisement(78, 0, .seconds(1), ["fe80::77", "fd00::77"], .v3)
        ),
        CapturedPacket(
            sender: "FRR 8.4.4, version 3 over IPv4",
            source: "10.9.0.1",
            bytes: [
                0x31, 0x35, 0x78, 0x01,  // VRID 53, priority 120, one address
                0x00, 0x64, 0x61, 0x5F, 0x0A, 0x09, 0x00, 0x64,
            ],
            advertisement: advertisement(53, 120, .seconds(1), ["10.9.0.100"], .v3)
        ),
        CapturedPacket(
            sender: "FRR 8.4.4, version 3 over IPv4, as it is stopped",
            source: "10.9.0.1",
            bytes: [0x31, 0x35, 0x00, 0x01, 0x00, 0x64, 0xD9, 0x5F, 0x0A, 0x09, 0x00, 0x64],
            advertisement: advertisement(53, 0, .seconds(1), ["10.9.0.100"], .v3)
        ),
        CapturedPacket(
            sender: "FRR 8.4.4, version 3 over IPv6",
            source: "fe80::f5fb:3571:75d1:1c4b",
            bytes: [
                0x31, 0x35, 0x78, 0x01, 0x00, 0x64, 0x6C, 0x04,
                0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x00,
            ],
            advertisement: advertisement(53, 120, .seconds(1), ["2001:db8::100"], .v3)
        ),
        CapturedPacket(
            sender: "FRR 8.4.4, version 3 over IPv6, as it is stopped",
            source: "fe80::f5fb:3571:75d1:1c4b",
            bytes: [
                0x31, 0x35, 0x00, 0x01, 0x00, 0x64, 0xE4, 0x04,
                0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x00,
            ],
            advertisement: advertisement(53, 0, .seconds(1), ["2001:db8::100"], .v3)
        ),
    ]

    private static let pair = ["10.9.0.100", "10.9.0.101"]

    private static func advertisement(
        _ virtualRouterID: UInt8,
        _ priority: UInt8,
        _ interval: Duration,
        _ addresses: [String],
        _ version: ProtocolVersion,
        password: String? = nil
    ) -> Advertisement {
        var octets = password.map { Array($0.utf8) } ?? []
        octets += Array(repeating: 0, count: 8 - octets.count)
        return Advertisement(
            virtualRouterID: virtualRouterID,
            priority: priority,
            interval: interval,
            addresses: addresses.compactMap { IPAddress($0) },
            authentication: password == nil ? .none : .password(octets),
            version: version
        )
    }

    var endpoints: Endpoints? {
        IPAddress(source).map { Endpoints(source: $0, destination: .vrrpGroup(of: $0.family)) }
    }
}

@Suite("Advertisements of keepalived and FRR")
struct CapturedPacketTests {
    @Test("what they sent is read and written byte for byte", arguments: CapturedPacket.all)
    func golden(packet: CapturedPacket) throws {
        let endpoints = try #require(packet.endpoints)
        let decoded = try Advertisement.decode(packet.bytes, between: endpoints)
        #expect(decoded.advertisement.onTheWire == packet.advertisement.onTheWire)
        #expect(!decoded.omitsPseudoHeader)
        #expect(decoded.advertisement.encode(between: endpoints) == packet.bytes)
        #expect(packet.advertisement.encode(between: endpoints) == packet.bytes)
    }

    @Test("with one bit turned round nothing of it is read", arguments: CapturedPacket.all)
    func damaged(packet: CapturedPacket) throws {
        let endpoints = try #require(packet.endpoints)
        for bit in 0..<packet.bytes.count * 8 {
            var bytes = packet.bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: AdvertisementError.self) {
                _ = try Advertisement.decode(bytes, between: endpoints)
            }
        }
    }

    @Test("damaged behind a checksum that fits they never trap, and what is read is written alike")
    func refitted() throws {
        var random = SeededGenerator(seed: 3768)
        var read = 0
        for round in 0..<30_000 {
            let packet = CapturedPacket.all[round % CapturedPacket.all.count]
            let endpoints = try #require(packet.endpoints)
            var bytes = packet.bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let offset = Int.random(in: 1..<bytes.count, using: &random)
                bytes[offset] = UInt8(truncatingIfNeeded: random.next())
            }
            let width = endpoints.family.addressLength
            let trailer = bytes[0] >> 4 == 2 ? 8 : 0
            let length = min(bytes.count, 8 + width * Int(bytes[3]) + trailer)
            let omits = random.chance(percent: 30) && endpoints.family == .v4
            let pseudo = omits || trailer > 0 ? [] : pseudoHeader(endpoints, length: length)
            bytes.mendChecksum(behind: pseudo, length: length)
            guard let decoded = try? Advertisement.decode(bytes, between: endpoints) else {
                continue
            }
            read += 1
            let written = decoded.advertisement.encode(
                between: endpoints,
                omitsPseudoHeader: decoded.omitsPseudoHeader
            )
            let again = try Advertisement.decode(written, between: endpoints)
            guard decoded.advertisement.interval > .zero else { continue }
            #expect(again.advertisement == decoded.advertisement)
            let second = again.advertisement.encode(
                between: endpoints,
                omitsPseudoHeader: again.omitsPseudoHeader
            )
            #expect(second == written)
        }
        print("codec: \(read) of 30000 damaged packets with a checksum that fits were readable")
        #expect(read > 9_000)
    }

    private func pseudoHeader(_ endpoints: Endpoints, length: Int) -> [UInt8] {
        let addresses = endpoints.source.octets + endpoints.destination.octets
        let low = [UInt8(length >> 8), UInt8(length & 255)]
        return endpoints.family == .v4
            ? addresses + [0, 112] + low : addresses + [0, 0] + low + [0, 0, 0, 112]
    }
}
