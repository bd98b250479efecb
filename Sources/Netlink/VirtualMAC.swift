import CLinux
package import Primitives

/// The virtual router's own hardware address and the interface that has it (RFC 9568 §7.3; keepalived.conf(5),
/// `use_vmac`).
package enum VirtualMAC {
    /// 00:00:5e:00:01:VRID, and 02 for IPv6.
    package static func address(virtualRouterID: UInt8, family: AddressFamily) -> [UInt8] {
        [0, 0, 0x5E, 0, family == .v4 ? 1 : 2, virtualRouterID]
    }

    /// An interface on top of another, in private mode: it neither hears nor reaches the one below.
    package struct Interface: Equatable, Sendable {
        /// At most 15 bytes.
        package var name: String
        /// The interface below.
        package var parent: Int32
        package var hardwareAddress: [UInt8]

        package init(name: String, parent: Int32, hardwareAddress: [UInt8]) {
            self.name = name
            self.parent = parent
            self.hardwareAddress = hardwareAddress
        }

        /// Whether `interface` is such a one that an earlier life left: a macvlan of this name and address
        /// on this parent.
        package func isLeftover(_ interface: NetworkInterface) -> Bool {
            interface.name == name && interface.kind == "macvlan" && interface.parent == parent
                && interface.hardwareAddress == hardwareAddress
        }

        func makeRequest() -> RouteRequest {
            var request = RouteRequest(
                type: RTM_NEWLINK,
                flags: NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                subject: name
            )
            request.fixed { body in
                for _ in 0..<4 { body.native(UInt32(0)) }
            }
            request.attribute(Int(IFLA_IFNAME), Array(name.utf8.prefix(15)) + [0])
            request.attribute(Int(IFLA_LINK), word(UInt32(bitPattern: parent)))
            request.attribute(Int(IFLA_ADDRESS), hardwareAddress)
            request.nested(Int(IFLA_LINKINFO)) { information in
                information.attribute(Int(IFLA_INFO_KIND), Array("macvlan".utf8) + [0])
                information.nested(Int(IFLA_INFO_DATA)) { data in
                    data.attribute(Int(IFLA_MACVLAN_MODE), word(MACVLAN_MODE_PRIVATE.rawValue))
                }
            }
            return request
        }
    }

    static func upRequest(_ interface: Int32) -> RouteRequest {
        var request = RouteRequest(
            type: RTM_NEWLINK,
            flags: NLM_F_ACK,
            subject: "interface \(interface)"
        )
        request.fixed { body in
            body.native(UInt32(0))
            body.native(UInt32(bitPattern: interface))
            body.native(UInt32(IFF_UP))
            body.native(UInt32(IFF_UP))  // what changes
        }
        return request
    }

    static func deleteRequest(_ interface: Int32) -> RouteRequest {
        var request = RouteRequest(
            type: RTM_DELLINK,
            flags: NLM_F_ACK,
            subject: "interface \(interface)"
        )
        request.fixed { body in
            body.native(UInt32(0))
            body.native(UInt32(bitPattern: interface))
            body.native(UInt32(0))
            body.native(UInt32(0))
        }
        return request
    }
}

private func word(_ value: UInt32) -> [UInt8] {
    var writer = ByteWriter(reserving: 4)
    writer.native(value)
    return writer.bytes
}
