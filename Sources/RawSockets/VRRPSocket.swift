import CLinux
import Glibc
package import LinuxIO
package import Primitives

/// The advertisements of one interface: raw IPv4 of protocol 112, to and from 224.0.0.18 (RFC 3768 §5.2).
///
/// It hears this interface and this group only, and not what it sends itself. Everything that it hears is
/// handed over as it came, with its IP header.
package struct VRRPSocket: ~Copyable {
    package static let protocolNumber: Int32 = 112
    /// Larger packets are cut, which their length then tells: 255 addresses make 1,056 bytes.
    package static let packetLimit = 2048
    /// RFC 3768 §5.2.3.
    private static let timeToLive: Int32 = 255
    /// Internetwork control, as keepalived sends it.
    private static let typeOfService: Int32 = 0xC0

    package let descriptor: FileDescriptor
    package let interface: Int32
    private var buffer = [UInt8](repeating: 0, count: packetLimit)

    /// `source` is the address that advertisements come from; nil: the kernel chooses one.
    package init(
        interface: Int32,
        name: String,
        source: IPv4Address?
    ) throws(SystemCallError) {
        let socket = FileDescriptor(
            owning: try check(
                unsafe tandem_raw_open(Self.protocolNumber, name),
                "open raw socket",
                on: name
            )
        )
        let raw = socket.rawValue
        let options: [(name: Int32, value: Int32, text: String)] = [
            (IP_MULTICAST_ALL, 0, "IP_MULTICAST_ALL"),
            (IP_MULTICAST_LOOP, 0, "IP_MULTICAST_LOOP"),
            (IP_MULTICAST_TTL, Self.timeToLive, "IP_MULTICAST_TTL"),
            (IP_TOS, Self.typeOfService, "IP_TOS"),
        ]
        for option in options {
            try check(
                tandem_setsockopt_int(raw, Int32(IPPROTO_IP), option.name, option.value),
                "setsockopt \(option.text)",
                on: name
            )
        }
        try check(
            tandem_multicast_join(raw, IPv4Address.vrrpGroup.rawValue, interface),
            "join 224.0.0.18",
            on: name
        )
        try Self.setSource(source, of: raw, on: interface)
        descriptor = socket
        self.interface = interface
    }

    package func setSource(_ source: IPv4Address?) throws(SystemCallError) {
        try Self.setSource(source, of: descriptor.rawValue, on: interface)
    }

    private static func setSource(
        _ source: IPv4Address?,
        of socket: Int32,
        on interface: Int32
    ) throws(SystemCallError) {
        try check(
            tandem_multicast_source(socket, interface, (source ?? .any).rawValue),
            "setsockopt IP_MULTICAST_IF"
        )
    }

    /// Sends the payload of one advertisement to the group.
    package func send(_ payload: [UInt8]) throws(SystemCallError) {
        let result = unsafe payload.withUnsafeBytes { raw in
            unsafe tandem_ipv4_send(
                descriptor.rawValue,
                raw.baseAddress,
                raw.count,
                IPv4Address.vrrpGroup.rawValue
            )
        }
        try check(result, "send advertisement")
    }

    /// One packet with its IP header; nil when none is there. Errors of the interface, such as `ENETDOWN`,
    /// are reported once each and leave the socket usable.
    package mutating func receive() throws(SystemCallError) -> ArraySlice<UInt8>? {
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { raw in
                unsafe recv(descriptor.rawValue, raw.baseAddress, raw.count, Int32(MSG_DONTWAIT))
            }
            if count >= 0 { return buffer[0..<count] }
            switch errno {
            case EAGAIN: return nil
            case EINTR: continue
            default: throw SystemCallError("receive advertisement", errno: errno)
            }
        }
    }
}
