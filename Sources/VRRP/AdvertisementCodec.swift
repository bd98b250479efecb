import Primitives

/// What both versions begin with, and VRRPv2 over IPv4 (RFC 3768 §5.1) with the password that RFC 2338 §5.3.6
/// put into its last eight bytes:
///
///     0       1       2       3       4       5       6       7
///     ver|typ VRID    prio    count   auth    seconds checksum
///     address 1 … address n, four bytes each
///     eight bytes of authentication data, zeros where there is none
extension Advertisement {
    /// The RFC's protocol number in the IP header.
    package static let protocolNumber: UInt8 = 112
    /// What RFC 3768 §5.2.3 and RFC 9568 §5.1.1.3 ask of sender and receiver.
    package static let timeToLive: UInt8 = 255
    package static let passwordLength = 8

    static let headerLength = 8
    /// The only type there is (RFC 3768 §5.3.2).
    private static let advertisementType: UInt8 = 1

    /// Reads the payload of an IP packet. Bytes behind the message are an Ethernet frame's padding and
    /// are left alone; nothing in the bytes can do more harm than an error.
    package static func decode(
        _ payload: some Collection<UInt8>,
        between endpoints: Endpoints
    ) throws(AdvertisementError) -> DecodedAdvertisement {
        let bytes = Array(payload)
        guard bytes.count >= headerLength else {
            throw .length(needed: headerLength, available: bytes.count)
        }
        let version = bytes[0] >> 4
        switch (ProtocolVersion(rawValue: version), endpoints.family) {
        case (nil, _), (.v2, .v6): throw .version(version)
        case (.v2, .v4):
            return DecodedAdvertisement(try decodeVersion2(bytes), omitsPseudoHeader: false)
        case (.v3, _): return try decodeVersion3(bytes, between: endpoints)
        }
    }

    private static func decodeVersion2(
        _ bytes: [UInt8]
    ) throws(AdvertisementError) -> Advertisement {
        let count = Int(bytes[3])
        let message = try message(
            in: bytes,
            length: headerLength + 4 * count + passwordLength
        )
        guard InternetChecksum.of(message) == 0 else { throw .checksum }
        guard bytes[1] != 0 else { throw .virtualRouterID }
        return Advertisement(
            virtualRouterID: bytes[1],
            priority: bytes[2],
            interval: .seconds(Int(bytes[5])),
            addresses: addresses(in: message.dropFirst(headerLength).prefix(4 * count), width: 4),
            authentication: try authentication(
                type: bytes[4],
                data: message.suffix(passwordLength)
            )
        )
    }

    /// The message without the padding behind it.
    static func message(
        in bytes: [UInt8],
        length: Int
    ) throws(AdvertisementError) -> ArraySlice<UInt8> {
        guard bytes[0] & 15 == advertisementType else { throw .type(bytes[0] & 15) }
        guard bytes.count >= length else {
            throw .length(needed: length, available: bytes.count)
        }
        return bytes.prefix(length)
    }

    static func addresses(in bytes: ArraySlice<UInt8>, width: Int) -> [IPAddress] {
        stride(from: bytes.startIndex, to: bytes.endIndex, by: width)
            .compactMap { IPAddress(octets: bytes[$0..<$0 + width]) }
    }

    private static func authentication(
        type: UInt8,
        data: ArraySlice<UInt8>
    ) throws(AdvertisementError) -> Authentication {
        switch type {
        case 0: .none
        case 1: .password(Array(data))
        case 2: throw .authenticationHeader
        default: throw .authenticationType(type)
        }
    }

    /// The payload of the IP packet, checksum in place.
    ///
    /// Whatever has no room on the wire is left out or cut to it: the 256th address and those of the other
    /// family, a password's ninth byte. The interval is rounded up into what the version can say.
    /// `omitsPseudoHeader` is version 3 over IPv4 as RFC 9568 §5.2.8 has it; keepalived and FRR include it.
    package func encode(between endpoints: Endpoints, omitsPseudoHeader: Bool = false) -> [UInt8] {
        let listed = addresses.lazy.filter { $0.family == endpoints.family }.prefix(255)
        let octets = listed.flatMap(\.octets)
        let word: UInt16
        var trailer: [UInt8] = []
        switch version {
        case .v2:
            let (type, data): (UInt16, [UInt8]) =
                switch authentication {
                case .none: (0, [])
                case .password(let password): (1, Array(password.prefix(Self.passwordLength)))
                }
            word = type << 8 | wireInterval
            trailer = data + Array(repeating: 0, count: Self.passwordLength - data.count)
        case .v3: word = wireInterval
        }
        var bytes: [UInt8] = [
            version.rawValue << 4 | Self.advertisementType,
            virtualRouterID,
            priority,
            UInt8(clamping: octets.count / endpoints.family.addressLength),
            UInt8(word >> 8), UInt8(word & 0xFF),
            0, 0,
        ]
        bytes += octets + trailer
        let checksum = checksum(
            of: bytes[...],
            between: endpoints,
            omitsPseudoHeader: omitsPseudoHeader
        )
        bytes[6] = UInt8(checksum >> 8)
        bytes[7] = UInt8(checksum & 0xFF)
        return bytes
    }
}

extension Advertisement {
    /// What the peer reads of it: a rounded interval and a padded password.
    var onTheWire: Advertisement {
        var read = self
        switch version {
        case .v2:
            read.interval = .seconds(Int(wireInterval))
            read.authentication = authentication.onTheWire
        case .v3:
            read.interval = .milliseconds(Int(wireInterval) * 10)
            read.authentication = .none
        }
        return read
    }

    /// In the version's unit, rounded up into its range.
    var wireInterval: UInt16 {
        let (unit, limit): (Int64, Int64) =
            switch version {
            case .v2: (1_000_000_000, 255)
            case .v3: (10_000_000, 4095)
            }
        let (whole, rest) = interval.nanoseconds.quotientAndRemainder(dividingBy: unit)
        return UInt16(clamping: min(max(rest > 0 ? whole &+ 1 : whole, 1), limit))
    }
}

extension Authentication {
    /// As it looks on the wire: eight bytes, cut or padded with zeros (keepalived.conf(5), `auth_pass`).
    var onTheWire: Authentication {
        switch self {
        case .none: .none
        case .password(let password):
            .password(
                Array(password.prefix(Advertisement.passwordLength))
                    + Array(
                        repeating: 0,
                        count: max(0, Advertisement.passwordLength - password.count)
                    )
            )
        }
    }
}

extension AddressFamily {
    /// 4 or 16 bytes.
    var addressLength: Int {
        switch self {
        case .v4: 4
        case .v6: 16
        }
    }
}
