import CLinux
import Glibc
package import LinuxIO
package import Primitives

/// The advertisements of one family: raw packets of protocol 112 (RFC 9568 §5.1), of one interface or, for
/// virtual routers without one, of all.
///
/// It hears what is sent to this host and to the groups that it has joined, and not what it sends itself.
/// The checksum is none of its business, so that a wrong one is counted and not lost in the kernel.
package struct VRRPSocket: ~Copyable {
    package static let protocolNumber: Int32 = 112
    /// Larger packets are cut, which their length then tells: 255 IPv6 addresses make 4,088 bytes.
    package static let packetLimit = 4608
    /// What the kernel keeps for us until it is read; some thousand advertisements.
    private static let receiveBuffer: Int32 = 1 << 18
    /// Packets for others and errors of the network that one call throws away at most.
    private static let discardBudget = 64
    /// Internetwork control, as keepalived sends it.
    private static let trafficClass: Int32 = 0xC0

    package let descriptor: FileDescriptor
    package let family: AddressFamily
    /// 0: none, routing decides.
    package let interface: Int32
    private let name: String
    private var groups: Set<IPAddress> = []
    private var buffer = [UInt8](repeating: 0, count: packetLimit)

    /// `interface` with its name: what comes in or goes out elsewhere is neither heard nor sent. Nil is for
    /// unicast alone. `borrowsSource`: packets may leave with the address of another interface, as they do from a
    /// virtual MAC's, which has none of its own.
    package init(
        family: AddressFamily,
        interface: (index: Int32, name: String)?,
        borrowsSource: Bool = false
    ) throws(SystemCallError) {
        let name = interface?.name ?? ""
        let domain = family == .v4 ? AF_INET : AF_INET6
        let opened: Int32
        if let interface {
            opened = unsafe tandem_raw_open(domain, Self.protocolNumber, interface.name)
        } else {
            opened = tandem_raw_open(domain, Self.protocolNumber, nil)
        }
        let socket = FileDescriptor(owning: try check(opened, "open raw socket", on: name))
        let level = Int32(family == .v4 ? IPPROTO_IP : IPPROTO_IPV6)
        var options = family == .v4 ? Self.optionsV4 : Self.optionsV6
        if borrowsSource, family == .v6 { options.append((IPV6_FREEBIND, 1, "IPV6_FREEBIND")) }
        for option in options {
            try check(
                tandem_setsockopt_int(socket.rawValue, level, option.name, option.value),
                "setsockopt \(option.text)",
                on: name
            )
        }
        _ = tandem_setsockopt_int(
            socket.rawValue,
            SOL_SOCKET,
            SO_RCVBUF,
            Self.receiveBuffer
        )
        descriptor = socket
        self.family = family
        self.interface = interface?.index ?? 0
        self.name = name
    }

    private typealias Option = (name: Int32, value: Int32, text: String)

    private static let optionsV4: [Option] = [
        (IP_MULTICAST_ALL, 0, "IP_MULTICAST_ALL"),
        (IP_MULTICAST_LOOP, 0, "IP_MULTICAST_LOOP"),
        (IP_TOS, trafficClass, "IP_TOS"),
        // Fragments are nobody's wish, but neither is a peer that gets nothing.
        (IP_MTU_DISCOVER, IP_PMTUDISC_DONT, "IP_MTU_DISCOVER"),
        (IP_PKTINFO, 1, "IP_PKTINFO"),
        (IP_RECVTTL, 1, "IP_RECVTTL"),
        // Without it the kernel keeps quiet when it drops a packet of ours for lack of room.
        (IP_RECVERR, 1, "IP_RECVERR"),
    ]

    private static let optionsV6: [Option] = [
        (IPV6_MULTICAST_LOOP, 0, "IPV6_MULTICAST_LOOP"),
        (IPV6_TCLASS, trafficClass, "IPV6_TCLASS"),
        (IPV6_RECVPKTINFO, 1, "IPV6_RECVPKTINFO"),
        (IPV6_RECVHOPLIMIT, 1, "IPV6_RECVHOPLIMIT"),
        (IPV6_RECVERR, 1, "IPV6_RECVERR"),
    ]

    /// Hears these groups from now on, and no others: 224.0.0.18, ff02::12, or what `vrrp_mcast_group4` and
    /// `vrrp_mcast_group6` say. Addresses of the other family are left out.
    package mutating func listen(to wanted: Set<IPAddress>) throws(SystemCallError) {
        let wanted = wanted.filter { $0.family == family }
        for group in groups.subtracting(wanted).sorted() {
            // The interface may have lost the membership, or itself.
            _ = setMembership(of: group, to: false)
            groups.remove(group)
        }
        for group in wanted.subtracting(groups).sorted() {
            try check(setMembership(of: group, to: true), "join \(group)", on: name)
            groups.insert(group)
        }
    }

    private func setMembership(of group: IPAddress, to joined: Bool) -> Int32 {
        let octets = group.octets
        return unsafe octets.withUnsafeBufferPointer { raw in
            unsafe tandem_multicast_member(
                descriptor.rawValue,
                family == .v4 ? AF_INET : AF_INET6,
                raw.baseAddress,
                interface,
                joined
            )
        }
    }

    /// Sends the payload of one advertisement to a group or to a peer.
    ///
    /// `source` nil: the kernel chooses. An address that this host does not have is `EINVAL` or
    /// `EADDRNOTAVAIL`; `EPERM` is a firewall's, `ENOBUFS` a full queue's.
    package func send(
        _ payload: [UInt8],
        to destination: IPAddress,
        from source: IPAddress?,
        timeToLive: UInt8 = 255
    ) throws(SystemCallError) {
        guard destination.family == family, source.map({ $0.family == family }) ?? true else {
            throw SystemCallError("send advertisement", on: "\(destination)", errno: EAFNOSUPPORT)
        }
        var path = tandem_path(to: destination, from: source, interface: interface)
        path.hop_limit = Int32(timeToLive)
        var result = unsafe Self.send(payload, over: &path, by: descriptor.rawValue)
        if result < 0, Self.reportedByNetwork.contains(-result) {
            // That was an answer to an earlier packet, and this one has not left.
            result = unsafe Self.send(payload, over: &path, by: descriptor.rawValue)
        }
        try check(result, "send advertisement", on: "to \(destination)")
    }

    private static func send(
        _ payload: [UInt8],
        over path: UnsafePointer<tandem_path>,
        by socket: Int32
    ) -> Int32 {
        unsafe payload.withUnsafeBytes { raw in
            unsafe tandem_raw_send(socket, raw.baseAddress, raw.count, path)
        }
    }

    /// What ICMP's answers turn into (icmp(7)).
    private static let reportedByNetwork: Set<Int32> = [
        ECONNREFUSED, ENOPROTOOPT, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENONET, EMSGSIZE,
        EACCES, EPROTO, EOPNOTSUPP,
    ]

    /// One packet; nil when none is there. Errors of the interface, such as `ENETDOWN`, are reported once
    /// each and leave the socket usable.
    package mutating func receive() throws(SystemCallError) -> RawPacket? {
        for _ in 0..<Self.discardBudget {
            var path = tandem_path()
            let count = unsafe buffer.withUnsafeMutableBytes { raw in
                unsafe tandem_raw_receive(
                    descriptor.rawValue,
                    raw.baseAddress,
                    raw.count,
                    &path
                )
            }
            if count >= 0 {
                guard let packet = RawPacket(path, buffer[0..<Int(count)]) else { continue }
                // IPv6 raw sockets hear every group that anyone on this host has joined.
                guard !packet.destination.isGroup || groups.contains(packet.destination) else {
                    continue
                }
                return packet
            }
            switch Int32(truncatingIfNeeded: -count) {
            case EAGAIN:
                guard tandem_take_network_error(descriptor.rawValue) != 0 else { return nil }
            case EINTR: continue
            case let error where Self.reportedByNetwork.contains(error): continue
            case let error: throw SystemCallError("receive advertisement", errno: error)
            }
        }
        return nil
    }
}

extension IPAddress {
    /// A multicast address.
    fileprivate var isGroup: Bool {
        switch self {
        case .v4(let address): address.isMulticast
        case .v6(let address): address.high >> 56 == 0xFF
        }
    }
}

/// A packet of protocol 112 as it came.
package struct RawPacket: Equatable, Sendable {
    package var source: IPAddress
    package var destination: IPAddress
    /// 0 to 255: IPv4's TTL, IPv6's hop limit.
    package var hopLimit: UInt8
    /// Where it came in.
    package var interface: Int32
    /// IPv4: the packet with its header. IPv6: the payload.
    package var bytes: ArraySlice<UInt8>

    fileprivate init?(_ path: tandem_path, _ bytes: ArraySlice<UInt8>) {
        guard let source = path.sourceAddress, let destination = path.destinationAddress else {
            return nil
        }
        self.source = source
        self.destination = destination
        hopLimit = UInt8(clamping: path.hop_limit)
        interface = path.interface
        self.bytes = bytes
    }
}
