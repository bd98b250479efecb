package import Primitives

/// A gratuitous ARP request (RFC 5227 §3; RFC 9568 §6.4.1): whoever has the address in its cache learns
/// whose it is now.
///
/// An Ethernet broadcast of 42 bytes in keepalived's shape: sender and target address are the virtual one,
/// the sender's hardware address is the interface's, the target's is the broadcast.
package enum GratuitousARP {
    package static let size = ARPRequest.size

    /// Nil when the hardware address is not Ethernet's.
    package static func frame(for address: IPv4Address, from hardware: [UInt8]) -> [UInt8]? {
        ARPRequest.frame(
            for: address,
            from: (address, hardware),
            targetHardware: ARPRequest.broadcast,
            to: ARPRequest.broadcast
        )
    }
}

/// An ARP request over Ethernet (RFC 826).
package enum ARPRequest {
    package static let size = 42
    static let broadcast = [UInt8](repeating: 0xFF, count: 6)
    private static let unknown = [UInt8](repeating: 0, count: 6)

    /// Who has `address`? The answer goes to `sender`. Nil when a hardware address is not Ethernet's.
    package static func frame(
        for address: IPv4Address,
        from sender: (address: IPv4Address, hardware: [UInt8])
    ) -> [UInt8]? {
        frame(for: address, from: sender, targetHardware: unknown, to: broadcast)
    }

    fileprivate static func frame(
        for address: IPv4Address,
        from sender: (address: IPv4Address, hardware: [UInt8]),
        targetHardware: [UInt8],
        to destination: [UInt8]
    ) -> [UInt8]? {
        guard sender.hardware.count == 6 else { return nil }
        var frame = ByteWriter(reserving: size)
        frame.append(destination)
        frame.append(sender.hardware)
        frame.bigEndian(UInt16(0x0806))  // ARP
        frame.bigEndian(UInt16(1))  // Ethernet
        frame.bigEndian(UInt16(0x0800))  // IPv4
        frame.byte(6)
        frame.byte(4)
        frame.bigEndian(UInt16(1))  // request
        frame.append(sender.hardware)
        frame.bigEndian(sender.address.rawValue)
        frame.append(targetHardware)
        frame.bigEndian(address.rawValue)
        return frame.bytes
    }
}
