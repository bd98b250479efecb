package import Primitives

/// Addresses of any number of networks: looked up by halving, without allocation.
package struct AddressSet: Equatable, Sendable {
    private struct Range<Bound: Comparable & Sendable>: Equatable, Sendable {
        var first: Bound
        var last: Bound
    }

    private var v4: [Range<UInt32>] = []
    private var v6: [Range<IPv6Address>] = []

    package init(_ prefixes: [Prefix]) {
        for prefix in prefixes {
            switch prefix.address {
            case .v4(let address):
                let mask =
                    prefix.length == 0 ? 0 : UInt32.max << (32 - UInt32(prefix.length))
                let first = address.rawValue & mask
                v4.append(Range(first: first, last: first | ~mask))
            case .v6(let address):
                let length = UInt64(prefix.length)
                let high = length == 0 ? 0 : length >= 64 ? .max : UInt64.max << (64 - length)
                let low = length <= 64 ? 0 : UInt64.max << (128 - length)
                v6.append(
                    Range(
                        first: IPv6Address(high: address.high & high, low: address.low & low),
                        last: IPv6Address(high: address.high | ~high, low: address.low | ~low)
                    )
                )
            }
        }
        v4 = Self.disjoint(v4)
        v6 = Self.disjoint(v6)
    }

    /// An IPv4 address within IPv6 (::ffff:192.0.2.1) is looked up as what it stands for, too, as HAProxy does.
    package func contains(_ address: IPAddress) -> Bool {
        switch address {
        case .v4(let address):
            return Self.contains(v4, address.rawValue)
                || !v6.isEmpty && Self.contains(v6, Self.mapped(address))
        case .v6(let address):
            if Self.contains(v6, address) { return true }
            guard address.high == 0, address.low >> 32 == 0xFFFF else { return false }
            return Self.contains(v4, UInt32(truncatingIfNeeded: address.low))
        }
    }

    private static func mapped(_ address: IPv4Address) -> IPv6Address {
        IPv6Address(high: 0, low: 0xFFFF_0000_0000 | UInt64(address.rawValue))
    }

    /// Sorted, with those that overlap made one.
    private static func disjoint<Bound>(_ ranges: [Range<Bound>]) -> [Range<Bound>] {
        var result: [Range<Bound>] = []
        for range in ranges.sorted(by: { $0.first < $1.first }) {
            if let last = result.last, range.first <= last.last {
                result[result.count - 1].last = max(last.last, range.last)
            } else {
                result.append(range)
            }
        }
        return result
    }

    private static func contains<Bound>(_ ranges: [Range<Bound>], _ value: Bound) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].last < value { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].first <= value
    }
}
