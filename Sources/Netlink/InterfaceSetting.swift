import CLinux
package import LinuxIO
package import Primitives

/// A setting of one interface (kernel: ip-sysctl). It is read under /proc/sys and written by netlink, which
/// also works where /proc/sys is read-only, as in a unit with `ProtectKernelTunables=`.
package struct InterfaceSetting: Equatable, Sendable {
    package var family: AddressFamily
    /// As under /proc/sys/net/ipv4/conf/INTERFACE.
    package var name: String
    package var value: UInt32
    /// `IPV4_DEVCONF_…`, or of IPv6 `IFLA_INET6_…`.
    private var attribute: Int

    /// Duplicate addresses and answers of one host for another's interface: only for its own addresses.
    package static let answersForItselfAlone = InterfaceSetting(
        family: .v4,
        name: "arp_ignore",
        value: 1,
        attribute: Int(IPV4_DEVCONF_ARP_IGNORE)
    )
    /// The other addresses of a network outlive the first one.
    package static let promotesSecondaries = InterfaceSetting(
        family: .v4,
        name: "promote_secondaries",
        value: 1,
        attribute: Int(IPV4_DEVCONF_PROMOTE_SECONDARIES)
    )
    /// The kernel makes no link-local address of the virtual MAC: both nodes would have it.
    private static let makesNoLinkLocal = InterfaceSetting(
        family: .v6,
        name: "addr_gen_mode",
        value: UInt32(IN6_ADDR_GEN_MODE_NONE.rawValue),
        attribute: Int(IFLA_INET6_ADDR_GEN_MODE)
    )

    /// What a virtual router's own interface needs before it is switched on, as keepalived sets it: besides,
    /// it takes packets that come from the interface below or by another way.
    package static let virtualInterface: [InterfaceSetting] = [
        makesNoLinkLocal,
        answersForItselfAlone,
        promotesSecondaries,
        InterfaceSetting(
            family: .v4,
            name: "accept_local",
            value: 1,
            attribute: Int(IPV4_DEVCONF_ACCEPT_LOCAL)
        ),
        InterfaceSetting(
            family: .v4,
            name: "rp_filter",
            value: 0,
            attribute: Int(IPV4_DEVCONF_RP_FILTER)
        ),
    ]
    /// What the interface below needs: it leaves the virtual addresses to the one above, also in its own questions,
    /// whose sender the neighbours believe.
    package static let belowVirtualInterface = [
        answersForItselfAlone,
        InterfaceSetting(
            family: .v4,
            name: "arp_announce",
            value: 2,
            attribute: Int(IPV4_DEVCONF_ARP_ANNOUNCE)
        ),
    ]

    /// What it is now on an interface.
    package func current(on interface: String) throws(SystemCallError) -> UInt32 {
        try Self.read(family, name, of: interface)
    }

    /// Whether the interface forwards, which a neighbour advertisement tells (RFC 4861 §4.4, R).
    package static func isRouter(
        _ family: AddressFamily,
        _ interface: String
    ) throws(SystemCallError) -> Bool {
        try read(family, "forwarding", of: interface) != 0
    }

    private static func read(
        _ family: AddressFamily,
        _ name: String,
        of interface: String
    ) throws(SystemCallError) -> UInt32 {
        let path = "/proc/sys/net/ipv\(family.rawValue)/conf/\(interface)/\(name)"
        let text = String(decoding: try readFile(path).prefix { $0 > 32 }, as: UTF8.self)
        guard let value = UInt32(text) else {
            throw SystemCallError("read", on: path, errno: EBADMSG)
        }
        return value
    }

    func request(on interface: Int32) -> RouteRequest {
        var request = RouteRequest(
            type: RTM_NEWLINK,
            flags: NLM_F_ACK,
            subject: "\(name) of interface \(interface)"
        )
        request.fixed { body in
            body.native(UInt32(0))
            body.native(UInt32(bitPattern: interface))
            body.native(UInt32(0))
            body.native(UInt32(0))
        }
        var number = ByteWriter(reserving: 4)
        switch family {
        case .v4:
            number.native(value)
            request.nested(Int(IFLA_AF_SPEC)) { families in
                families.nested(Int(AF_INET)) { inet in
                    inet.nested(Int(IFLA_INET_CONF)) { $0.attribute(attribute, number.bytes) }
                }
            }
        case .v6:
            request.nested(Int(IFLA_AF_SPEC)) { families in
                families.nested(Int(AF_INET6)) { inet6 in
                    inet6.attribute(attribute, [UInt8(truncatingIfNeeded: value)])
                }
            }
        }
        return request
    }
}
