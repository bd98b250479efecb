import Primitives
import VRRP

extension Interpreter {
    /// A router from its draft and the defaults of `global_defs`; nil after an error.
    mutating func routerSettings(of draft: InstanceDraft) -> RouterSettings? {
        let priority = draft.priority ?? (draft.isMaster ? 255 : 100)
        if draft.priority == nil, draft.isMaster {
            report.warning(
                draft.location,
                "'\(draft.name)' is MASTER without a priority: 255 is used, as keepalived does",
                mend: "write 'priority 150' for a MASTER that does not own the address"
            )
        }
        let interface = draft.interface ?? global.defaultInterface
        let tracks = finishedTracks(of: draft, interface: interface, priority: priority)
        guard let interface else {
            report.error(
                draft.location,
                "vrrp_instance '\(draft.name)' has no 'interface'",
                mend: "write 'interface eth0'"
            )
            return nil
        }
        guard let id = draft.virtualRouterID else {
            report.error(
                draft.location,
                "vrrp_instance '\(draft.name)' has no valid 'virtual_router_id'",
                mend: "write 'virtual_router_id 51', the same on both nodes"
            )
            return nil
        }
        if !draft.listsAddresses {
            report.warning(
                draft.location,
                "vrrp_instance '\(draft.name)' has no address that moves",
                mend: "write a 'virtual_ipaddress { … }' block"
            )
        }
        let family = family(of: draft)
        let version = version(of: draft, family: family)
        let lists = addresses(of: draft, family: family)
        checkSource(of: draft, family: family, priority: priority)
        guard let transport = transport(of: draft, family: family) else { return nil }
        let preemption = preemption(of: draft, priority: priority)
        var settings = RouterSettings(
            name: draft.name,
            interface: interface,
            virtualRouterID: id,
            basePriority: priority,
            advertisementInterval: interval(of: draft, version: version),
            addresses: lists.advertised,
            preempt: preemption.preempt,
            preemptDelay: preemption.delay,
            authentication: authentication(of: draft, version: version),
            addressLifetime: tandem.vipLease,
            tracks: tracks
        )
        settings.version = version
        settings.family = family
        settings.transport = transport
        settings.excludedAddresses = lists.excluded
        complete(&settings, from: draft)
        return settings
    }

    /// What has no say in anything else.
    private mutating func complete(_ settings: inout RouterSettings, from draft: InstanceDraft) {
        settings.configuredSource = draft.source?.address
        settings.tracksSource = draft.tracksSource != nil && draft.source != nil
        settings.omitsPseudoHeader = draft.omitsPseudoHeader
        settings.downTimerAdvertisements =
            draft.downTimerAdvertisements ?? global.downTimerAdvertisements ?? 3
        settings.yieldsAloud = draft.yieldsAloud ?? global.yieldsAloud ?? false
        settings.answersLowerPriority =
            !(draft.lowerPriorityUnanswered ?? global.lowerPriorityUnanswered ?? false)
        settings.startupDelay = global.startupDelay
        settings.tracksOwnInterface = draft.tracksOwnInterface
        settings.promotesSecondaries = draft.promotesSecondaries
        settings.virtualInterface = virtualInterface(of: draft, settings)
        settings.gateway = witness(of: draft, settings)

        let announcements = draft.announcements.filled(from: global.announcements)
        settings.announcementsPerBurst = announcements.perBurst ?? (global.announcesOnce ? 1 : 5)
        settings.secondBurstDelay =
            announcements.secondBurstDelay ?? (global.announcesOnce ? .zero : .seconds(5))
        settings.announcementRefresh = announcements.refresh ?? .seconds(60)
        settings.announcementsPerRefresh = announcements.perRefresh ?? 1
        settings.announcementsPerAnswer = announcements.perAnswer
        settings.secondAnswerDelay = announcements.secondAnswerDelay
        let pace = paces[settings.interface]
        settings.arpPace = pace?.arp ?? global.pace.arp ?? .zero
        settings.neighbourPace = pace?.neighbour ?? global.pace.neighbour ?? .zero
    }

    // MARK: Family, version, addresses

    /// The first address decides; without one, whatever else is of one family.
    private func family(of draft: InstanceDraft) -> AddressFamily {
        draft.addresses.first?.address.prefix.address.family ?? draft.source?.address.family
            ?? draft.unicast.peers.first?.peer.address.family ?? draft.group?.address.family
            ?? (draft.isNativeV6 ? .v6 : .v4)
    }

    private mutating func version(
        of draft: InstanceDraft,
        family: AddressFamily
    ) -> ProtocolVersion {
        guard family == .v6 else { return draft.version?.version ?? global.version ?? .v2 }
        if let version = draft.version, version.version == .v2 {
            report.warning(
                version.location,
                "'version 2' has no effect: IPv6 is always version 3, as in keepalived",
                mend: "write 'version 3', or remove it"
            )
        }
        return .v3
    }

