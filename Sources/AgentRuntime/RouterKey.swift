import Primitives
import VRRP

/// What a packet tells of the router that it is for: interface, family, VRID, and the way that it came. A VRID may be
/// used several times, by other groups and with other peers.
struct RouterKey: Hashable, Sendable {
    private enum Way: Hashable, Sendable {
        case multicast(IPAddress?)
        case unicast(Set<IPAddress>)
    }

    private let port: PortKey
    private let virtualRouterID: UInt8
    private let way: Way

    init(_ settings: RouterSettings) {
        port = PortKey(settings)
        virtualRouterID = settings.virtualRouterID
        switch settings.transport {
        case .multicast(let group):
            let usual = IPAddress.vrrpGroup(of: settings.family)
            way = .multicast(group == usual ? nil : group)
        case .unicast(let peers, _, _): way = .unicast(Set(peers.map(\.address)))
        }
    }
}
