package import Primitives

/// What a router's settings make of its advertisements.
extension RouterSettings {
    /// The virtual addresses in the order in which they are advertised: of the router's family, over IPv6
    /// the link-local ones first (RFC 9568 §5.2.9).
    package var advertisedAddresses: [IPAddress] {
        let listed = addresses.map(\.prefix.address).filter { $0.family == family }
        guard family == .v6 else { return listed }
        return listed.filter(\.isLinkLocal) + listed.filter { !$0.isLinkLocal }
    }

    /// Everything that the router claims: what it advertises and what it does not
    /// (`virtual_ipaddress_excluded`).
    package var heldAddresses: [VirtualAddress] { addresses + excludedAddresses }

    /// What an `.advertise` effect sends.
    package func advertisement(priority: UInt8) -> Advertisement {
        Advertisement(
            virtualRouterID: virtualRouterID,
            priority: priority,
            interval: advertisementInterval,
            addresses: advertisedAddresses,
            authentication: version == .v2 ? authentication : .none,
            version: version
        )
    }

    /// To whom an `.advertise` effect sends: the group, or each peer.
    package var destinations: [IPAddress] {
        switch transport {
        case .multicast(let group): [group ?? .vrrpGroup(of: family)]
        case .unicast(let peers, _, _): peers.map(\.address)
        }
    }

    /// `claimDelay`, or the interval where that is shorter: between a new MASTER's first word and its claim.
    package var claimPause: Duration {
        min(VirtualRouter.claimDelay, advertisementInterval)
    }

    /// How many addresses an advertisement of this router holds in a packet of `mtu` bytes: 255 at most,
    /// for that is what its count can say.
    package func addressCapacity(mtu: Int) -> Int {
        let ipHeader =
            switch family {
            case .v4: 20
            case .v6: 40
            }
        let trailer =
            switch version {
            case .v2: Advertisement.passwordLength
            case .v3: 0
            }
        let room = mtu - ipHeader - Advertisement.headerLength - trailer
        return min(max(room / family.addressLength, 0), 255)
    }

    /// The settings as an interface of `mtu` bytes allows them: as keepalived does, addresses that one packet
    /// has no room for are held but not advertised.
    package func fitting(mtu: Int) -> RouterSettings {
        let capacity = addressCapacity(mtu: mtu)
        guard advertisedAddresses.count > capacity else { return self }
        let carried = Set(advertisedAddresses.prefix(capacity))
        var fitted = self
        fitted.addresses = addresses.filter { carried.contains($0.prefix.address) }
        fitted.excludedAddresses =
            addresses.filter { !carried.contains($0.prefix.address) } + excludedAddresses
        return fitted
    }
}

extension VirtualAddress {
    /// Where the address lives: what its own line says, or the router's interface, or the one above that with the
    /// virtual MAC.
    package func interfaceName(of settings: RouterSettings) -> String {
        interface ?? settings.virtualInterface?.name ?? settings.interface
    }
}

extension IPAddress {
    /// 224.0.0.18 or ff02::12 (RFC 9568 §5.1.1.2, §5.1.2.2).
    package static func vrrpGroup(of family: AddressFamily) -> IPAddress {
        switch family {
        case .v4: .v4(.vrrpGroup)
        case .v6: .v6(IPv6Address(high: 0xFF02_0000_0000_0000, low: 0x12))
        }
    }

    /// 224.0.0.0/4 or ff00::/8.
    package var isMulticastGroup: Bool {
        switch self {
        case .v4(let address): address.isMulticast
        case .v6(let address): address.high >> 56 == 0xFF
        }
    }

    /// fe80::/10; IPv4's has no part in VRRP.
    package var isLinkLocal: Bool { v6?.isLinkLocal ?? false }
}
