import Primitives

/// Who was heard with a router's ID, and when: the last advertisement of each.
struct PeerLedger: Equatable, Sendable {
    struct Peer: Equatable, Sendable {
        var address: IPAddress
        var priority: UInt8
        var heardAt: Instant
    }

    /// As many as `tandemctl vrrp` shows; whoever was silent the longest makes room.
    static let limit = 8

    /// The one that was heard last comes first.
    private(set) var peers: [Peer] = []

    mutating func hear(_ address: IPAddress, priority: UInt8, at now: Instant) {
        peers.removeAll { $0.address == address }
        if peers.count == Self.limit { peers.removeLast() }
        peers.insert(Peer(address: address, priority: priority, heardAt: now), at: 0)
    }
}
