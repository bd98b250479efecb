import VRRP

/// What a packet tells of the router that it is for: interface, family, VRID, and whether it came to a group. A
/// VRID may be used twice, once by multicast and once by unicast.
struct RouterKey: Hashable, Sendable {
    private let port: PortKey
    private let virtualRouterID: UInt8
    private let isUnicast: Bool

    init(_ settings: RouterSettings) {
        port = PortKey(settings)
        virtualRouterID = settings.virtualRouterID
        isUnicast = settings.transport.isUnicast
    }
}
