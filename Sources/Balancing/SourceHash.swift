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

    /// `avalanche`: Bob Jenkins' integer hash (burtleburtle.net/bob/hash/integer.html) times a prime near three
    /// quarters of the range.
    package static func spread(_ hash: UInt32) -> UInt32 {
        var value = hash
        value = (value &+ 0x7ED5_5D16) &+ (value << 12)
        value = (value ^ 0xC761_C23C) ^ (value >> 19)
        value = (value &+ 0x1656_67B1) &+ (value << 5)
        value = (value &+ 0xD3A2_646C) ^ (value << 9)
        value = (value &+ 0xFD70_46C5) &+ (value << 3)
        value = (value ^ 0xB55A_4F09) ^ (value >> 16)
        return value &* 3_221_225_473
    }
}
