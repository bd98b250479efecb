import LinuxIO
import Logging
import Netlink
import Primitives
import VRRP

/// `use_vmac`: the virtual router's own hardware address is on the LAN as long as this node is MASTER, and never
/// on two nodes: the interface comes before the first advertisement and goes with the addresses.
///
/// keepalived keeps it as BACKUP too, and has to keep its IGMP reports from teaching the switch the wrong port.
extension Agent {
    /// The interface, before a MASTER speaks. False: it can't be made, so this node can't be MASTER.
    func raiseVirtualInterface(_ index: Int) -> Bool {
        let settings = routers[index].settings
        guard let virtual = settings.virtualInterface else { return true }
        if let wanted = settings.macvlan(in: view),
            let present = view.interface(named: virtual.name), wanted.isLeftover(present),
            present.isRunning
        {
            return true
        }
        do throws(SystemCallError) {
            try keeper.raiseVirtualInterface(of: settings, in: view)
            leaveARPToVirtualInterface(settings.interface)
            let listing = try keeper.listing()
            // What else has changed, the monitor tells as well.
            _ = view.replace(interfaces: listing.interfaces, addresses: listing.addresses)
            openPorts()
            line(.info, "(\(settings.name)) \(virtual.name) is made", of: settings.name)
            return true
        } catch {
            line(.error, "(\(settings.name)) use_vmac: \(error)", of: settings.name)
            return false
        }
    }

    func removeVirtualInterface(_ index: Int) {
        let settings = routers[index].settings
        guard settings.virtualInterface != nil else { return }
        do throws(SystemCallError) {
            let removed = try keeper.removeVirtualInterface(of: settings, in: view)
            guard let removed else { return }
            // The guard knows addresses by their interface's number.
            releaseWard(index)
            view.apply(.interfaceRemoved(removed))
            openPorts()
            line(.info, "(\(settings.name)) \(removed.name) is removed", of: settings.name)
        } catch {
            line(.error, "(\(settings.name)) use_vmac: \(error)", of: settings.name)
        }
    }

    /// The port that a router's advertisements leave by: from the virtual MAC while it is here, unless
    /// `vmac_xmit_base` says otherwise.
    func sendingPort(of settings: RouterSettings) -> InterfacePort? {
        let above = PortKey(above: settings).flatMap { ports[$0] }
        return above ?? ports[PortKey(settings)]
    }

    /// The interface below neither answers for the virtual addresses nor asks in their name (`arp_ignore`,
    /// `arp_announce`): neighbours would learn its MAC.
    private func leaveARPToVirtualInterface(_ name: String) {
        guard let below = view.interface(named: name) else { return }
        for setting in InterfaceSetting.belowVirtualInterface {
            do throws(SystemCallError) {
                var before = setting
                before.value = try setting.current(on: name)
                guard before != setting else { continue }
                try keeper.apply(setting, to: below)
                arpSettings.note(before, of: name)
            } catch {
                log.warning("\(setting.name) of \(name): \(error)")
            }
        }
    }

    /// As it was before this agent.
    func restoreARPSettings() {
        for former in arpSettings.entries {
            guard let interface = view.interface(named: former.interface) else { continue }
            do throws(SystemCallError) {
                try keeper.apply(former.setting, to: interface)
            } catch {
                log.warning("\(former.setting.name) of \(interface.name) stays set: \(error)")
            }
        }
        arpSettings = FormerSettings()
    }
}

extension PortKey {
    /// The interface above with the virtual MAC; nil for a router that does not speak from one.
    init?(above settings: RouterSettings) {
        guard let virtual = settings.virtualInterface, !virtual.advertisesFromBase else {
            return nil
        }
        interface = virtual.name
        family = settings.family
    }
}
