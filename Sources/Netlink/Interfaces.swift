import CLinux
import Primitives

/// A network interface as the kernel has it (rtnetlink(7), `RTM_NEWLINK`).
package struct NetworkInterface: Equatable, Sendable {
    package var index: Int32
    package var name: String
    /// `IFF_…`
    package var flags: UInt32
    /// `ARPHRD_…`; 1 is Ethernet.
    package var hardwareType: UInt16
    /// Six bytes on Ethernet; empty where there is none.
    package var hardwareAddress: [UInt8]
    /// The interface that this one lies on, such as a macvlan's; nil: none, or one of another namespace.
    package var parent: Int32?
    /// The largest packet that it carries, in bytes; nil: not told.
    package var mtu: Int?
    /// What it is, such as `macvlan` or `bridge`; nil: a device.
    package var kind: String?

    package init(
        index: Int32,
        name: String,
        flags: UInt32,
        hardwareType: UInt16 = 1,
        hardwareAddress: [UInt8] = [],
        parent: Int32? = nil,
        mtu: Int? = nil,
        kind: String? = nil
    ) {
        self.index = index
        self.name = name
        self.flags = flags
        self.hardwareType = hardwareType
        self.hardwareAddress = hardwareAddress
        self.parent = parent
        self.mtu = mtu
        self.kind = kind
    }

    /// Switched on and able to carry traffic: `IFF_UP` and `IFF_RUNNING`, as keepalived sees it.
    package var isRunning: Bool {
        let wanted = UInt32(IFF_UP) | UInt32(IFF_RUNNING)
        return flags & wanted == wanted
    }

    package var isLoopback: Bool { flags & UInt32(IFF_LOOPBACK) != 0 }

    /// A request for every interface.
    package static func dumpRequest() -> RouteRequest {
        var request = RouteRequest(type: RTM_GETLINK, flags: NLM_F_DUMP, subject: "interfaces")
        request.fixed { body in
            for _ in 0..<4 { body.native(UInt32(0)) }
        }
        return request
    }

    /// Reads the body of `RTM_NEWLINK` or `RTM_DELLINK`; nil for what a bridge says of its ports, which
    /// comes by the same messages and is no life or death of an interface.
    init?(body: ArraySlice<UInt8>) throws(DecodeError) {
        var reader = ByteReader(slice: body)
        let family = try reader.byte()
        try reader.skip(1)
        hardwareType = try reader.native()
        let index: UInt32 = try reader.native()
        self.index = Int32(truncatingIfNeeded: index)
        flags = try reader.native()
        try reader.skip(4)  // what changed
        let attributes = try NetlinkAttributes(from: &reader)
        guard family == AF_UNSPEC else { return nil }
        name = attributes.text(Int(IFLA_IFNAME)) ?? ""
        hardwareAddress = Array(attributes.bytes(Int(IFLA_ADDRESS)) ?? [])
        parent = nil
        if attributes.bytes(Int(IFLA_LINK_NETNSID)) == nil,
            let link = try attributes.number(Int(IFLA_LINK)), link != 0
        {
            parent = Int32(truncatingIfNeeded: link)
        }
        mtu = try attributes.number(Int(IFLA_MTU)).map { Int($0) }
        kind = try attributes.nested(Int(IFLA_LINKINFO))?.text(Int(IFLA_INFO_KIND))
    }
}
