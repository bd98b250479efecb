import LinuxIO
import Logging
import Netlink
import Primitives
import RawSockets
import VRRP

/// Gratuitous ARP and unsolicited neighbour advertisements, at the pace that the file asks for, and how many addresses
/// an advertisement says.
extension Agent {
    func announce(_ addresses: [VirtualAddress], count: Int, _ index: Int) {
        let settings = routers[index].settings
        let now = Clock.now
        for address in addresses {
            let family = address.prefix.address.family
            let pace = family == .v4 ? settings.arpPace : settings.neighbourPace
            guard pace > .zero else {
                announce(address, count: max(1, count), index)
                askWhoElse(has: address, index)
                continue
            }
            announcements.order(
                AnnouncementQueue.Entry(
                    router: settings.name,
                    address: address,
                    remaining: max(1, count)
                ),
                in: AnnouncementQueue.Lane(
                    interface: address.interfaceName(of: settings),
                    family: family
                ),
                pace: pace,
                at: now
            )
        }
        announceWhatIsDue(at: now)
    }

    /// What has waited for its turn, unless the address has gone meanwhile.
    func announceWhatIsDue(at now: Instant) {
        while let entry = announcements.next(at: now) {
            let index = routers.firstIndex { $0.settings.name == entry.router }
            guard let index, routers[index].machine.holdsAddresses,
                routers[index].settings.heldAddresses.contains(entry.address)
            else {
                announcements.drop(entry.address, of: entry.router)
                continue
            }
            do throws(SystemCallError) {
                try announce(entry.address, index)
            } catch {
                // It has had its turn; what is left of it comes in its own.
                line(.debug, "(\(entry.router)) \(error)", of: entry.router)
            }
            if entry.remaining == 0 { askWhoElse(has: entry.address, index) }
        }
    }

    /// Several at once. A queue of the interface that is full has room again soon, so what the kernel does not take
    /// waits for its turn like what has a pace.
    private func announce(_ address: VirtualAddress, count: Int, _ index: Int) {
        let settings = routers[index].settings
        for done in 0..<count {
            do throws(SystemCallError) {
                try announce(address, index)
            } catch {
                line(.warning, "(\(settings.name)) \(error): tried again", of: settings.name)
                announcements.order(
                    AnnouncementQueue.Entry(
                        router: settings.name,
                        address: address,
                        remaining: count - done
                    ),
                    in: AnnouncementQueue.Lane(
                        interface: address.interfaceName(of: settings),
                        family: address.prefix.address.family
                    ),
                    pace: Self.paceAfterRefusal,
                    at: Clock.now + Self.paceAfterRefusal
                )
                return
            }
        }
    }

    private func announce(_ address: VirtualAddress, _ index: Int) throws(SystemCallError) {
        let name = address.interfaceName(of: routers[index].settings)
        guard let interface = view.interface(named: name) else { return }
        let isRouter =
            address.prefix.address.family == .v6
            && (try? InterfaceSetting.isRouter(.v6, name)) ?? false
        try announcer.announce(
            address.prefix.address,
            from: interface.hardwareAddress,
            on: interface.index,
            isRouter: isRouter
        )
    }

    /// Between announcements that the kernel did not take at once.
    private static let paceAfterRefusal: Duration = .milliseconds(2)

    /// As keepalived: who was in FAULT may have another hardware address than its unicast peers know, and its MASTER
    /// has to reach it.
    func announceSource(after transition: RouterTransition, _ index: Int) {
        let settings = routers[index].settings
        guard transition.from == .fault, transition.to != .initialize,
            case .unicast = settings.transport, let source = routers[index].facts.source,
            let interface = view.interface(named: settings.interface),
            view.addresses.contains(where: {
                $0.interface == interface.index && $0.prefix.address == source
            })
        else { return }
        do throws(SystemCallError) {
            try announcer.announce(
                source,
                from: interface.hardwareAddress,
                on: interface.index,
                isRouter: (try? InterfaceSetting.isRouter(source.family, interface.name)) ?? false
            )
        } catch {
            line(.debug, "(\(settings.name)) \(error)")
        }
    }

    // MARK: The MTU

    /// Gives a machine as much of its file as its interface allows.
    func fit(_ index: Int) {
        let allowed = routers[index].facts.allowed(of: routers[index].declared)
        let before = routers[index].settings.advertisedAddresses.count
        handle(.reconfigured(allowed), index)
        if routers[index].settings.advertisedAddresses.count != before { tellUnfitting(index) }
    }

    func tellUnfitting(_ index: Int) {
        let declared = routers[index].declared.advertisedAddresses.count
        let settings = routers[index].settings
        guard settings.advertisedAddresses.count < declared else { return }
        line(
            .warning,
            "(\(settings.name)) \(settings.advertisedAddresses.count) of \(declared) addresses fit into an "
                + "advertisement at the MTU of \(settings.interface); the others are held and not advertised",
            of: settings.name
        )
    }
}
