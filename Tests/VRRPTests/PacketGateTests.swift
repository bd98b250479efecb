import Primitives
import Testing

@testable import VRRP

@Suite("The gate before the routers")
struct PacketGateTests {
    static let payload = AdvertisementCodecTests.captured

    static let settings = RouterSettings(
        name: "VI_1",
        interface: "eth0",
        virtualRouterID: 51,
        addresses: [VirtualAddress(prefix: Prefix(host: .v4(IPv4Address(10, 9, 0, 100))))],
        authentication: .password(Array("12345678".utf8))
    )

    @Test("a right packet passes, with options and padding as well")
    func passes() throws {
        var gate = PacketGate(routers: [Self.settings])
        for bytes in [
            packet(around: Self.payload),
            packet(around: Self.payload, options: [1, 1, 1, 1]),
            packet(around: Self.payload) + [0, 0, 0, 0, 0, 0],
        ] {
            let received = try gate.admit(bytes).get()
            #expect(received.advertisement == AdvertisementCodecTests.advertisement)
            #expect(received.source == IPAddress(10, 9, 0, 1))
            #expect(received.timeToLive == 255)
        }
        #expect(gate.counters.total == 0)
    }

    struct Refused: CustomTestStringConvertible, Sendable {
        var reason: DropReason
        var bytes: [UInt8]
        var testDescription: String { reason.name }
    }

    static let refused: [Refused] = [
        Refused(reason: .truncatedHeader, bytes: []),
        Refused(reason: .truncatedHeader, bytes: Array(packet(around: payload).prefix(19))),
        Refused(reason: .truncatedHeader, bytes: Array(packet(around: payload).dropLast())),
        Refused(reason: .truncatedHeader, bytes: [0x44] + packet(around: payload).dropFirst()),
        Refused(reason: .notVRRP, bytes: [0x65] + packet(around: payload).dropFirst()),
        Refused(reason: .notVRRP, bytes: packet(around: payload, protocolNumber: 17)),
        Refused(reason: .fragment, bytes: packet(around: payload, fragment: 0x2000)),
        Refused(reason: .fragment, bytes: packet(around: payload, fragment: 185)),
        Refused(
            reason: .unicast,
            bytes: packet(
                around: payload,
                timeToLive: 64,
                destination: IPv4Address(10, 9, 0, 2)
            )
        ),
        Refused(
            reason: .destination,
            bytes: packet(around: payload, destination: IPv4Address(224, 0, 0, 19))
        ),
        Refused(reason: .timeToLive, bytes: packet(around: payload, timeToLive: 254)),
        Refused(reason: .version, bytes: packet(around: [0x41] + payload.dropFirst())),
        Refused(reason: .type, bytes: packet(around: [0x22] + payload.dropFirst())),
        Refused(reason: .length, bytes: packet(around: Array(payload.prefix(17)))),
        Refused(reason: .checksum, bytes: packet(around: payload.dropLast() + [0])),
        Refused(
            reason: .virtualRouterID,
            bytes: packet(around: AdvertisementCodecTests.rewritten(offset: 1, value: 52))
        ),
        Refused(
            reason: .authenticationType,
            bytes: packet(around: AdvertisementCodecTests.rewritten(offset: 4, value: 9))
        ),
        Refused(
            reason: .authenticationHeader,
            bytes: packet(around: AdvertisementCodecTests.rewritten(offset: 4, value: 2))
        ),
        Refused(reason: .authenticationHeader, bytes: packet(around: payload, protocolNumber: 51)),
        Refused(
            reason: .authenticationMismatch,
            bytes: packet(around: AdvertisementCodecTests.rewritten(offset: 4, value: 0))
        ),
        Refused(
            reason: .password,
            bytes: packet(around: AdvertisementCodecTests.rewritten(offset: 12, value: 0x32))
        ),
        Refused(
            reason: .interval,
            bytes: packet(around: AdvertisementCodecTests.rewritten(offset: 5, value: 2))
        ),
    ]

    @Test("each mismatch is dropped and counted under its own name", arguments: refused)
    func drops(row: Refused) {
        var gate = PacketGate(routers: [Self.settings])
        #expect(gate.admit(row.bytes) == .failure(row.reason))
        #expect(gate.counters[row.reason] == 1)
        #expect(gate.counters.map(\.reason) == [row.reason])
        #expect(gate.counters.total == 1)
    }

    @Test("every reason has a test and a name of its own")
    func complete() {
        let elsewhere = TransportGateTests.refused.map(\.reason) + [.intervalZero]
        #expect(Set(Self.refused.map(\.reason) + elsewhere) == Set(DropReason.allCases))
        #expect(Set(DropReason.allCases.map(\.name)).count == DropReason.allCases.count)
    }

    @Test("another list of addresses is let through: dropping it would make two MASTERs")
    func otherAddresses() throws {
        var gate = PacketGate(routers: [Self.settings])
        var advertisement = AdvertisementCodecTests.advertisement
        advertisement.addresses.append(IPAddress(10, 9, 0, 101))
        let received = try gate.admit(
            packet(around: advertisement.encode(between: AdvertisementCodecTests.endpoints))
        ).get()
        #expect(received.advertisement == advertisement)
    }

    @Test("passwords are compared as the wire holds them: eight bytes")
    func longPassword() throws {
        var settings = Self.settings
        settings.authentication = .password(Array("12345678 and more".utf8))
        var gate = PacketGate(routers: [settings])
        _ = try gate.admit(packet(around: Self.payload)).get()
        settings.authentication = .password(Array("1234".utf8))
        gate.expect([settings])
        _ = try gate.admit(
            packet(
                around: settings.advertisement(priority: 3).encode(
                    between: AdvertisementCodecTests.endpoints
                )
            )
        ).get()
    }
}
