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

    package init(
        index: Int32,
        name: String,
        flags: UInt32,
        hardwareType: UInt16 = 1,
        hardwareAddress: [UInt8] = []
    ) {
        self.index = index
        self.name = name
        self.flags = flags
        self.hardwareType = hardwareType
        self.hardwareAddress = hardwareAddress
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

    /// Reads the body of `RTM_NEWLINK` or `RTM_DELLINK`.
    init(body: ArraySlice<UInt8>) throws(DecodeError) {
        var reader = ByteReader(slice: body)
        try reader.skip(2)  // family, padding
        hardwareType = try reader.native()
        let index: UInt32 = try reader.native()
        self.index = Int32(truncatingIfNeeded: index)
        flags = try reader.native()
        try reader.skip(4)  // what changed
        let attributes = try NetlinkAttributes(from: &reader)
        name = attributes.text(Int(IFLA_IFNAME)) ?? ""
        hardwareAddress = Array(attributes.bytes(Int(IFLA_ADDRESS)) ?? [])
    }
}
