import CLinux
package import LinuxIO
package import Primitives

/// Sends gratuitous ARP, neighbour advertisements and questions for a neighbour out of any interface; it
/// hears nothing.
package struct AnnouncementSocket: ~Copyable {
    private let descriptor: FileDescriptor

    package init() throws(SystemCallError) {
        descriptor = FileDescriptor(owning: try check(tandem_packet_open(), "open packet socket"))
    }

    /// One frame that tells everyone on the link that `address` is at `hardware`: gratuitous ARP for IPv4, an
    /// unsolicited neighbour advertisement for IPv6, whose Router flag is `isRouter`.
    ///
    /// False, and nothing is sent, when the hardware address is not Ethernet's.
    @discardableResult
    package func announce(
        _ address: IPAddress,
        from hardware: [UInt8],
        on interface: Int32,
        isRouter: Bool = false
    ) throws(SystemCallError) -> Bool {
        let frame =
            switch address {
            case .v4(let address): GratuitousARP.frame(for: address, from: hardware)
            case .v6(let address):
                NeighbourDiscovery.unsolicitedAdvertisement(
                    of: address,
                    from: hardware,
                    isRouter: isRouter
                )
            }
        return try send(frame, on: interface, "announce", address)
    }

    /// Asks everyone on the link who has `address`; a `NeighbourListener` that watches it hears the answer.
    ///
    /// False, and nothing is sent, when the hardware address is not Ethernet's or `source` is of the other
    /// family.
    @discardableResult
    package func ask(
        for address: IPAddress,
        from source: IPAddress,
        hardware: [UInt8],
        on interface: Int32
    ) throws(SystemCallError) -> Bool {
        let frame: [UInt8]? =
            switch (address, source) {
            case (.v4(let address), .v4(let source)):
                ARPRequest.frame(for: address, from: (source, hardware))
            case (.v6(let address), .v6(let source)):
                NeighbourDiscovery.solicitation(of: address, from: (source, hardware))
            case (.v4, .v6), (.v6, .v4): nil
            }
        return try send(frame, on: interface, "ask for", address)
    }

    private func send(
        _ frame: [UInt8]?,
        on interface: Int32,
        _ call: String,
        _ address: IPAddress
    ) throws(SystemCallError) -> Bool {
        guard let frame else { return false }
        let result = unsafe frame.withUnsafeBytes { raw in
            unsafe tandem_packet_send(descriptor.rawValue, interface, raw.baseAddress, raw.count)
        }
        try check(result, call, on: "\(address)")
        return true
    }
}
