import CLinux
import Glibc
package import Primitives

/// A way to everywhere that this host has no nearer way to (rtnetlink(7), `RTM_NEWROUTE`).
package struct DefaultGateway: Equatable, Sendable {
    package var address: IPAddress
    package var interface: Int32
    /// The smaller is preferred.
    package var metric: UInt32

    package init(address: IPAddress, interface: Int32, metric: UInt32) {
        self.address = address
        self.interface = interface
        self.metric = metric
    }

    /// A request for every route of a family.
    static func dumpRequest(of family: AddressFamily) -> RouteRequest {
        var request = RouteRequest(type: RTM_GETROUTE, flags: NLM_F_DUMP, subject: "routes")
        request.fixed { body in
            body.byte(UInt8(family == .v4 ? AF_INET : AF_INET6))
            for _ in 0..<7 { body.byte(0) }
            body.native(UInt32(0))
        }
        return request
    }

    /// By the destination's length alone, so that a table of a million routes takes no room.
    static func isCandidate(_ message: NetlinkMessage) -> Bool {
        Int(message.type) == Int(RTM_NEWROUTE) && message.body.dropFirst().first == 0
    }

    /// The gateways of one route; none of a route that is no unicast default one of the main table.
    static func read(_ message: NetlinkMessage) throws(DecodeError) -> [DefaultGateway] {
        var reader = ByteReader(slice: message.body)
        try reader.skip(1)  // family
        let length = try reader.byte()
        try reader.skip(2)  // source's length, type of service
        let table = try reader.byte()
        try reader.skip(2)  // who made it, scope
        let type = try reader.byte()
        try reader.skip(4)
        let attributes = try NetlinkAttributes(from: &reader)
        guard length == 0, table == UInt8(RT_TABLE_MAIN.rawValue), type == UInt8(RTN_UNICAST)
        else { return [] }
        let metric = try attributes.number(Int(RTA_PRIORITY.rawValue)) ?? 0
        if let hops = attributes.bytes(Int(RTA_MULTIPATH.rawValue)) {
            return try nextHops(hops, metric)
        }
        guard let address = gateway(in: attributes),
            let interface = try attributes.number(Int(RTA_OIF.rawValue))
        else { return [] }
        return [
            DefaultGateway(
                address: address,
                interface: Int32(truncatingIfNeeded: interface),
                metric: metric
            )
        ]
    }

    /// `struct rtnexthop` each: length, flags, hops, interface, attributes.
    private static func nextHops(
        _ bytes: ArraySlice<UInt8>,
        _ metric: UInt32
    ) throws(DecodeError) -> [DefaultGateway] {
        var gateways: [DefaultGateway] = []
        var reader = ByteReader(slice: bytes)
        while reader.remaining > 0 {
            let length: UInt16 = try reader.native()
            guard length >= 8 else {
                throw .invalid(field: "next hop length", value: UInt64(length))
            }
            try reader.skip(2)
            let interface: UInt32 = try reader.native()
            var inner = ByteReader(slice: try reader.take(Int(length) - 8))
            try reader.skip(min(NetlinkMessage.padding(Int(length)), reader.remaining))
            let attributes = try NetlinkAttributes(from: &inner)
            guard let address = gateway(in: attributes) else { continue }
            gateways.append(
                DefaultGateway(
                    address: address,
                    interface: Int32(truncatingIfNeeded: interface),
                    metric: metric
                )
            )
        }
        return gateways
    }

    private static func gateway(in attributes: NetlinkAttributes) -> IPAddress? {
        if let octets = attributes.bytes(Int(RTA_GATEWAY.rawValue)) {
            return IPAddress(octets: octets)
        }
        // IPv4 by a gateway of IPv6: its family, then the address.
        return attributes.bytes(Int(RTA_VIA.rawValue)).flatMap {
            IPAddress(octets: $0.dropFirst(2))
        }
    }
}
