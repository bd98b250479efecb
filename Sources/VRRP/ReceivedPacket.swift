package import Primitives

/// A packet from a raw socket that holds an advertisement, whoever it is for.
package struct ReceivedPacket: Equatable, Sendable {
    package var advertisement: Advertisement
    package var source: IPAddress
    package var destination: IPAddress
    /// Or the hop limit.
    package var timeToLive: UInt8
    /// Version 3 over IPv4, checksum without the pseudo header.
    package var omitsPseudoHeader = false
    /// The router that it is for: its place in the list that the gate was given.
    package var router = 0

    /// Reads an IPv4 packet with its header, as a raw socket hands it over: RFC 3768 §7.1 and RFC 9568
    /// §7.1 as far as they need no configuration.
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
        guard bytes[9] != authenticationHeader else { return .failure(.authenticationHeader) }
        guard bytes[9] == Advertisement.protocolNumber else { return .failure(.notVRRP) }
        let moreFragments = bytes[6] & 0x20 != 0
        let fragmentOffset = Int(bytes[6] & 0x1F) << 8 | Int(bytes[7])
        guard !moreFragments, fragmentOffset == 0 else { return .failure(.fragment) }
        return decode(
            payload: bytes[headerLength..<totalLength],
            between: Endpoints(
                source: .v4(address(in: bytes, at: 12)),
                destination: .v4(address(in: bytes, at: 16))
            ),
            timeToLive: bytes[8]
        )
    }

    /// Reads what a raw socket of IPv6 delivers: the payload, and its header as ancillary data.
    package static func decode(
        payload: some Collection<UInt8>,
        between endpoints: Endpoints,
        timeToLive: UInt8
    ) -> Result<ReceivedPacket, DropReason> {
        guard endpoints.source.family == endpoints.destination.family else {
            return .failure(.notVRRP)
        }
        // RFC 3768 §5.2.3, RFC 9568 §5.1.1.3 and §5.1.2.3; a unicast peer may be some hops away.
        guard
            timeToLive == Advertisement.timeToLive
                || !endpoints.destination.isMulticastGroup
        else { return .failure(.timeToLive) }
        do throws(AdvertisementError) {
            let decoded = try Advertisement.decode(payload, between: endpoints)
            return .success(
                ReceivedPacket(
                    advertisement: decoded.advertisement,
                    source: endpoints.source,
                    destination: endpoints.destination,
                    timeToLive: timeToLive,
                    omitsPseudoHeader: decoded.omitsPseudoHeader
                )
            )
        } catch {
            return .failure(DropReason(error))
        }
    }

    /// IP protocol 51.
    private static let authenticationHeader: UInt8 = 51

    private static func address(in bytes: [UInt8], at offset: Int) -> IPv4Address {
        IPv4Address(bytes[offset], bytes[offset + 1], bytes[offset + 2], bytes[offset + 3])
    }
}
