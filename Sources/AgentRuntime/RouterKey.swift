import VRRP

/// What a packet tells of the router that it is for: interface, family and VRID.
struct RouterKey: Hashable, Sendable {
    private let port: PortKey
    private let virtualRouterID: UInt8

    init(_ settings: RouterSettings) {
        port = PortKey(settings)
        virtualRouterID = settings.virtualRouterID
    }
}
