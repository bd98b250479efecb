/// The one's complement sum of RFC 1071, as IPv4, ICMPv6 and VRRP use it.
package struct InternetChecksum: Sendable {
    @usableFromInline var sum: UInt64 = 0
    @usableFromInline var odd = false

    package init() {}

    @inlinable package mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            sum += odd ? UInt64(byte) : UInt64(byte) << 8
            odd.toggle()
        }
    }

    /// The value that goes into the packet; 0 when the summed bytes already held a right checksum.
    package var value: UInt16 {
        var folded = sum
        while folded >> 16 != 0 { folded = (folded & 0xFFFF) + (folded >> 16) }
        return ~UInt16(truncatingIfNeeded: folded)
    }

    package static func of(_ bytes: some Sequence<UInt8>) -> UInt16 {
        var checksum = InternetChecksum()
        checksum.add(bytes)
        return checksum.value
    }
}
