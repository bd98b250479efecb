import Netlink
import Primitives
import VRRP

/// What a virtual router has to know of its interface.
struct InterfaceFacts: Equatable, Sendable {
    /// Nil: there is none of that name.
    var index: Int32?
    var isRunning: Bool
    var hardwareAddress: [UInt8]
    /// The largest packet that it carries, in bytes; nil: not known.
    var mtu: Int?
    /// The address that advertisements come from.
    var source: IPAddress?

    /// What the router's own interface is to it. A source address that the file names has to be this
    /// host's: nothing can be sent from another.
    init(of settings: RouterSettings, in view: NetworkView, lent: Set<IPAddress>) {
        self.init(of: settings.interface, in: view, lent: lent, family: settings.family)
        guard let configured = settings.configuredSource else { return }
        let isOurs = view.addresses.contains {
            $0.prefix.address == configured && $0.isSettled
        }
        source = isOurs ? configured : nil
    }

    /// `lent` are the addresses of all virtual routers, which are nobody's own.
    init(
        of name: String,
        in view: NetworkView,
        lent: Set<IPAddress>,
        family: AddressFamily = .v4
    ) {
        let interface = view.interface(named: name)
        index = interface?.index
        isRunning = interface?.isRunning ?? false
        hardwareAddress = interface?.hardwareAddress ?? []
        mtu = interface?.mtu
        source = interface.flatMap {
            view.primaryAddress(of: $0.index, family: family, except: lent)
        }
    }

    /// A missing source is told by `sourceChanged`.
    var faults: Set<FaultCause> {
        guard index != nil else { return [.interfaceMissing] }
        return isRunning ? [] : [.interfaceDown]
    }

    /// What a router that was told `before` has to be told now: what breaks it first, what mends it last.
    func events(after before: InterfaceFacts) -> [RouterEvent] {
        var events: [RouterEvent] = []
        for cause in [FaultCause.interfaceMissing, .interfaceDown]
        where faults.contains(cause) && !before.faults.contains(cause) {
            events.append(.fault(cause))
        }
        if source != before.source { events.append(.sourceChanged(source)) }
        for cause in [FaultCause.interfaceMissing, .interfaceDown]
        where !faults.contains(cause) && before.faults.contains(cause) {
            events.append(.faultCleared(cause))
        }
        return events
    }
}

extension InterfaceFacts {
    /// The settings with no more advertised addresses than one packet of the interface has room for.
    func allowed(of settings: RouterSettings) -> RouterSettings {
        mtu.map { settings.fitting(mtu: $0) } ?? settings
    }
}
