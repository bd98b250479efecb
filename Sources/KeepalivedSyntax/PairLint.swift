import Primitives
import VRRP

/// What the two nodes' settings of one virtual router have to have in common.
struct PairLint {
    private let ours: RouterSettings
    private let theirs: RouterSettings
    private let location: SourceLocation?
    private let configuration: KeepalivedConfiguration
    private let peer: KeepalivedConfiguration

    init(
        _ ours: RouterSettings,
        _ theirs: RouterSettings,
        _ location: SourceLocation?,
        _ configuration: KeepalivedConfiguration,
        _ peer: KeepalivedConfiguration
    ) {
        self.ours = ours
        self.theirs = theirs
        self.location = location
        self.configuration = configuration
        self.peer = peer
    }

    // MARK: A pair that can't hear each other

    /// Nodes that drop each other's adverts are both MASTER, whatever their checks say.
    func splits() -> [Diagnostic] {
        let forecast = PairForecast(of: .script(""), on: ours, peer: theirs)
        if case .split(let reason) = forecast.outcome {
            return [split("\(forecast)", mend: mend(for: reason))]
        }
        return unreachable()
    }

    private func split(_ what: String, mend: String) -> Diagnostic {
        Diagnostic(.error, at: location, "'\(ours.name)': \(what)", mend: mend)
    }

    private func mend(for reason: DropReason) -> String {
        switch reason {
        case .version:
            "write 'version' the same on both nodes: it is \(ours.version.rawValue) here and "
                + "\(theirs.version.rawValue) there"
        case .interval:
            "write 'advert_int' the same on both nodes: it is "
                + "\(ours.advertisementInterval.secondsText) here and "
                + "\(theirs.advertisementInterval.secondsText) there"
        case .authenticationMismatch, .password:
            "write the same 'authentication { auth_type PASS … }' on both nodes, or on none"
        case .unicast, .multicast:
            "write 'unicast_peer' on both nodes, or on none: this one is \(ours.transport.name), "
                + "the other \(theirs.transport.name)"
        case .destination: "write 'mcast_dst_ip' and 'vrrp_mcast_group4' the same on both nodes"
        default:
            "make virtual_router_id, advert_int, version and authentication the same on both nodes"
        }
    }

    /// Unicast reaches whom it names. Sources that stand in no file can't be judged.
    private func unreachable() -> [Diagnostic] {
        guard case .unicast(let ourPeers, let ourTimeToLive, _) = ours.transport,
            case .unicast(let theirPeers, let theirTimeToLive, _) = theirs.transport
        else { return [] }
        if let source = ours.configuredSource, source == theirs.configuredSource {
            return [
                split(
                    "both nodes send from \(source), so neither hears the other",
                    mend: "write each node's own address as 'unicast_src_ip'"
                )
            ]
        }
        return [
            silence(
                from: ours.configuredSource,
                timeToLive: ourTimeToLive,
                to: theirPeers,
                "this node",
                "the other node"
            ),
            silence(
                from: theirs.configuredSource,
                timeToLive: theirTimeToLive,
                to: ourPeers,
                "the other node",
                "this node"
            ),
        ].compactMap(\.self)
    }

    private func silence(
        from source: IPAddress?,
        timeToLive: UInt8,
        to peers: [UnicastPeer],
        _ sender: String,
        _ receiver: String
    ) -> Diagnostic? {
        guard let source else { return nil }
        guard let peer = peers.first(where: { $0.address == source }) else {
            return split(
                "\(sender) sends from \(source), which is not among the peers of \(receiver): "
                    + "both nodes are MASTER at once",
                mend: "list \(source) in 'unicast_peer' of \(receiver)"
            )
        }
        guard peer.timeToLive.upperBound < timeToLive else { return nil }
        return split(
            "\(sender) sends with a time to live of \(timeToLive), and \(receiver) takes no more "
                + "than \(peer.timeToLive.upperBound): both nodes are MASTER at once",
            mend: "write a 'unicast_ttl' that 'max_ttl' allows"
        )
    }

    // MARK: What differs and still works

    func differences() -> [Diagnostic] {
        [
            addresses(\.addresses, "the addresses"),
            addresses(\.excludedAddresses, "the addresses that are not advertised"), interval,
            patience, priority, group,
        ].compactMap(\.self)
    }

    private func warning(_ message: String, mend: String) -> Diagnostic {
        Diagnostic(.warning, at: location, message, mend: mend)
    }

    private func addresses(
        _ list: KeyPath<RouterSettings, [VirtualAddress]>,
        _ what: String
    ) -> Diagnostic? {
        let here = Set(ours[keyPath: list].map(\.prefix.address))
        let there = Set(theirs[keyPath: list].map(\.prefix.address))
        let different = here.symmetricDifference(there).sorted()
        guard !different.isEmpty else { return nil }
        let named = different.map { "\($0) (only \(here.contains($0) ? "here" : "there"))" }
        return warning(
            "\(what) of '\(ours.name)' differ between the nodes: "
                + named.joined(separator: ", "),
            mend: "list the same ones on both nodes"
        )
    }

    /// Version 3 only: version 2 does not listen to another interval.
    private var interval: Diagnostic? {
        guard ours.advertisementInterval != theirs.advertisementInterval else { return nil }
        return warning(
            "'advert_int' of '\(ours.name)' is \(ours.advertisementInterval.secondsText) here and "
                + "\(theirs.advertisementInterval.secondsText) there: the MASTER's counts, so a "
                + "failure is seen sooner on one node than on the other",
            mend: "write the same on both nodes"
        )
    }

    private var patience: Diagnostic? {
        guard ours.downTimerAdvertisements != theirs.downTimerAdvertisements else { return nil }
        return warning(
            "'down_timer_adverts' of '\(ours.name)' is \(ours.downTimerAdvertisements) here and "
                + "\(theirs.downTimerAdvertisements) there",
            mend: "write the same on both nodes"
        )
    }

    private var priority: Diagnostic? {
        guard ours.basePriority == theirs.basePriority else { return nil }
        return warning(
            "both nodes have priority \(ours.basePriority) for '\(ours.name)': which one is MASTER "
                + "depends on who started first, and on the higher address when both start",
            mend: "give the preferred node a higher one"
        )
    }

    /// Routers that move together here and alone there pull in two directions.
    private var group: Diagnostic? {
        let here = Self.companions(of: ours, in: configuration)
        let there = Self.companions(of: theirs, in: peer)
        guard here != there else { return nil }
        return warning(
            "'\(ours.name)' is in a sync group with virtual_router_id \(Self.list(here)) here and "
                + "\(Self.list(there)) there",
            mend: "write the same 'vrrp_sync_group' on both nodes"
        )
    }

    private static func list(_ identifiers: Set<UInt8>) -> String {
        identifiers.isEmpty
            ? "none" : identifiers.sorted().map { String($0) }.joined(separator: ", ")
    }

    private static func companions(
        of router: RouterSettings,
        in configuration: KeepalivedConfiguration
    ) -> Set<UInt8> {
        let group = configuration.groups.first { $0.members.contains(router.name) }
        let names = group?.members ?? []
        return Set(
            configuration.routers.filter { names.contains($0.name) && $0.name != router.name }
                .map(\.virtualRouterID)
        )
    }
}

extension Transport {
    fileprivate var name: String {
        switch self {
        case .multicast: "multicast"
        case .unicast: "unicast"
        }
    }
}
