/// Why a packet was not honoured, named as RFC 2787's and keepalived's counters name it.
package enum DropReason: UInt8, Error, Sendable, CaseIterable {
    /// The packet ends before its IPv4 header does, or claims more bytes than came.
    case truncatedHeader
    /// Neither IPv4 nor protocol 112.
    case notVRRP
    /// A fragment, which no router of ours sends.
    case fragment
    /// Not sent to 224.0.0.18.
    case destination
    /// The TTL is not 255, so the packet came through a router (RFC 3768 §5.2.3).
    case timeToLive
    case version
    case type
    /// Shorter than its own count of addresses needs.
    case length
    case checksum
    /// A VRID that no router of this interface has.
    case virtualRouterID
    /// An authentication that nobody knows: neither none nor a password.
    case authenticationType
    /// A known authentication, but not the one that the router is configured with.
    case authenticationMismatch
    /// The right authentication with another password.
    case password
    /// Another advertisement interval than ours (RFC 3768 §7.1).
    case interval

    /// The word that `tandemctl` and the log print.
    package var name: String {
        switch self {
        case .truncatedHeader: "truncated-header"
        case .notVRRP: "not-vrrp"
        case .fragment: "fragment"
        case .destination: "destination"
        case .timeToLive: "ttl"
        case .version: "version"
        case .type: "type"
        case .length: "length"
        case .checksum: "checksum"
        case .virtualRouterID: "virtual-router-id"
        case .authenticationType: "authentication-type"
        case .authenticationMismatch: "authentication-mismatch"
        case .password: "password"
        case .interval: "interval"
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
