import Primitives

/// What the gate asks of an advertisement for one router.
struct Expectation: Equatable, Sendable {
    let virtualRouterID: UInt8
    let family: AddressFamily
    let version: ProtocolVersion
    let authentication: Authentication
    /// What we put on the wire ourselves.
    let interval: Duration
    let transport: Transport
    let addresses: Set<IPAddress>
    let omitsPseudoHeader: Bool
    var counters = DropCounters()

    init(of settings: RouterSettings) {
        let ours = settings.advertisement(priority: 0).onTheWire
        virtualRouterID = settings.virtualRouterID
        family = settings.family
        version = settings.version
        authentication = ours.authentication
        interval = ours.interval
        transport = settings.transport
        addresses = Set(ours.addresses)
        omitsPseudoHeader = settings.omitsPseudoHeader
    }

    /// keepalived's identity of an instance, on one interface.
    func isSameRouter(as other: Expectation) -> Bool {
        guard virtualRouterID == other.virtualRouterID, family == other.family else {
            return false
        }
        return switch (transport, other.transport) {
        case (.multicast(let group), .multicast(let otherGroup)): group == otherGroup
        case (.unicast, .unicast): true
        case (.multicast, .unicast), (.unicast, .multicast): false
        }
    }

    func isAddressed(by packet: ReceivedPacket) -> Bool {
        virtualRouterID == packet.advertisement.virtualRouterID
            && family == packet.destination.family
    }

    /// How much a packet looks like one for this router and not for another with its VRID. What comes to a group is for
    /// whose group it is. Unicast is told by its addresses, for a MASTER whose multicast is not heard sends it as
    /// well, and then by its sender.
    func closeness(of packet: ReceivedPacket) -> Int {
        switch (transport, packet.destination.isMulticastGroup) {
        case (.unicast, true): return 0
        case (.multicast(let group), true):
            return packet.destination == group ?? .vrrpGroup(of: family) ? 1 : 0
        case (.multicast, false): return shares(packet.advertisement.addresses) ? 2 : 0
        case (.unicast(let peers, _, _), false):
            let isPeer = peers.contains { $0.address == packet.source }
            return (shares(packet.advertisement.addresses) ? 2 : 0) + (isPeer ? 1 : 0)
        }
    }

    private func shares(_ others: [IPAddress]) -> Bool { !addresses.isDisjoint(with: others) }

    /// A non-empty list without a single address of ours: not a peer that lags behind, but another router.
    func isForeign(_ others: [IPAddress]) -> Bool {
        !others.isEmpty && !addresses.isEmpty && addresses.isDisjoint(with: others)
    }

    func isForeignTransport(to destination: IPAddress) -> Bool {
        if case .multicast = transport { !destination.isMulticastGroup } else { false }
    }

    /// In keepalived's order.
    func objection(to packet: ReceivedPacket, ownAddresses: Set<IPAddress>) -> DropReason? {
        objection(to: packet.advertisement)
            ?? objectionToWay(of: packet, ownAddresses: ownAddresses)
    }

    func objection(to advertisement: Advertisement) -> DropReason? {
        guard advertisement.version == version else { return .version }
        // RFC 9568 has neither authentication nor an interval that all have to share.
        guard version == .v2 else { return nil }
        switch (authentication, advertisement.authentication) {
        case (.none, .none): break
        case (.password(let ours), .password(let theirs)):
            guard ours == theirs else { return .password }
        case (.none, .password), (.password, .none): return .authenticationMismatch
        }
        return interval == advertisement.interval ? nil : .interval
    }

    private func objectionToWay(
        of packet: ReceivedPacket,
        ownAddresses: Set<IPAddress>
    ) -> DropReason? {
        switch (transport, packet.destination.isMulticastGroup) {
        // A MASTER whose multicast does not get through also advertises to the rival alone. With a TTL of 255
        // it is on this link.
        case (.multicast, false):
            return packet.timeToLive == Advertisement.timeToLive ? nil : .unicast
        case (.unicast, true): return .multicast
        case (.multicast(let group), true):
            return packet.destination == group ?? .vrrpGroup(of: family) ? nil : .destination
        case (.unicast(let peers, _, let checksSource), false):
            guard ownAddresses.isEmpty || ownAddresses.contains(packet.destination) else {
                return .destination
            }
            guard let peer = peers.first(where: { $0.address == packet.source }) else {
                return checksSource ? .peer : nil
            }
            return peer.timeToLive.contains(packet.timeToLive) ? nil : .timeToLive
        }
    }
}

extension RouterSettings {
    /// Why a router of these settings drops what `sender` advertises; nil: it listens.
    func objection(to sender: RouterSettings) -> DropReason? {
        guard virtualRouterID == sender.virtualRouterID, family == sender.family else {
            return .virtualRouterID
        }
        let expectation = Expectation(of: self)
        if let reason = expectation.objection(to: sender.advertisement(priority: 1).onTheWire) {
            return reason
        }
        switch (transport, sender.transport) {
        case (.multicast, .unicast): return nil
        case (.unicast, .multicast): return .multicast
        case (.multicast(let ours), .multicast(let theirs)):
            let group = IPAddress.vrrpGroup(of: family)
            return ours ?? group == theirs ?? group ? nil : .destination
        // Whose address is whose stands in no file alone.
        case (.unicast, .unicast): return nil
        }
    }
}
