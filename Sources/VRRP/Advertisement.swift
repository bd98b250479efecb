package import Primitives

/// An advertisement of VRRPv2 (RFC 3768 §5.1) or VRRPv3 (RFC 9568 §5.1), without its IP header.
package struct Advertisement: Equatable, Sendable {
    package var version: ProtocolVersion
    package var virtualRouterID: UInt8
    /// 0 says that the sender gives up; 255 is the owner of the addresses.
    package var priority: UInt8
    /// On the wire whole seconds of version 2 (1 to 255), centiseconds of version 3 (1 to 4095).
    package var interval: Duration
    /// All of one family, which is the packet's.
    package var addresses: [IPAddress]
    /// Version 2 only.
    package var authentication: Authentication

    package init(
        virtualRouterID: UInt8,
        priority: UInt8,
        interval: Duration,
        addresses: [IPAddress],
        authentication: Authentication = .none,
        version: ProtocolVersion = .v2
    ) {
        self.version = version
        self.virtualRouterID = virtualRouterID
        self.priority = priority
        self.interval = interval
        self.addresses = addresses
        self.authentication = authentication
    }
}

/// RFC 2338 §5.3.6, still what most keepalived pairs use.
package enum Authentication: Equatable, Sendable {
    case none
    /// Eight bytes, zero padded.
    case password([UInt8])
}

/// Why bytes are no advertisement; each is a `DropReason` of the same name.
package enum AdvertisementError: Error, Equatable, Sendable {
    /// Fewer bytes than the fixed header, or than the count of addresses asks for.
    case length(needed: Int, available: Int)
    /// Neither 2 nor 3, or 2 over IPv6.
    case version(UInt8)
    case type(UInt8)
    case checksum
    /// 0 is no virtual router (RFC 3768 §5.3.3).
    case virtualRouterID
    /// IPsec's authentication header, which RFC 3768 dropped and keepalived's `auth_type AH` still sends.
    case authenticationHeader
    /// Neither none (0) nor a password (1).
    case authenticationType(UInt8)
    /// Version 3 without an address (RFC 9568 §5.2.5, erratum 8299).
    case addressCount
    /// Version 3 with an interval of 0 (RFC 9568 §5.2.7, erratum 8301).
    case intervalZero
}

/// Where the IP packet of an advertisement comes from and goes to: two addresses of one family, of which the
/// pseudo header is made.
package struct Endpoints: Equatable, Sendable {
    package var source: IPAddress
    package var destination: IPAddress

    package init(source: IPAddress, destination: IPAddress) {
        self.source = source
        self.destination = destination
    }

    var family: AddressFamily { destination.family }
}
