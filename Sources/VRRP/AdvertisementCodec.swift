package import Primitives

/// Why bytes are no VRRPv2 advertisement; each is a `DropReason` of the same name.
package enum AdvertisementError: Error, Equatable, Sendable {
    /// Fewer bytes than the fixed header, or than the count of addresses asks for.
    case length(needed: Int, available: Int)
    case version(UInt8)
    case type(UInt8)
    case checksum
    /// 0 is no virtual router (RFC 3768 §5.3.3).
    case virtualRouterID
    /// Neither none (0) nor a password (1); 2 is keepalived's AH.
    case authenticationType(UInt8)
}

/// VRRPv2 over IPv4 (RFC 3768 §5.1), with the password that RFC 2338 §5.3.6 put into its last eight bytes:
///
///     0       1       2       3       4       5       6       7
///     ver|typ VRID    prio    count   auth    seconds checksum
///     address 1 … address n, four bytes each
///     eight bytes of authentication data, zeros where there is none
extension Advertisement {
    /// The RFC's protocol number in the IP header.
    package static let protocolNumber: UInt8 = 112
    /// What RFC 3768 §5.2.3 asks of sender and receiver.
    package static let timeToLive: UInt8 = 255
    package static let passwordLength = 8

    private static let headerLength = 8
    private static let version: UInt8 = 2
    /// The only type there is (RFC 3768 §5.3.2).
    private static let advertisementType: UInt8 = 1

    /// Reads the payload of an IP packet. Bytes behind the message are an Ethernet frame's padding and
    /// are left alone; nothing in the bytes can do more harm than an error.
    package static func decode(
        _ payload: some Collection<UInt8>
    ) throws(AdvertisementError) -> Advertisement {
        let available = payload.count
        let bytes = ArraySlice(payload)
        guard available >= headerLength + passwordLength else {
            throw .length(needed: headerLength + passwordLength, available: available)
        }
        let start = bytes.startIndex
        guard bytes[start] >> 4 == version else { throw .version(bytes[start] >> 4) }
        guard bytes[start] & 15 == advertisementType else { throw .type(bytes[start] & 15) }
        let count = Int(bytes[start + 3])
        let length = headerLength + 4 * count + passwordLength
        guard available >= length else { throw .length(needed: length, available: available) }
        let message = bytes.prefix(length)
        guard InternetChecksum.of(message) == 0 else { throw .checksum }
        guard message[start + 1] != 0 else { throw .virtualRouterID }
        let addressBytes = message.dropFirst(headerLength).prefix(4 * count)
        return Advertisement(
            virtualRouterID: message[start + 1],
            priority: message[start + 2],
            interval: .seconds(Int(message[start + 5])),
            addresses: stride(from: addressBytes.startIndex, to: addressBytes.endIndex, by: 4)
                .map { index in
                    .v4(
                        IPv4Address(
                            rawValue: addressBytes[index..<index + 4]
                                .reduce(0) { $0 << 8 | UInt32($1) }
                        )
                    )
                },
            authentication: try authentication(
                type: message[start + 4],
                data: message.suffix(passwordLength)
            )
        )
    }

    private static func authentication(
        type: UInt8,
        data: ArraySlice<UInt8>
    ) throws(AdvertisementError) -> Authentication {
        switch type {
        case 0: .none
        case 1: .password(Array(data))
        default: throw .authenticationType(type)
        }
    }

    /// The payload of the IP packet: 16 bytes and four more an address, checksum in place.
    ///
    /// The wire has room for 255 addresses and for 1 to 255 whole seconds; more addresses are left out,
    /// and the interval is rounded up into that range.
    package func encode() -> [UInt8] {
        let listed = addresses.prefix(255)
        let (authenticationType, data): (UInt8, [UInt8]) =
            switch authentication {
            case .none: (0, [])
            case .password(let password): (1, Array(password.prefix(Self.passwordLength)))
            }
        var bytes: [UInt8] = [
            Self.version << 4 | Self.advertisementType,
            virtualRouterID,
            priority,
            UInt8(listed.count),
            authenticationType,
            wireInterval,
            0, 0,
        ]
        bytes.reserveCapacity(bytes.count + 4 * listed.count + Self.passwordLength)
        for address in listed { bytes += address.octets }
        bytes += data + Array(repeating: 0, count: Self.passwordLength - data.count)
        let checksum = InternetChecksum.of(bytes)
        bytes[6] = UInt8(checksum >> 8)
        bytes[7] = UInt8(checksum & 0xFF)
        return bytes
    }
}

extension Advertisement {
    /// What the peer reads of it: whole seconds and a padded password.
    var onTheWire: Advertisement {
        var read = self
        read.interval = .seconds(wireInterval)
        read.authentication = authentication.onTheWire
        return read
    }

    /// Whole seconds, rounded up into 1 to 255.
    var wireInterval: UInt8 {
        let (seconds, rest) = interval.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return UInt8(min(max(seconds + (rest > 0 ? 1 : 0), 1), 255))
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

extension RouterSettings {
    /// The virtual addresses in the order in which they are advertised; IPv6 has no place in VRRPv2.
    package var advertisedAddresses: [IPAddress] {
        addresses.map(\.prefix.address).filter { $0.family == family }
    }

    /// What an `.advertise` effect sends.
    package func advertisement(priority: UInt8) -> Advertisement {
        Advertisement(
            virtualRouterID: virtualRouterID,
            priority: priority,
            interval: advertisementInterval,
            addresses: advertisedAddresses,
            authentication: authentication
        )
    }
}