    /// An advert counts its addresses in a byte, and an IPv6 one has to fit into 1500 bytes.
    private mutating func addresses(
        of draft: InstanceDraft,
        family: AddressFamily
    ) -> (advertised: [VirtualAddress], excluded: [VirtualAddress]) {
        var advertised: [VirtualAddress] = []
        var excluded = draft.excluded.map(\.address)
        let room = family == .v4 ? 255 : 90
        var isFull = false
        for line in draft.addresses {
            let address = line.address.prefix.address
            if address.family != family {
                report.warning(
                    line.location,
                    "\(address) is left out, as in keepalived: the addresses of '\(draft.name)' are "
                        + "\(family.name), as its first one is",
                    mend: "move it into 'virtual_ipaddress_excluded', or a vrrp_instance of its own"
                )
            } else if advertised.count < room {
                advertised.append(line.address)
            } else {
                if !isFull {
                    report.warning(
                        line.location,
                        "an advert holds at most \(room) \(family.name) addresses: from here on they "
                            + "move, but are not advertised, as in keepalived",
                        mend: "move them into 'virtual_ipaddress_excluded' on both nodes"
                    )
                }
                isFull = true
                excluded.append(line.address)
            }
        }
        if family == .v6, let first = draft.addresses.first,
            !draft.addresses.contains(where: \.address.prefix.address.isLinkLocal)
        {
            report.warning(
                first.location,
                "one IPv6 address should be link-local (RFC 9568 §5.2.9): a router of another "
                    + "make may not listen",
                mend:
                    "put one such as fe80::\(draft.virtualRouterID ?? 1) in front of it, on both nodes"
            )
        }
        return (advertised, excluded)
    }

    // MARK: Intervals and passwords

    private mutating func interval(
        of draft: InstanceDraft,
        version: ProtocolVersion
    ) -> Duration {
        guard let written = draft.interval else { return .seconds(1) }
        // Half a unit is rounded up, as in keepalived.
        let unit: Int64 = version == .v2 ? 1_000_000_000 : 10_000_000
        let most: Int64 = version == .v2 ? 255 : 4095
        let units = min(max((written.value.nanoseconds + unit / 2) / unit, 1), most)
        let interval = Duration.nanoseconds(units * unit)
        guard interval != written.value else { return interval }
        let text = interval.secondsText
        switch version {
        case .v2:
            report.warning(
                written.location,
                "'advert_int \(written.text)' becomes \(text): VRRPv2 has whole seconds of 1 to 255",
                mend: written.value < .seconds(1)
                    ? "write 'version 3' on both nodes, or 'advert_int \(text)'"
                    : "write 'advert_int \(text)' on both nodes"
            )
        case .v3:
            report.warning(
                written.location,
                "'advert_int \(written.text)' becomes \(text): VRRPv3 has hundredths of a second, "
                    + "0.01 to 40.95",
                mend: "write 'advert_int \(text)' on both nodes"
            )
        }
        return interval
    }

    private mutating func authentication(
        of draft: InstanceDraft,
        version: ProtocolVersion
    ) -> Authentication {
        guard let password = draft.password else { return .none }
        guard version == .v2 else {
            report.warning(
                password.location,
                "'authentication' has no effect: version 3 has none, as in keepalived",
                mend: "remove it"
            )
            return .none
        }
        return .password(password.bytes)
    }

    /// `state MASTER` and priority 255 clear nopreempt and preempt_delay; nopreempt clears the delay.
    private mutating func preemption(
        of draft: InstanceDraft,
        priority: UInt8
    ) -> (preempt: Bool, delay: Duration) {
        let cause = draft.isMaster ? "'state MASTER'" : priority == 255 ? "priority 255" : nil
        if let location = draft.nopreempt {
            guard let cause else {
                if let delay = draft.preemptDelay, delay.delay > .zero {
                    report.warning(
                        delay.location,
                        "'preempt_delay' has no effect with 'nopreempt'",
                        mend: "remove one of them"
                    )
                }
                return (false, .zero)
            }
            report.warning(
                location,
                "'nopreempt' has no effect with \(cause), as in keepalived",
                mend: "write 'state BACKUP' on both nodes and a priority below 255"
            )
        }
        guard let delay = draft.preemptDelay, delay.delay > .zero else { return (true, .zero) }
        guard let cause else { return (true, delay.delay) }
        report.warning(
            delay.location,
            "'preempt_delay' has no effect with \(cause), as in keepalived",
            mend: "write 'state BACKUP' on both nodes and a priority below 255"
        )
        return (true, .zero)
    }

    // MARK: Tandem's own and the virtual MAC

    private mutating func virtualInterface(
        of draft: InstanceDraft,
        _ settings: RouterSettings
    ) -> VirtualInterface? {
        guard let wanted = draft.virtualInterface else {
            if let location = draft.advertisesFromBase {
                report.warning(
                    location,
                    "'vmac_xmit_base' has no effect without 'use_vmac'",
                    mend: "remove it"
                )
            }
            return nil
        }
        var advertisesFromBase = draft.advertisesFromBase != nil
        if case .unicast = settings.transport, !advertisesFromBase {
            report.warning(
                wanted.location,
                "unicast adverts leave from the interface below the virtual one",
                mend: "write 'vmac_xmit_base' as well, as keepalived wants it"
            )
            advertisesFromBase = true
        }
        let prefix = global.virtualInterfacePrefix + (settings.family == .v6 ? "6" : "")
        return VirtualInterface(
            name: wanted.name ?? "\(prefix).\(settings.virtualRouterID)",
            advertisesFromBase: advertisesFromBase
        )
    }

    private mutating func witness(
        of draft: InstanceDraft,
        _ settings: RouterSettings
    ) -> GatewayWitness? {
        guard let choice = draft.gateway ?? gateway, let witness = choice.witness else {
            return nil
        }
        guard case .address(let address) = witness else { return witness }
        let moving = (settings.addresses + settings.excludedAddresses).map(\.prefix.address)
        if moving.contains(address) {
            report.error(
                choice.location,
                "the gateway \(address) is an address of '\(draft.name)' itself",
                mend: "name a router that both nodes share"
            )
        }
        return witness
    }
}
