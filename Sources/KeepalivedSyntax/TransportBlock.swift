import Primitives
import VRRP

extension Interpreter {
    /// What says how adverts travel.
    mutating func readTransport(_ setting: Setting, into draft: inout InstanceDraft) {
        switch setting.keyword {
        case "unicast_peer":
            draft.unicast.note(setting)
            readPeers(setting, into: &draft.unicast)
        case "unicast_src_ip":
            draft.unicast.note(setting)
            readSource(setting, into: &draft)
        case "mcast_src_ip": readSource(setting, into: &draft)
        case "unicast_ttl":
            draft.unicast.note(setting)
            draft.unicast.timeToLive = integer(setting, in: 0...255, otherwise: "255")
                .map(UInt8.init(clamping:))
        case "check_unicast_src":
            draft.unicast.note(setting)
            draft.unicast.checksSource = flag(setting)
        case "unicast_fault_no_peer": draft.unicast.note(setting)
        case "track_src_ip": draft.tracksSource = setting.location
        case "mcast_dst_ip":
            draft.group = multicastGroup(setting).map { ($0, setting.location) }
        case "v3_checksum_as_v2": draft.omitsPseudoHeader = flag(setting)
        case "use_vmac": readVirtualInterface(setting, into: &draft)
        case "vmac_xmit_base": draft.advertisesFromBase = setting.location
        default: reportUnhandled(setting)
        }
    }

    private mutating func readSource(_ setting: Setting, into draft: inout InstanceDraft) {
        guard let address = IPAddress(setting.value), address.isUnicast else {
            report.error(
                setting.location,
                "'\(setting.keyword) \(setting.value)' is no address of this node",
                mend: "write the address that adverts are to come from, or remove it"
            )
            return
        }
        draft.source = (address, setting.location)
    }

    /// `use_vmac [NAME]`; keepalived also takes a MAC address.
    private mutating func readVirtualInterface(
        _ setting: Setting,
        into draft: inout InstanceDraft
    ) {
        let words = setting.arguments.map(\.text)
        if let mac = words.first(where: { $0.split(separator: ":").count >= 5 }) {
            report.error(
                setting.location,
                "'use_vmac' with the MAC '\(mac)' is not done by this version",
                mend: "remove it: the MAC is 00:00:5e:00:01 (IPv6: 02) and the virtual_router_id"
            )
            return
        }
        if let name = words.first {
            guard (1...15).contains(name.utf8.count), !name.contains("/") else {
                report.error(
                    setting.location,
                    "'\(name)' is no name of an interface",
                    mend: "expected at most 15 bytes without '/', such as vrrp.51"
                )
                return
            }
        }
        draft.virtualInterface = (words.first, setting.location)
    }

    // MARK: Peers

    /// `ADDRESS [min_ttl N] [max_ttl N]`, several on a line if need be.
    private mutating func readPeers(_ block: Setting, into unicast: inout UnicastDraft) {
        for statement in block.children {
            guard statement.children == nil else {
                report.error(statement.location, "a block in 'unicast_peer'", mend: "remove it")
                unicast.hasBadPeer = true
                continue
            }
            var words = statement.words[...]
            while let word = words.popFirst()?.text {
                guard let address = peerAddress(word, at: statement.location) else {
                    report.error(
                        statement.location,
                        "'\(word)' in 'unicast_peer' is not an address",
                        mend: "expected ADDRESS [min_ttl N] [max_ttl N]"
                    )
                    unicast.hasBadPeer = true
                    break
                }
                let range = hopRange(&words, at: statement.location)
                if range != 0...255 { unicast.limitsHops = true }
                if unicast.peers.contains(where: { $0.peer.address == address }) {
                    report.warning(
                        statement.location,
                        "the peer \(address) is listed twice: once is enough",
                        mend: "remove it"
                    )
                } else {
                    unicast.peers.append(
                        (UnicastPeer(address: address, timeToLive: range), statement.location)
                    )
                }
            }
        }
    }

    /// keepalived reads a length behind the address, and has no use for it.
    private mutating func peerAddress(_ word: String, at location: SourceLocation) -> IPAddress? {
        let address = IPAddress(word) ?? Prefix(word)?.address
        guard let address, address.isUnicast else { return nil }
        if word.contains("/") {
            report.warning(
                location,
                "the length of '\(word)' has no meaning for a peer",
                mend: "write \(address)"
            )
        }
        return address
    }

