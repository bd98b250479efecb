import Glibc
import LinuxIO
import Netlink
import Primitives
import VRRP

/// The interface of a virtual router with its own hardware address (`use_vmac`).
extension AddressKeeper where Socket: ~Copyable {
    /// Makes the interface, or takes the one that is there, and switches it on. Throws `EEXIST` when the name is
    /// something else's, `ENODEV` when the interface below does not exist.
    mutating func raiseVirtualInterface(
        of settings: RouterSettings,
        in view: NetworkView
    ) throws(SystemCallError) {
        guard let wanted = settings.macvlan(in: view) else {
            throw SystemCallError("make interface", on: settings.interface, errno: ENODEV)
        }
        if view.interface(named: wanted.name).map(wanted.isLeftover) != true {
            try table.make(wanted)
        }
        let made = try table.interfaces().first { wanted.isLeftover($0) }
        guard let made else {
            throw SystemCallError("make interface", on: wanted.name, errno: ENODEV)
        }
        for setting in InterfaceSetting.virtualInterface { try table.apply(setting, to: made) }
        try table.bringUp(interface: made.index)
    }

    /// Deletes it, with the addresses that are on it; nil when it was not there.
    mutating func removeVirtualInterface(
        of settings: RouterSettings,
        in view: NetworkView
    ) throws(SystemCallError) -> NetworkInterface? {
        guard let virtual = settings.virtualInterface,
            let present = view.interface(named: virtual.name),
            settings.macvlan(in: view)?.isLeftover(present) ?? settings.hasVirtualMAC(present)
        else { return nil }
        try table.delete(interface: present.index)
        return present
    }
}

extension RouterSettings {
    /// The interface below may have another name by now.
    fileprivate func hasVirtualMAC(_ interface: NetworkInterface) -> Bool {
        interface.kind == "macvlan"
            && interface.hardwareAddress
                == VirtualMAC.address(virtualRouterID: virtualRouterID, family: family)
    }

    /// What the router's own interface has to be; nil: it has none, or the one below does not exist.
    func macvlan(in view: NetworkView) -> VirtualMAC.Interface? {
        guard let virtual = virtualInterface, let parent = view.interface(named: interface) else {
            return nil
        }
        return VirtualMAC.Interface(
            name: virtual.name,
            parent: parent.index,
            hardwareAddress: VirtualMAC.address(
                virtualRouterID: virtualRouterID,
                family: family
            )
        )
    }
}
