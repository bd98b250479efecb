/// An IPv4 address, kept as the number that VRRP compares (RFC 9568 §6.4.3: "greater" is numeric).
package struct IPv4Address: Comparable, Hashable, Sendable {
    /// The address in host order: 192.0.2.1 is 0xC000_0201.
    package var rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        rawValue = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
    }

    package static let any = IPv4Address(rawValue: 0)
    package static let loopback = IPv4Address(127, 0, 0, 1)
    /// 224.0.0.18, where routers advertise (RFC 9568 §5.1.1.2).
    package static let vrrpGroup = IPv4Address(224, 0, 0, 18)

    package static func < (left: IPv4Address, right: IPv4Address) -> Bool {
        left.rawValue < right.rawValue
    }

    /// The four octets, most significant first.
    package var octets: [UInt8] {
        [
            UInt8(truncatingIfNeeded: rawValue >> 24), UInt8(truncatingIfNeeded: rawValue >> 16),
            UInt8(truncatingIfNeeded: rawValue >> 8), UInt8(truncatingIfNeeded: rawValue),
        ]
    }

    package var isMulticast: Bool { rawValue >> 28 == 0xE }
    package var isLoopback: Bool { rawValue >> 24 == 127 }

    /// Dotted quad only: four decimal numbers of 0 to 255, without leading zeros that C reads as octal.
    package init?(_ text: some StringProtocol) {
        var value: UInt32 = 0
        var parts = 0
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            guard parts < 4, (1...3).contains(part.utf8.count),
                part.utf8.allSatisfy({ (48...57).contains($0) }),
                part.utf8.count == 1 || part.utf8.first != 48, let octet = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(octet)
            parts += 1
        }
        guard parts == 4 else { return nil }
        rawValue = value
    }
}

extension IPv4Address: CustomStringConvertible {
    package var description: String {
        "\(rawValue >> 24).\(rawValue >> 16 & 255).\(rawValue >> 8 & 255).\(rawValue & 255)"
    }
}

/// An IPv6 address as two halves in host order.
package struct IPv6Address: Comparable, Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static let any = IPv6Address(high: 0, low: 0)

    package static func < (left: IPv6Address, right: IPv6Address) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// The eight groups, most significant first.
    package var groups: [UInt16] {
        (0..<8).map { index in
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index % 4)))
        }
    }

    package var isLinkLocal: Bool { high >> 54 == 0x3FA }

    /// RFC 4291 §2.2 text: groups, one `::`, and an IPv4 tail.
    package init?(_ text: some StringProtocol) {
        var head: [UInt16] = []
        var tail: [UInt16] = []
        var compressed = false
        let halves = text.split(separator: "::", omittingEmptySubsequences: false)
        guard halves.count <= 2, text.utf8.count <= 45 else { return nil }
        compressed = halves.count == 2
        for (index, half) in halves.enumerated() {
            let isLast = index == halves.count - 1
            guard let groups = Self.groups(in: half, isLast: isLast) else { return nil }
            if index == 0 { head = groups } else { tail = groups }
        }
        let count = head.count + tail.count
        guard compressed ? count <= 7 : count == 8 else { return nil }
        let all = head + Array(repeating: 0, count: 8 - count) + tail
        high = all[0..<4].reduce(0) { $0 << 16 | UInt64($1) }
        low = all[4..<8].reduce(0) { $0 << 16 | UInt64($1) }
    }

    /// The groups on one side of `::`; only the last side may end in an IPv4 address.
    private static func groups(in text: some StringProtocol, isLast: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if isLast, index == parts.count - 1, let tail = IPv4Address(part) {
                groups.append(UInt16(tail.rawValue >> 16))
                groups.append(UInt16(truncatingIfNeeded: tail.rawValue))
                continue
            }
            guard (1...4).contains(part.utf8.count),
                part.utf8.allSatisfy({ byte in
                    (48...57).contains(byte) || (65...70).contains(byte)
                        || (97...102).contains(byte)
                }), let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }
}

extension IPv6Address: CustomStringConvertible {
    /// RFC 5952: lower case, the longest run of two or more zero groups compressed.
    package var description: String {
        let groups = groups
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > best.count, end - start > 1 { best = start..<end }
            start = max(end, start + 1)
        }
        func hex(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !best.isEmpty else { return hex(groups[...]) }
        return hex(groups[..<best.lowerBound]) + "::" + hex(groups[best.upperBound...])
    }
}

package enum AddressFamily: UInt8, Sendable {
    case v4 = 4
    case v6 = 6
}

/// An address of either family.
package enum IPAddress: Comparable, Hashable, Sendable {
    case v4(IPv4Address)
    case v6(IPv6Address)

    package init?(_ text: some StringProtocol) {
        if let address = IPv4Address(text) {
            self = .v4(address)
        } else if let address = IPv6Address(text) {
            self = .v6(address)
        } else {
            return nil
        }
    }

    /// An IPv4 address from its octets.
    package init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        self = .v4(IPv4Address(a, b, c, d))
    }

    /// Four or sixteen octets, most significant first; nil for any other count.
    package init?(octets: some Collection<UInt8>) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        for octet in octets {
            high = high << 8 | low >> 56
            low = low << 8 | UInt64(octet)
        }
        switch octets.count {
        case 4: self = .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: low)))
        case 16: self = .v6(IPv6Address(high: high, low: low))
        default: return nil
        }
    }

    /// Most significant first: four or sixteen.
    package var octets: [UInt8] {
        switch self {
        case .v4(let address): address.octets
        case .v6(let address):
            address.groups.flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
        }
    }

    /// Nil for the other family.
    package var v4: IPv4Address? {
        if case .v4(let address) = self { address } else { nil }
    }

    package var v6: IPv6Address? {
        if case .v6(let address) = self { address } else { nil }
    }

    package var family: AddressFamily {
        switch self {
        case .v4: .v4
        case .v6: .v6
        }
    }

    /// 32 or 128.
    package var bitWidth: UInt8 {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .v4(let address): address.description
        case .v6(let address): address.description
        }
    }
}

/// An address with the length of its network part, such as 192.0.2.10/24.
package struct Prefix: Comparable, Hashable, Sendable {
    package var address: IPAddress
    /// 0 to 32 or 128 bits.
    package var length: UInt8

    package init(address: IPAddress, length: UInt8) {
        self.address = address
        self.length = min(length, address.bitWidth)
    }

    /// A host's own prefix: /32 or /128, as keepalived takes an address without one.
    package init(host address: IPAddress) {
        self.init(address: address, length: address.bitWidth)
    }

    /// `ADDRESS` or `ADDRESS/LENGTH`.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = parts.first, let address = IPAddress(first) else {
            return nil
        }
        guard parts.count == 2 else {
            self.init(host: address)
            return
        }
        guard let length = UInt8(parts[1]), length <= address.bitWidth else { return nil }
        self.init(address: address, length: length)
    }

    package static func < (left: Prefix, right: Prefix) -> Bool {
        (left.address, left.length) < (right.address, right.length)
    }
}

extension Prefix: CustomStringConvertible {
    package var description: String { "\(address)/\(length)" }
}
