import CLinux
import Glibc
import Primitives

/// Conversions between the data plane's plain address and `Primitives`.
extension tandem_address {
    init(_ address: IPAddress, port: UInt16) {
        self.init()
        self.port = port
        switch address {
        case .v4(let v4):
            family = UInt16(AF_INET)
            let octets = v4.octets
            bytes.0 = octets[0]
            bytes.1 = octets[1]
            bytes.2 = octets[2]
            bytes.3 = octets[3]
        case .v6(let v6):
            family = UInt16(AF_INET6)
            unsafe withUnsafeMutableBytes(of: &bytes) { raw in
                for (index, group) in v6.groups.enumerated() {
                    unsafe raw[2 * index] = UInt8(truncatingIfNeeded: group >> 8)
                    unsafe raw[2 * index + 1] = UInt8(truncatingIfNeeded: group)
                }
            }
        }
    }

    /// The unspecified IPv4 address for a Unix socket's peer.
    var ip: IPAddress {
        guard family == UInt16(AF_INET6) else {
            return .v4(IPv4Address(bytes.0, bytes.1, bytes.2, bytes.3))
        }
        return unsafe withUnsafeBytes(of: bytes) { raw in
            var halves: [UInt64] = [0, 0]
            for index in 0..<16 {
                halves[index / 8] = halves[index / 8] << 8 | UInt64(unsafe raw[index])
            }
            return .v6(IPv6Address(high: halves[0], low: halves[1]))
        }
    }

    /// A number that stands for the address alone, for `balance source`.
    var hash: UInt64 {
        unsafe withUnsafeBytes(of: bytes) { raw in
            var value: UInt64 = 0xCBF2_9CE4_8422_2325
            for index in 0..<16 {
                value = (value ^ UInt64(unsafe raw[index])) &* 0x0000_0100_0000_01B3
            }
            return value
        }
    }
}
