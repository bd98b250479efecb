package import Primitives

/// Stands before the virtual routers of one interface, of both families: lets through what RFC 3768 §7.1 and
/// RFC 9568 §7.1 let through and counts the rest by reason.
///
/// A list of addresses that differs from ours, or version 3's interval, is none of its business: such an
/// advertisement is honoured (RFC 9568 §7.1), and the router notes the difference. Dropping it would make two
/// MASTERs of a pair whose files are being changed one after the other.
package struct PacketGate: Equatable, Sendable {
    private var expectations: [Expectation] = []
    private var ownAddresses: Set<IPAddress> = []
    /// Every drop on the interface, whoever the packet was for.
    package private(set) var counters = DropCounters()
    private var noted = BoundedMemory()
    private var unread: [GateNote] = []

    /// For the routers of one interface.
    package init(routers: [RouterSettings]) {
        expect(routers)
    }

    /// After a reload; the counters of a router that is still there go on. `ownAddresses`: what unicast may be
    /// sent to; empty: whatever the kernel delivers.
    package mutating func expect(
        _ routers: [RouterSettings],
        ownAddresses: Set<IPAddress> = []
    ) {
        let before = expectations
        self.ownAddresses = ownAddresses
        expectations = routers.map { settings in
            var expectation = Expectation(of: settings)
            let same = before.filter { $0.isSameRouter(as: expectation) }
            let former = same.first { $0.transport == expectation.transport } ?? same.first
            expectation.counters = former?.counters ?? DropCounters()
            return expectation
        }
    }

    /// The drops of packets with one router's VRID and family; `router` is its place in the list.
    package func counters(of router: Int) -> DropCounters {
        expectations.indices.contains(router) ? expectations[router].counters : DropCounters()
    }

    /// Takes an IPv4 packet with its header.
    package mutating func admit(
        _ packet: some Collection<UInt8>
    ) -> Result<ReceivedPacket, DropReason> {
        examine(ReceivedPacket.decode(packet))
    }

    /// Takes the payload of a packet whose header was delivered beside it, as IPv6's is.
    package mutating func admit(
        payload: some Collection<UInt8>,
        between endpoints: Endpoints,
        timeToLive: UInt8
    ) -> Result<ReceivedPacket, DropReason> {
        examine(
            ReceivedPacket.decode(payload: payload, between: endpoints, timeToLive: timeToLive)
        )
    }

    /// Forgets what was not seen again since the last call, so that it makes room; to be called once an hour or so.
    package mutating func ageNotes() { noted.age() }

    /// What has been seen for the first time since the last call; worth a log line each.
    package mutating func takeNotes() -> [GateNote] {
        defer { unread = [] }
        return unread
    }

    private mutating func examine(
        _ decoded: Result<ReceivedPacket, DropReason>
    ) -> Result<ReceivedPacket, DropReason> {
        let result = decoded.flatMap { assign($0) }
        switch result {
        case .success(let packet): note(packet)
        case .failure(let reason): counters.count(reason)
        }
        return result
    }

    /// Finds the router that the packet is for, and asks for its objection. Several may share VRID and family, if their
    /// peers or groups differ.
    private mutating func assign(
        _ packet: ReceivedPacket
    ) -> Result<ReceivedPacket, DropReason> {
        var firstObjection: (reason: DropReason, index: Int)?
        for index in candidates(for: packet) {
            guard
                let reason = expectations[index].objection(to: packet, ownAddresses: ownAddresses)
            else {
                var packet = packet
                packet.router = index
                return .success(packet)
            }
            firstObjection = firstObjection ?? (reason, index)
        }
        guard let (reason, index) = firstObjection else { return .failure(.virtualRouterID) }
        expectations[index].counters.count(reason)
        if reason.tellsOfForeignRouter { noteForeignRouter(packet, reason) }
        if reason == .peer {
            noteOnce(
                .strangerHeard(
                    virtualRouterID: packet.advertisement.virtualRouterID,
                    from: packet.source
                )
            )
        }
        return .failure(reason)
    }

    /// The routers that are meant more than the others with their VRID: what another one objects to is none of
    /// theirs, and what they object to none of another's.
    private func candidates(for packet: ReceivedPacket) -> [Int] {
        let addressed = expectations.indices.filter { expectations[$0].isAddressed(by: packet) }
        guard addressed.count > 1 else { return addressed }
        let closeness = addressed.map { expectations[$0].closeness(of: packet) }
        let closest = closeness.max()
        return zip(addressed, closeness).filter { $0.1 == closest }.map(\.0)
    }

    private mutating func note(_ packet: ReceivedPacket) {
        let expectation = expectations[packet.router]
        if expectation.isForeign(packet.advertisement.addresses) {
            noteForeignRouter(packet, nil)
        }
        let (advertisement, source) = (packet.advertisement, packet.source)
        if ownAddresses.contains(source) {
            noteOnce(
                .ownAddressHeard(virtualRouterID: advertisement.virtualRouterID, from: source)
            )
        }
        if advertisement.version == .v3, advertisement.interval != expectation.interval {
            noteOnce(
                .otherInterval(
                    virtualRouterID: advertisement.virtualRouterID,
                    advertisement.interval,
                    from: source
                )
            )
        }
        if let first = advertisement.addresses.first, first.family == .v6, !first.isLinkLocal {
            noteOnce(
                .firstAddressNotLinkLocal(
                    virtualRouterID: advertisement.virtualRouterID,
                    from: source
                )
            )
        }
        if expectation.isForeignTransport(to: packet.destination) {
            noteOnce(
                .unicastHeard(virtualRouterID: advertisement.virtualRouterID, from: source)
            )
        }
        if packet.advertisement.version == .v3, packet.advertisement.addresses.first?.family == .v4,
            packet.omitsPseudoHeader != expectation.omitsPseudoHeader
        {
            noteOnce(
                .otherChecksum(
                    virtualRouterID: packet.advertisement.virtualRouterID,
                    omitsPseudoHeader: packet.omitsPseudoHeader,
                    from: packet.source
                )
            )
        }
    }

    private mutating func noteForeignRouter(_ packet: ReceivedPacket, _ reason: DropReason?) {
        noteOnce(
            .foreignRouter(
                ForeignRouter(
                    virtualRouterID: packet.advertisement.virtualRouterID,
                    source: packet.source,
                    addresses: packet.advertisement.addresses,
                    dropped: reason
                )
            )
        )
    }

    private mutating func noteOnce(_ note: GateNote) {
        if noted.remember(note) { unread.append(note) }
    }
}

