package import Primitives

/// Neighbour discovery (RFC 4861) as whole Ethernet frames.
package enum NeighbourDiscovery {
    package static let advertisement: UInt8 = 136
    static let solicitation: UInt8 = 135
    /// ff02::1
    static let allNodes = IPv6Address(high: 0xFF02_0000_0000_0000, low: 1)
    private static let icmpv6: UInt8 = 58
    private static let hopLimit: UInt8 = 255

    /// An unsolicited neighbour advertisement (RFC 4861 §7.2.6; RFC 9568 §6.4.1): everyone on the link
    /// learns whose the address is now.
    ///
    /// From the address itself to ff02::1, Override set, Solicited not, `isRouter` as the interface
    /// forwards. Nil when the hardware address is not Ethernet's.
    package static func unsolicitedAdvertisement(
        of address: IPv6Address,
        from hardware: [UInt8],
        isRouter: Bool
    ) -> [UInt8]? {
        message(
            Self.advertisement,
            flags: 0x20 | (isRouter ? 0x80 : 0),
            target: address,
            option: 2,  // target link-layer address
            from: (address, hardware),
            to: allNodes
        )
    }

    /// Who has `address`? The answer goes to `sender` (RFC 4861 §4.3). Nil when the hardware address is not
    /// Ethernet's.
    package static func solicitation(
        of address: IPv6Address,
        from sender: (address: IPv6Address, hardware: [UInt8])
    ) -> [UInt8]? {
        message(
            Self.solicitation,
            flags: 0,
            target: address,
            option: 1,  // source link-layer address
            from: sender,
            // The solicited-node group (RFC 4291 §2.7.1).
            to: IPv6Address(
                high: 0xFF02_0000_0000_0000,
                low: 0x1_FF00_0000 | address.low & 0xFF_FFFF
            )
        )
    }

    private static func message(
        _ type: UInt8,
        flags: UInt8,
        target: IPv6Address,
        option: UInt8,
        from sender: (address: IPv6Address, hardware: [UInt8]),
        to destination: IPv6Address
    ) -> [UInt8]? {
        guard sender.hardware.count == 6 else { return nil }
        let source = IPAddress.v6(sender.address).octets
        let group = IPAddress.v6(destination).octets
        var message = ByteWriter(reserving: 32)
        message.append([type, 0, 0, 0, flags, 0, 0, 0])
        message.append(IPAddress.v6(target).octets)
        message.append([option, 1])  // in units of eight bytes
        message.append(sender.hardware)
        // RFC 8200 §8.1: the pseudo header.
        var checksum = InternetChecksum()
        checksum.add(source)
        checksum.add(group)
        checksum.add([0, 0, 0, UInt8(message.bytes.count), 0, 0, 0, icmpv6])
        checksum.add(message.bytes)
        message.patchBigEndian(checksum.value, at: 2)

        var frame = ByteWriter(reserving: 86)
        frame.append([0x33, 0x33])  // RFC 2464 §7
        frame.append(group.suffix(4))
        frame.append(sender.hardware)
        frame.bigEndian(UInt16(0x86DD))  // IPv6
        frame.append([0x60, 0, 0, 0])
        frame.bigEndian(UInt16(message.bytes.count))
        frame.append([icmpv6, hopLimit])
        frame.append(source)
        frame.append(group)
        frame.append(message.bytes)
        return frame.bytes
    }
}
