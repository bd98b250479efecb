import Primitives
import VRRP

extension Interpreter {
    /// Puts the drafts together; what is missing or contradicts is reported.
    mutating func finished() -> KeepalivedConfiguration? {
        var configuration = KeepalivedConfiguration(tandem: tandem)
        for draft in instances {
            guard let settings = routerSettings(of: draft) else { continue }
            checkIdentity(settings, of: draft, among: configuration)
            configuration.routers.append(settings)
            configuration.routerLocations[draft.name] = draft.location
            configuration.notifications[draft.name] = finishedPrograms(of: draft.notify)
            if draft.isMaster { configuration.masters.insert(draft.name) }
            checkLifetime(settings, at: draft.location)
        }
        configuration.trackLocations = trackLocations
        checkInterfaces(configuration)
        checkVirtualInterfaces(configuration)
        configuration.groups = finishedGroups()
        for group in configuration.groups where group.members.count > 1 {
            for index in configuration.routers.indices
            where group.members.contains(configuration.routers[index].name) {
                configuration.routers[index].isGrouped = true
            }
        }
        checkUntracked()
        configuration.scripts = finishedScripts()
        configuration.processes = processes
        configuration.files = files
        global.settings.notifyFIFOs = finishedFIFOs()
        holdInterfaceDelays(configuration)
        noteDefaultUser()
        configuration.global = global.settings
        return report.hasErrors ? nil : configuration
    }

    /// A check that nobody follows is most often a line that was forgotten.
    private mutating func checkUntracked() {
        let tracked = Set((instances.flatMap(\.tracks) + groups.flatMap(\.tracks)).map(\.subject))
        let defined: [(Track.Subject, String, SourceLocation)] =
            scripts.map { (.script($0.script.name), "track_script", $0.script.location) }
            + processes.map { (.process($0.name), "track_process", $0.location) }
            + files.map { (.file($0.name), "track_file", $0.location) }
        for (subject, keyword, location) in defined where !tracked.contains(subject) {
            report.warning(
                location,
                "no vrrp_instance tracks '\(subject.name)', so it changes nothing",
                mend: "name it in a '\(keyword) { … }' block, or remove it"
            )
        }
    }

    /// keepalived refuses an interface that does not exist. One that comes late is no rarity, so the file is
    /// taken, and the router is in FAULT until then.
    private mutating func checkInterfaces(_ configuration: KeepalivedConfiguration) {
        guard !global.settings.allowsMissingInterfaces else { return }
        let made = Set(configuration.routers.compactMap(\.virtualInterface?.name))
        var told: Set<String> = []
        for draft in instances {
            var named: [(name: String, location: SourceLocation)] = []
            if let interface = draft.interface ?? global.defaultInterface {
                named.append((interface, draft.interfaceLocation ?? draft.location))
            }
            for track in draft.tracks {
                guard case .interface(let name) = track.subject else { continue }
                named.append((name, track.location))
            }
            for line in draft.addresses + draft.excluded {
                if let name = line.address.interface { named.append((name, line.location)) }
            }
            for (name, location) in named {
                guard !made.contains(name), !environment.interfaceExists(name),
                    told.insert("\(name) \(location)").inserted
                else { continue }
                report.warning(
                    location,
                    "there is no interface '\(name)' here",
                    mend:
                        "is the name right? It is a FAULT until it comes; 'dynamic_interfaces' says "
                        + "that it may"
                )
            }
        }
    }

    /// A router's identity on the wire is its VRID and family on its interface, with its group or its peers: as
    /// keepalived has it, several may share a VRID that no packet confuses.
    private mutating func checkIdentity(
        _ settings: RouterSettings,
        of draft: InstanceDraft,
        among configuration: KeepalivedConfiguration
    ) {
        for other in configuration.routers {
            if other.interface == settings.interface, other.family == settings.family,
                other.virtualRouterID == settings.virtualRouterID, other.isConfused(with: settings)
            {
                report.error(
                    draft.location,
                    "'\(draft.name)' and '\(other.name)' have the same virtual_router_id "
                        + "\(settings.virtualRouterID) on \(settings.interface)",
                    mend: "give one of them another, on both nodes"
                )
            }
            let taken = Set(other.places)
            let shared = settings.places.first(where: taken.contains)
            if let shared {
                report.error(
                    draft.location,
                    "'\(draft.name)' and '\(other.name)' both have \(shared.address)",
                    mend: "leave it in one of them"
                )
            }
        }
    }

    private mutating func checkVirtualInterfaces(_ configuration: KeepalivedConfiguration) {
        var owners: [String: String] = [:]
        for router in configuration.routers {
            guard let name = router.virtualInterface?.name else { continue }
            if let owner = owners[name] {
                report.error(
                    configuration.routerLocations[router.name],
                    "'\(router.name)' and '\(owner)' both want an interface named '\(name)'",
                    mend: "write 'use_vmac NAME' with names of their own"
                )
            }
            owners[name] = router.name
        }
    }

    /// A lifetime that outlasts the peer's patience leaves the address on a dead node when the peer takes it, unless
    /// the guard removes it.
    private mutating func checkLifetime(_ settings: RouterSettings, at location: SourceLocation) {
        guard settings.isLifetimeTooLong, !settings.needsGuard else { return }
        report.warning(
            location,
            "vip_lease of \(settings.addressLifetime.secondsText) seconds is not shorter than "
                + "the one advert that the peers of '\(settings.name)' wait for: two nodes could hold the "
                + "address",
            mend: "write 'down_timer_adverts 2' or more"
        )
    }

    /// A delay that outlasts the peer's patience would make two MASTERs; keepalived cuts it as well.
    private mutating func holdInterfaceDelays(_ configuration: KeepalivedConfiguration) {
        for (name, location) in delayLocations.sorted(by: { $0.key < $1.key }) {
            let users = configuration.routers.filter { $0.interface == name }
            let limits = users.map { $0.advertisementInterval * ($0.downTimerAdvertisements - 1) }
            guard let limit = limits.min(), var delays = global.settings.interfaceDelays[name],
                max(delays.down, delays.up) >= limit
            else { continue }
            // Just below, as keepalived does.
            let held = limit - limit / 100
            delays = InterfaceDelays(down: min(delays.down, held), up: min(delays.up, held))
            global.settings.interfaceDelays[name] = delays
            report.warning(
                location,
                "the delays of '\(name)' have to be below \(limit.secondsText) seconds, or the peer "
                    + "takes over first: \(held.secondsText) is used",
                mend: "write less than \(limit.secondsText)"
            )
        }
    }
}

extension RouterSettings {
    /// Whether a packet could be for either, or both want the hardware address of their VRID.
    fileprivate func isConfused(with other: RouterSettings) -> Bool {
        if virtualInterface != nil, other.virtualInterface != nil { return true }
        switch (transport, other.transport) {
        case (.multicast(let group), .multicast(let otherGroup)):
            let usual = IPAddress.vrrpGroup(of: family)
            return group ?? usual == otherGroup ?? usual
        case (.unicast(let peers, _, _), .unicast(let otherPeers, _, _)):
            let addresses = Set(peers.map(\.address))
            return otherPeers.contains { addresses.contains($0.address) }
        case (.multicast, .unicast), (.unicast, .multicast): return false
        }
    }

    struct Place: Hashable {
        var address: IPAddress
        var interface: String
    }

    /// Where the addresses are put; a link-local one may be on several links.
    fileprivate var places: [Place] {
        (addresses + excludedAddresses).map { address in
            Place(address: address.prefix.address, interface: address.interface ?? interface)
        }
    }
}