/// Something about a packet that the operator should hear of once.
package enum GateNote: Hashable, Sendable {
    case foreignRouter(ForeignRouter)
    /// VRRPv3 over IPv4 whose checksum has, or has not, the pseudo header that ours has not, or has. It was
    /// honoured; a peer that is less liberal drops ours.
    case otherChecksum(virtualRouterID: UInt8, omitsPseudoHeader: Bool, from: IPAddress)
    /// VRRPv3 with another interval than ours, which a BACKUP learns (RFC 9568 §6.4.2).
    case otherInterval(virtualRouterID: UInt8, Duration, from: IPAddress)
    /// VRRPv3 over IPv6 whose first address is not link-local (RFC 9568 §5.2.9, erratum 8300). It was honoured:
    /// dropping it would make two MASTERs.
    case firstAddressNotLinkLocal(virtualRouterID: UInt8, from: IPAddress)
    /// Unicast of this link to a router that advertises to a group: an insisting MASTER, or a peer with
    /// `unicast_peer`. It was honoured.
    case unicastHeard(virtualRouterID: UInt8, from: IPAddress)
    /// Unicast with our VRID from somebody who is no configured peer. It was dropped.
    case strangerHeard(virtualRouterID: UInt8, from: IPAddress)
    /// An advertisement from an address of this host: a copy of it is on the LAN, or something sends back what it
    /// sent. The virtual router disregards it.
    case ownAddressHeard(virtualRouterID: UInt8, from: IPAddress)
}

/// Who uses a VRID of ours for something else.
package struct ForeignRouter: Hashable, Sendable {
    package var virtualRouterID: UInt8
    package var source: IPAddress
    package var addresses: [IPAddress]
    /// Why its advertisements are dropped; nil: they are honoured, though none of its addresses is ours.
    package var dropped: DropReason?
}

extension ForeignRouter: CustomStringConvertible {
    /// One sentence for the operator.
    package var description: String {
        let list =
            addresses.isEmpty ? "no address" : addresses.map(\.description).joined(separator: ", ")
        let consequence =
            dropped.map { "its advertisements are dropped (\($0.name))" }
            ?? "its advertisements count here"
        return "VRID \(virtualRouterID) is already used here by \(source) with \(list): "
            + "\(consequence); if it is not the peer, choose another virtual_router_id"
    }
}

/// What was noted, so that nobody can fill the log: the first notes are kept and no more are made, until they age.
private struct BoundedMemory: Equatable, Sendable {
    private static let limit = 64
    private var notes: Set<GateNote> = []
    /// Of the time before.
    private var old: Set<GateNote> = []

    /// False for what was remembered before, and when there is no room left.
    mutating func remember(_ note: GateNote) -> Bool {
        guard !notes.contains(note), notes.count < Self.limit else { return false }
        notes.insert(note)
        return !old.contains(note)
    }

    mutating func age() {
        old = notes
        notes = []
    }
}

extension DropReason {
    /// Whether a packet with our VRID that is dropped for it comes from someone who is no peer of ours, or
    /// from a peer with another configuration; in both cases there will be two MASTERs.
    fileprivate var tellsOfForeignRouter: Bool {
        switch self {
        case .version, .authenticationMismatch, .password, .interval, .multicast, .unicast: true
        case .truncatedHeader, .notVRRP, .fragment, .destination, .peer, .timeToLive, .type,
            .length, .checksum, .virtualRouterID, .authenticationType, .authenticationHeader,
            .intervalZero, .addressCount:
            false
        }
    }
}
