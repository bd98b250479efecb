import Primitives

/// An advertisement as it was read.
package struct DecodedAdvertisement: Equatable, Sendable {
    package var advertisement: Advertisement
    /// Version 3 over IPv4, checksum without the pseudo header.
    package var omitsPseudoHeader: Bool

    init(_ advertisement: Advertisement, omitsPseudoHeader: Bool) {
        self.advertisement = advertisement
        self.omitsPseudoHeader = omitsPseudoHeader
    }
}

/// VRRPv3 over IPv4 and IPv6 (RFC 9568 §5.1):
///
///     0       1       2       3       4       5       6       7
///     ver|typ VRID    prio    count   0|12 bits of    checksum
///                                     centiseconds
///     address 1 … address n, 4 or 16 bytes each; over IPv6 the first is link-local (§5.2.9)
extension Advertisement {
    static func decodeVersion3(
        _ bytes: [UInt8],
        between endpoints: Endpoints
    ) throws(AdvertisementError) -> DecodedAdvertisement {
        let width = endpoints.family.addressLength
        let count = Int(bytes[3])
        let message = try message(in: bytes, length: headerLength + width * count)
        let omitsPseudoHeader: Bool
        // RFC 5798 left it open whether IPv4 has one; a router that takes one kind only is deaf to half of
        // the others.
        if verifies(message, with: pseudoHeader(of: endpoints, length: message.count)) {
            omitsPseudoHeader = false
        } else if endpoints.family == .v4, verifies(message, with: []) {
            omitsPseudoHeader = true
        } else {
            throw .checksum
        }
        guard bytes[1] != 0 else { throw .virtualRouterID }
        // RFC 9568 §5.2.5 with erratum 8299, §5.2.7 with erratum 8301.
        guard count > 0 else { throw .addressCount }
        let centiseconds = Int(bytes[4] & 15) << 8 | Int(bytes[5])
        guard centiseconds > 0 else { throw .intervalZero }
        return DecodedAdvertisement(
            Advertisement(
                virtualRouterID: bytes[1],
                priority: bytes[2],
                interval: .milliseconds(centiseconds * 10),
                addresses: addresses(in: message.dropFirst(headerLength), width: width),
                version: .v3
            ),
            omitsPseudoHeader: omitsPseudoHeader
        )
    }

    private static func verifies(_ message: ArraySlice<UInt8>, with prefix: [UInt8]) -> Bool {
        var checksum = InternetChecksum()
        checksum.add(prefix)
        checksum.add(message)
        return checksum.value == 0
    }

    /// The checksum that belongs into a message whose own field is 0 (RFC 3768 §5.3.8, RFC 9568 §5.2.8).
    func checksum(
        of message: ArraySlice<UInt8>,
        between endpoints: Endpoints,
        omitsPseudoHeader: Bool
    ) -> UInt16 {
        var checksum = InternetChecksum()
        let hasPseudoHeader =
            switch (version, endpoints.family) {
            case (.v2, _): false
            case (.v3, .v4): !omitsPseudoHeader
            case (.v3, .v6): true
            }
        if hasPseudoHeader {
            checksum.add(Self.pseudoHeader(of: endpoints, length: message.count))
        }
        checksum.add(message)
        return checksum.value
    }

    /// RFC 9293 §3.1 for IPv4, RFC 8200 §8.1 for IPv6.
    private static func pseudoHeader(of endpoints: Endpoints, length: Int) -> [UInt8] {
        let addresses = endpoints.source.octets + endpoints.destination.octets
        let (high, low) = (UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF))
        return switch endpoints.family {
        case .v4: addresses + [0, protocolNumber, high, low]
        case .v6: addresses + [0, 0, high, low, 0, 0, 0, protocolNumber]
        }
    }
}
