/// Why a packet was not honoured, named as RFC 2787's, RFC 8347's and keepalived's counters name it.
package enum DropReason: UInt8, Error, Sendable, CaseIterable {
    /// The packet ends before its IPv4 header does, or claims more bytes than came.
    case truncatedHeader
    /// Neither IPv4 nor protocol 112.
    case notVRRP
    /// A fragment, which no router of ours sends.
    case fragment
    /// Sent to another group, or to an address that is not ours.
    case destination
    /// Sent to the group, where the router has unicast peers.
    case multicast
    /// Sent to this node alone and by way of a router, where ours advertises to a group.
    case unicast
    /// Unicast, and not from a configured peer.
    case peer
    /// The TTL or hop limit is not 255, so the packet came through a router (RFC 3768 §5.2.3), or not what
    /// `unicast_peer` allows.
    case timeToLive
    /// Neither 2 nor 3, or not the router's.
    case version
    case type
    /// Shorter than its own count of addresses needs.
    case length
    case checksum
    /// A VRID that no router of this interface has.
    case virtualRouterID
    /// An authentication that nobody knows: neither none nor a password.
    case authenticationType
    /// keepalived's `auth_type AH`.
    case authenticationHeader
    /// A known authentication, but not the one that the router is configured with.
    case authenticationMismatch
    /// The right authentication with another password.
    case password
    /// VRRPv2 with another advertisement interval than ours (RFC 3768 §7.1).
    case interval
    /// VRRPv3 with an interval of 0 (erratum 8301).
    case intervalZero
    /// VRRPv3 without an address (erratum 8299).
    case addressCount

    /// The word that `tandemctl` and the log print.
    package var name: String {
        switch self {
        case .truncatedHeader: "truncated-header"
        case .notVRRP: "not-vrrp"
        case .fragment: "fragment"
        case .destination: "destination"
        case .multicast: "multicast"
        case .unicast: "unicast"
        case .peer: "unicast-source"
        case .timeToLive: "ttl"
        case .version: "version"
        case .type: "type"
        case .length: "length"
        case .checksum: "checksum"
        case .virtualRouterID: "virtual-router-id"
        case .authenticationType: "authentication-type"
        case .authenticationHeader: "authentication-header"
        case .authenticationMismatch: "authentication-mismatch"
        case .password: "password"
        case .interval: "interval"
        case .intervalZero: "interval-zero"
        case .addressCount: "address-count"
        }
    }

    init(_ error: AdvertisementError) {
        self =
            switch error {
            case .length: .length
            case .version: .version
            case .type: .type
            case .checksum: .checksum
            case .virtualRouterID: .virtualRouterID
            case .authenticationType: .authenticationType
            case .authenticationHeader: .authenticationHeader
            case .addressCount: .addressCount
            case .intervalZero: .intervalZero
            }
    }
}

/// How many packets were dropped for which reason; iterates over the reasons that occurred.
package struct DropCounters: Equatable, Sendable, Sequence {
    private var counts: [UInt64]

    package init() {
        counts = Array(repeating: 0, count: DropReason.allCases.count)
    }

    package subscript(reason: DropReason) -> UInt64 {
        counts[Int(reason.rawValue)]
    }

    package var total: UInt64 { counts.reduce(0, &+) }

    package mutating func count(_ reason: DropReason) {
        counts[Int(reason.rawValue)] &+= 1
    }

    package func makeIterator() -> some IteratorProtocol<(reason: DropReason, count: UInt64)> {
        DropReason.allCases.lazy
            .map { (reason: $0, count: self[$0]) }
            .filter { $0.count > 0 }
            .makeIterator()
    }
}
