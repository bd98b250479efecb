import LinuxIO
import Logging
import Netlink
import Primitives
import VRRP

/// Settings of interfaces that a virtual router asks for, and their return.
extension Agent {
    /// `promote_secondaries`: without it the kernel removes every other address of a network with its first one. It is
    /// set where the file asks for it, and where a virtual address shares its network with an own one: whichever came
    /// first would take the other along.
    func promoteSecondaries(for settings: RouterSettings, beside own: OwnNetworks) {
        promotions.keep { view.interfaces[$0] != nil }
        for interface in interfacesToPromote(for: settings, beside: own)
        where !promotions.knows(interface.index) {
            do throws(SystemCallError) {
                let setting = InterfaceSetting.promotesSecondaries
                let isSet = try setting.current(on: interface.name) == setting.value
                if !isSet { try keeper.apply(setting, to: interface) }
                promotions.note(interface.index, setHere: !isSet)
                guard !isSet else { continue }
                let reason =
                    settings.promotesSecondaries
                    ? "" : ": a virtual address shares its network with an address of this node"
                line(
                    .info,
                    "(\(settings.name)) promote_secondaries is set on \(interface.name)\(reason)",
                    of: settings.name
                )
            } catch {
                // Told once.
                promotions.note(interface.index, setHere: false)
                line(
                    .warning,
                    "(\(settings.name)) promote_secondaries: \(error)",
                    of: settings.name
                )
            }
        }
    }

    /// The networks of this node's own addresses.
    struct OwnNetworks {
        fileprivate var keys: Set<InterfaceAddress.Key>
    }

    var ownNetworks: OwnNetworks {
        let lent = lentAddresses
        let own = view.addresses.filter { !lent.contains($0.prefix.address) }
        return OwnNetworks(keys: Set(own.compactMap(\.network)))
    }

    private func interfacesToPromote(
        for settings: RouterSettings,
        beside own: OwnNetworks
    ) -> [NetworkInterface] {
        var wanted: Set<Int32> = []
        let targets = settings.heldAddresses.compactMap { $0.onInterface(of: settings, in: view) }
        if settings.promotesSecondaries {
            wanted.formUnion(targets.map(\.interface))
        } else {
            let virtual = targets.filter { $0.network != nil }
            for target in virtual where target.network.map(own.keys.contains) ?? false {
                wanted.insert(target.interface)
            }
        }
        return wanted.sorted().compactMap { view.interfaces[$0] }
    }

    /// As it was before this agent.
    func restoreSettings() {
        var setting = InterfaceSetting.promotesSecondaries
        setting.value = 0
        for (index, isOurs) in promotions.isOurs.sorted(by: { $0.key < $1.key }) where isOurs {
            guard let interface = view.interfaces[index] else { continue }
            do throws(SystemCallError) {
                try keeper.apply(setting, to: interface)
            } catch {
                log.warning("promote_secondaries of \(interface.name) stays set: \(error)")
            }
        }
        promotions = Promotions()
    }
}

extension InterfaceAddress {
    /// What the kernel takes for one network, of which one address is the first: IPv4's alone, and nil where there is
    /// room for no second one.
    fileprivate var network: Key? {
        guard case .v4(let address) = prefix.address, peer == nil, prefix.length < 32 else {
            return nil
        }
        let mask = prefix.length == 0 ? 0 : UInt32.max << (32 - UInt32(prefix.length))
        let first = IPv4Address(rawValue: address.rawValue & mask)
        return Key(
            interface: interface,
            prefix: Prefix(address: .v4(first), length: prefix.length)
        )
    }
}
