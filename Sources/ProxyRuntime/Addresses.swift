import CLinux
import Primitives

/// The kernel's form of an address: 24 bytes without a pointer, which sessions keep.
typealias SocketAddress = tandem_address

extension SocketAddress {
    init(_ address: IPAddress, port: UInt16) {
        self.init()
        self.port = port
        switch address {
        case .v4(let v4):
            family = 4
            bytes.0 = UInt8(truncatingIfNeeded: v4.rawValue >> 24)
            bytes.1 = UInt8(truncatingIfNeeded: v4.rawValue >> 16)
            bytes.2 = UInt8(truncatingIfNeeded: v4.rawValue >> 8)
            bytes.3 = UInt8(truncatingIfNeeded: v4.rawValue)
        case .v6(let v6):
            family = 6
            let halves = (v6.high.bigEndian, v6.low.bigEndian)
            unsafe withUnsafeMutableBytes(of: &bytes) { target in
                unsafe withUnsafeBytes(of: halves) { unsafe target.copyMemory(from: $0) }
            }
        }
    }

    /// Nil for a Unix socket's, and for none.
    var ip: IPAddress? {
        switch family {
        case 4:
            return .v4(IPv4Address(bytes.0, bytes.1, bytes.2, bytes.3))
        case 6:
            var halves: (UInt64, UInt64) = (0, 0)
            unsafe withUnsafeMutableBytes(of: &halves) { target in
                unsafe withUnsafeBytes(of: bytes) { unsafe target.copyMemory(from: $0) }
            }
            return .v6(
                IPv6Address(high: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1))
            )
        default: return nil
        }
    }

    var isSet: Bool { family == 4 || family == 6 }

    /// `192.0.2.1:80`, also for IPv6, as HAProxy writes it.
    var text: String {
        ip.map { "\($0):\(port)" } ?? "unix:\(port)"
    }

    func isSame(as other: SocketAddress) -> Bool {
        family == other.family && port == other.port && ip == other.ip
    }
}
