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
            if draft.notify != NotifyPrograms() {
                configuration.notifications[draft.name] = draft.notify
            }
            checkLifetime(settings, at: draft.location)
        }
        checkUntracked()
        configuration.scripts = finishedScripts()
        return report.hasErrors ? nil : configuration
    }

    /// A check that nobody follows is most often a line that was forgotten.
    private mutating func checkUntracked() {
        let tracked = Set(instances.flatMap(\.tracks).map(\.subject))
        for script in scripts.map(\.script) where !tracked.contains(.script(script.name)) {
            report.warning(
                script.location,
                "no vrrp_instance tracks '\(script.name)', so it changes nothing",
                mend: "name it in a 'track_script { … }' block, or remove it"
            )
        }
    }

    private mutating func routerSettings(of draft: InstanceDraft) -> RouterSettings? {
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
        let preemption = preemption(of: draft, priority: priority)
        return RouterSettings(
            name: draft.name,
            interface: interface,
            virtualRouterID: id,
            basePriority: priority,
            advertisementInterval: draft.advertisementInterval,
            addresses: draft.addresses,
            preempt: preemption.preempt,
            preemptDelay: preemption.delay,
            authentication: draft.authentication,
            announcementsPerBurst: draft.announcementsPerBurst ?? global.announcementsPerBurst,
            secondBurstDelay: draft.secondBurstDelay ?? global.secondBurstDelay,
            announcementRefresh: draft.announcementRefresh ?? global.announcementRefresh,
            addressLifetime: tandem.vipLease,
            tracks: tracks
        )
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

    /// A router's identity on the wire is its VRID on its interface.
    private mutating func checkIdentity(
        _ settings: RouterSettings,
        of draft: InstanceDraft,
        among configuration: KeepalivedConfiguration
    ) {
        for other in configuration.routers {
            if other.interface == settings.interface,
                other.virtualRouterID == settings.virtualRouterID
            {
                report.error(
                    draft.location,
                    "'\(draft.name)' and '\(other.name)' have the same virtual_router_id "
                        + "\(settings.virtualRouterID) on \(settings.interface)",
                    mend: "give one of them another, on both nodes"
                )
            }
            let shared = settings.addresses.first { address in
                other.addresses.contains { $0.prefix.address == address.prefix.address }
            }
            if let shared {
                report.error(
                    draft.location,
                    "'\(draft.name)' and '\(other.name)' both have \(shared.prefix.address)",
                    mend: "leave it in one of them"
                )
            }
        }
    }

    /// A lifetime that outlasts three adverts leaves the address on a dead node when the peer takes it.
    private mutating func checkLifetime(_ settings: RouterSettings, at location: SourceLocation) {
        guard settings.addressLifetime >= settings.advertisementInterval * 3 else { return }
        report.warning(
            location,
            "vip_lease of \(settings.addressLifetime.secondsText) seconds is not shorter than three "
                + "adverts of '\(settings.name)': two nodes could hold the address",
            mend: "write a 'vip_lease' below \((settings.advertisementInterval * 3).secondsText)"
        )
    }
}
