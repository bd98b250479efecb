import CLinux
package import LinuxIO
package import Primitives

/// Sends gratuitous ARP out of any interface; it hears nothing.
package struct AnnouncementSocket: ~Copyable {
    private let descriptor: FileDescriptor

    package init() throws(SystemCallError) {
        descriptor = FileDescriptor(owning: try check(tandem_packet_open(), "open packet socket"))
    }

    /// One frame. False, and nothing is sent, when the hardware address is not Ethernet's.
    @discardableResult
    package func announce(
        _ address: IPv4Address,
        from hardware: [UInt8],
        on interface: Int32
    ) throws(SystemCallError) -> Bool {
        guard let frame = GratuitousARP.frame(for: address, from: hardware) else { return false }
        let result = unsafe frame.withUnsafeBytes { raw in
            unsafe tandem_packet_send(descriptor.rawValue, interface, raw.baseAddress, raw.count)
        }
        try check(result, "announce", on: "\(address)")
        return true
    }
}
