import CLinux
package import LinuxIO
package import Primitives

/// Someone on the link says that an address is at a hardware address.
package struct Sighting: Equatable, Sendable {
    package var address: IPAddress
    /// Six bytes; empty when a neighbour advertisement does not tell.
    package var hardware: [UInt8]
    /// Where it was heard.
    package var interface: Int32

    package init(address: IPAddress, hardware: [UInt8], interface: Int32) {
        self.address = address
        self.hardware = hardware
        self.interface = interface
    }
}

/// Hears who else says that it has one of our addresses, and whether a gateway answers: every ARP packet, or
/// neighbour advertisement, whose sender has a watched address, on every interface.
///
/// The kernel's filter keeps all others away, so that a LAN full of them does not wake the loop.
package struct NeighbourListener: ~Copyable {
    private static let receiveBuffer: Int32 = 1 << 16
    /// Packets that one call throws away at most.
    private static let discardBudget = 64

    package let descriptor: FileDescriptor
    package let family: AddressFamily
    private var watched: Set<IPAddress> = []
    private var buffer = [UInt8](repeating: 0, count: 256)

    /// Watches nothing yet.
    package init(family: AddressFamily) throws(SystemCallError) {
        let opened =
            switch family {
            case .v4: tandem_packet_open()
            case .v6: tandem_icmp6_open(Int32(NeighbourDiscovery.advertisement))
            }
        let socket = FileDescriptor(owning: try check(opened, "open socket for neighbours"))
        _ = tandem_setsockopt_int(socket.rawValue, SOL_SOCKET, SO_RCVBUF, Self.receiveBuffer)
        // The filter comes first: a packet socket hears from the moment that it is bound.
        try NeighbourFilter.accepting([], of: family).attach(to: socket.rawValue)
        if family == .v4 {
            try check(
                tandem_packet_listen(socket.rawValue, UInt16(ETH_P_ARP)),
                "listen to ARP"
            )
        }
        descriptor = socket
        self.family = family
    }

    /// Hears of these addresses from now on, and of no others; those of the other family are left out.
    package mutating func watch(_ addresses: Set<IPAddress>) throws(SystemCallError) {
        let wanted = addresses.filter { $0.family == family }
        guard wanted != watched else { return }
        try NeighbourFilter.accepting(wanted.sorted(), of: family).attach(to: descriptor.rawValue)
        watched = wanted
    }

    /// The next sighting; nil when none is there.
    package mutating func receive() throws(SystemCallError) -> Sighting? {
        for _ in 0..<Self.discardBudget {
            var path = tandem_path()
            let size = unsafe buffer.withUnsafeMutableBytes { raw in
                switch family {
                case .v4:
                    unsafe tandem_packet_receive(
                        descriptor.rawValue,
                        raw.baseAddress,
                        raw.count,
                        &path.interface
                    )
                case .v6:
                    unsafe tandem_raw_receive(
                        descriptor.rawValue,
                        raw.baseAddress,
                        raw.count,
                        &path
                    )
                }
            }
            switch size {
            case -Int64(EAGAIN): return nil
            case -Int64(EINTR), -Int64(ENETDOWN): continue
            case ..<0:
                throw SystemCallError("hear neighbours", errno: Int32(truncatingIfNeeded: -size))
            default: break
            }
            let bytes = buffer[0..<Int(size)]
            let heard =
                switch family {
                case .v4: Sighting(arp: bytes, on: path.interface)
                case .v6: path.hop_limit == 255 ? Sighting(icmpv6: bytes, on: path.interface) : nil
                }
            // What was queued before the filter changed is still there.
            if let heard, watched.contains(heard.address) { return heard }
        }
        return nil
    }
}

extension Sighting {
    /// An ARP packet with its Ethernet header: request, answer or gratuitous, the sender is what counts.
    init?(arp bytes: ArraySlice<UInt8>, on interface: Int32) {
        var reader = ByteReader(slice: bytes)
        do throws(DecodeError) {
            try reader.skip(14)
            let kind = try reader.take(6)
            // Ethernet and IPv4.
            guard kind.elementsEqual([0, 1, 8, 0, 6, 4]) else { return nil }
            try reader.skip(2)
            let hardware = try reader.take(6)
            guard let address = IPAddress(octets: try reader.take(4)) else { return nil }
            self.init(address: address, hardware: Array(hardware), interface: interface)
        } catch {
            return nil
        }
    }

    /// A neighbour advertisement without its IPv6 header (RFC 4861 §4.4, checked as in §7.1.2); the kernel
    /// has checked its checksum.
    init?(icmpv6 bytes: ArraySlice<UInt8>, on interface: Int32) {
        var reader = ByteReader(slice: bytes)
        do throws(DecodeError) {
            let type = try reader.byte()
            let code = try reader.byte()
            guard type == NeighbourDiscovery.advertisement, code == 0 else { return nil }
            try reader.skip(6)
            guard let address = IPAddress(octets: try reader.take(16)) else { return nil }
            var hardware: [UInt8] = []
            while reader.remaining > 0 {
                let option = try reader.byte()
                let units = try reader.byte()
                guard units > 0 else { return nil }
                let value = try reader.take(Int(units) * 8 - 2)
                // Target link-layer address.
                if option == 2, units == 1 { hardware = Array(value) }
            }
            self.init(address: address, hardware: hardware, interface: interface)
        } catch {
            return nil
        }
    }
}