    private mutating func hopRange(
        _ words: inout ArraySlice<Word>,
        at location: SourceLocation
    ) -> ClosedRange<UInt8> {
        var (least, most) = (UInt8.min, UInt8.max)
        while let option = words.first?.text, Keywords.peer[option] != nil {
            let value = words.dropFirst().first?.text ?? ""
            words = words.dropFirst(2)
            guard let hops = UInt8(value) else {
                report.error(
                    location,
                    "'\(option) \(value)' is not a number of 0 to 255",
                    mend: "write 0 to 255"
                )
                continue
            }
            if option == "min_ttl" { least = hops } else { most = hops }
        }
        guard least <= most else {
            report.error(
                location,
                "min_ttl \(least) is above max_ttl \(most): nothing of this peer would be heard",
                mend: "exchange them"
            )
            return 0...255
        }
        return least...most
    }

    // MARK: Putting it together

    /// Nil after an error.
    mutating func transport(
        of draft: InstanceDraft,
        family: AddressFamily
    ) -> Transport? {
        let unicast = draft.unicast
        guard unicast.keyword != nil else { return multicast(of: draft, family: family) }
        guard !unicast.hasBadPeer else { return nil }
        var peers: [UnicastPeer] = []
        for (peer, location) in unicast.peers {
            if peer.address == draft.source?.address {
                report.warning(
                    location,
                    "the peer \(peer.address) is this node itself: it is left out",
                    mend: "list the other nodes only"
                )
            } else if peer.address.family != family {
                report.error(
                    location,
                    "the peer \(peer.address) is of the other family than the addresses of "
                        + "'\(draft.name)'",
                    mend: "write its \(family.name) address"
                )
            } else {
                peers.append(peer)
            }
        }
        let isAlone = unicast.peers.allSatisfy { $0.peer.address == draft.source?.address }
        if let keyword = unicast.keyword, isAlone {
            report.error(
                keyword.location,
                "'\(keyword.name)' without an address in 'unicast_peer': keepalived would fall back "
                    + "to multicast in silence, and no node that is set up for unicast hears that",
                mend:
                    "list the other node's address in 'unicast_peer { … }', or remove all of unicast"
            )
        }
        if let group = draft.group {
            report.warning(
                group.location,
                "'mcast_dst_ip' has no effect: adverts go to the peers of 'unicast_peer'",
                mend: "remove it"
            )
        }
        return .unicast(
            peers: peers,
            timeToLive: unicast.timeToLive ?? 255,
            checksSource: unicast.limitsHops
                || (unicast.checksSource ?? global.checksUnicastSource ?? true)
        )
    }

    private mutating func multicast(
        of draft: InstanceDraft,
        family: AddressFamily
    ) -> Transport {
        if let group = draft.group, group.address.family != family {
            report.error(
                group.location,
                "the group \(group.address) is of the other family than the addresses of "
                    + "'\(draft.name)'",
                mend: "write a group of \(family.name), or remove it"
            )
        }
        let group = draft.group?.address ?? global.groups[family]
        return .multicast(group: group == .vrrpGroup(of: family) ? nil : group)
    }

    /// What adverts come from has to be of their family, and no address that moves.
    mutating func checkSource(of draft: InstanceDraft, family: AddressFamily, priority: UInt8) {
        guard let source = draft.source else {
            if let location = draft.tracksSource {
                report.warning(
                    location,
                    "'track_src_ip' has no effect without a configured source",
                    mend: "write 'mcast_src_ip' or 'unicast_src_ip', or remove it"
                )
            }
            return
        }
        if source.address.family != family {
            report.error(
                source.location,
                "the source \(source.address) is of the other family than the addresses of "
                    + "'\(draft.name)'",
                mend: "write an address of \(family.name)"
            )
        }
        let moving = (draft.addresses + draft.excluded).map(\.address.prefix.address)
        if priority != EffectivePriority.owner, moving.contains(source.address) {
            report.error(
                source.location,
                "the source \(source.address) is an address that moves: adverts would come from it, "
                    + "or from nowhere",
                mend: "write an address of this node alone"
            )
        }
    }
}

extension UnicastDraft {
    mutating func note(_ setting: Setting) {
        if keyword == nil { keyword = (setting.keyword, setting.location) }
    }
}

extension AddressFamily {
    var name: String {
        switch self {
        case .v4: "IPv4"
        case .v6: "IPv6"
        }
    }
}

extension IPAddress {
    /// One that a node can have and another can reach.
    var isUnicast: Bool {
        switch self {
        case .v4(let address):
            address != .any && !address.isMulticast && !address.isLoopback
                && address.rawValue != .max
        case .v6(let address):
            address != .any && address.high >> 56 != 0xFF
                && !(address.high == 0 && address.low == 1)
        }
    }
}
