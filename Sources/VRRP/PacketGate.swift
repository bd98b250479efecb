package import Primitives

/// A packet from a raw socket that holds an advertisement, whoever it is for.
package struct ReceivedPacket: Equatable, Sendable {
    package var advertisement: Advertisement
    package var source: IPAddress
    package var timeToLive: UInt8

    /// Reads an IPv4 packet with its header, as a raw socket hands it over: RFC 3768 §7.1 as far as it
    /// needs no configuration.
    package static func decode(
        _ packet: some Collection<UInt8>
    ) -> Result<ReceivedPacket, DropReason> {
        let bytes = Array(packet)
        let minimum = 20
        guard bytes.count >= minimum else { return .failure(.truncatedHeader) }
        let headerLength = Int(bytes[0] & 15) * 4
        let totalLength = Int(bytes[2]) << 8 | Int(bytes[3])
        guard bytes[0] >> 4 == 4 else { return .failure(.notVRRP) }
        guard headerLength >= minimum, totalLength >= headerLength, totalLength <= bytes.count
        else {
            return .failure(.truncatedHeader)
        }
        guard bytes[9] == Advertisement.protocolNumber else { return .failure(.notVRRP) }
        let moreFragments = bytes[6] & 0x20 != 0
        let fragmentOffset = Int(bytes[6] & 0x1F) << 8 | Int(bytes[7])
        guard !moreFragments, fragmentOffset == 0 else { return .failure(.fragment) }
        guard address(in: bytes, at: 16) == .vrrpGroup else { return .failure(.destination) }
        guard bytes[8] == Advertisement.timeToLive else { return .failure(.timeToLive) }
        do throws(AdvertisementError) {
            return .success(
                ReceivedPacket(
                    advertisement: try Advertisement.decode(bytes[headerLength..<totalLength]),
                    source: .v4(address(in: bytes, at: 12)),
                    timeToLive: bytes[8]
                )
            )
        } catch {
            return .failure(DropReason(error))
        }
    }

    private static func address(in bytes: [UInt8], at offset: Int) -> IPv4Address {
        IPv4Address(bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3])
    }
}

/// Stands before the virtual routers of one interface: lets through what RFC 3768 §7.1 lets through and
/// counts the rest by reason.
///
/// A list of addresses that differs from ours is none of its business: such an advertisement is honoured
/// (RFC 9568 §7.1), and the router notes the difference. Dropping it would make two MASTERs of a pair whose
/// files are being changed one after the other.
package struct PacketGate: Equatable, Sendable {
    private struct Expectation: Equatable, Sendable {
        var virtualRouterID: UInt8
        var authentication: Authentication
        var interval: Duration
    }

    private var expectations: [Expectation] = []
    package private(set) var counters = DropCounters()

    /// For the routers of one interface.
    package init(routers: [RouterSettings]) {
        expect(routers)
    }

    /// After a reload; the counters go on.
    package mutating func expect(_ routers: [RouterSettings]) {
        expectations = routers.map { settings in
            Expectation(
                virtualRouterID: settings.virtualRouterID,
                authentication: settings.authentication.onTheWire,
                // What we put on the wire ourselves: whole seconds, at least one.
                interval: settings.advertisement(priority: 0).onTheWire.interval
            )
        }
    }

    /// Takes an IPv4 packet with its header.
    package mutating func admit(
        _ packet: some Collection<UInt8>
    ) -> Result<ReceivedPacket, DropReason> {
        let result = ReceivedPacket.decode(packet).flatMap { received in
            objection(to: received.advertisement).map { .failure($0) } ?? .success(received)
        }
        if case .failure(let reason) = result { counters.count(reason) }
        return result
    }

    func objection(to advertisement: Advertisement) -> DropReason? {
        guard
            let expected = expectations.first(where: {
                $0.virtualRouterID == advertisement.virtualRouterID
            })
        else { return .virtualRouterID }
        switch (expected.authentication, advertisement.authentication) {
        case (.none, .none): break
        case (.password(let ours), .password(let theirs)):
            guard ours == theirs else { return .password }
        case (.none, .password), (.password, .none): return .authenticationMismatch
        }
        return expected.interval == advertisement.interval ? nil : .interval
    }
}
