package import Primitives

/// A VRRPv2 advertisement (RFC 3768 §5.1), without its IP header.
package struct Advertisement: Equatable, Sendable {
    package var virtualRouterID: UInt8
    /// 0 says that the sender gives up; 255 is the owner of the addresses.
    package var priority: UInt8
    /// Whole seconds on the wire.
    package var interval: Duration
    package var addresses: [IPAddress]
    package var authentication: Authentication

    package init(
        virtualRouterID: UInt8,
        priority: UInt8,
        interval: Duration,
        addresses: [IPAddress],
        authentication: Authentication = .none
    ) {
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
