package import Primitives

/// The hash of `balance source`: the address's 32-bit words, folded, as HAProxy does it.
package enum SourceHash {
    package static func of(_ address: IPAddress) -> UInt32 {
        switch address {
        case .v4(let address): address.rawValue
        case .v6(let address):
            UInt32(truncatingIfNeeded: address.high >> 32)
                ^ UInt32(truncatingIfNeeded: address.high)
                ^ UInt32(truncatingIfNeeded: address.low >> 32)
                ^ UInt32(truncatingIfNeeded: address.low)
        }
    }
}
