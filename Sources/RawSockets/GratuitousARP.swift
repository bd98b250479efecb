package import Primitives

/// A gratuitous ARP request (RFC 5227 §3; RFC 9568 §6.4.1): whoever has the address in its cache learns
/// whose it is now.
///
/// An Ethernet broadcast of 42 bytes in keepalived's shape: sender and target address are the virtual one,
/// the sender's hardware address is the interface's, the target's is the broadcast.
package enum GratuitousARP {
    package static let size = 42
    private static let broadcast = [UInt8](repeating: 0xFF, count: 6)

    /// Nil when the hardware address is not Ethernet's.
    package static func frame(for address: IPv4Address, from hardware: [UInt8]) -> [UInt8]? {
        guard hardware.count == 6 else { return nil }
        var frame = ByteWriter(reserving: size)
        frame.append(broadcast)
        frame.append(hardware)
        frame.bigEndian(UInt16(0x0806))  // ARP
        frame.bigEndian(UInt16(1))  // Ethernet
        frame.bigEndian(UInt16(0x0800))  // IPv4
        frame.byte(6)
        frame.byte(4)
        frame.bigEndian(UInt16(1))  // request
        frame.append(hardware)
        frame.bigEndian(address.rawValue)
        frame.append(broadcast)
        frame.bigEndian(address.rawValue)
        return frame.bytes
    }
}
