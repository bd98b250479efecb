package import Primitives

/// `RT_SCOPE_HOST`: of use on this host alone.
private let hostScope: UInt8 = 254

/// The kernel's interfaces and addresses as last heard: events keep it up to date, a full listing tells
/// what was missed.
package struct NetworkView: Equatable, Sendable {
    package private(set) var interfaces: [Int32: NetworkInterface] = [:]
    /// In the kernel's order, as far as events tell it.
    package private(set) var addresses: [InterfaceAddress] = []

    package init() {}

    package func interface(named name: String) -> NetworkInterface? {
        interfaces.values.first { $0.name == name }
    }

    package func contains(_ key: InterfaceAddress.Key) -> Bool {
        addresses.contains { $0.key == key }
    }

    /// The address that packets of a family leave the interface from, when it is not one of `lent`: IPv4's
    /// first one that others can reach, IPv6's link-local one (RFC 9568 §5.1.2.1).
    ///
    /// An own address that came after a lent one of its network is marked as secondary; it is as good, where
    /// there is no other.
    package func primaryAddress(
        of interface: Int32,
        family: AddressFamily = .v4,
        except lent: Set<IPAddress>
    ) -> IPAddress? {
        var secondary: IPAddress?
        for address in addresses
        where address.interface == interface && address.scope < hostScope && address.isSettled {
            let candidate = address.prefix.address
            guard candidate.family == family, !lent.contains(candidate) else { continue }
            switch candidate {
            case .v4:
                guard address.isSecondary else { return candidate }
                secondary = secondary ?? candidate
            case .v6(let v6): if v6.isLinkLocal { return candidate }
            }
        }
        return secondary
    }

    package mutating func apply(_ event: RouteEvent) {
        switch event {
        case .interfaceChanged(let interface): interfaces[interface.index] = interface
        case .interfaceRemoved(let interface):
            interfaces[interface.index] = nil
            addresses.removeAll { $0.interface == interface.index }
        case .addressPut(let address):
            if let index = addresses.firstIndex(where: { $0.key == address.key }) {
                addresses[index] = address
            } else {
                addresses.append(address)
            }
        case .addressRemoved(let address): addresses.removeAll { $0.key == address.key }
        }
    }

    /// Takes over a full listing and returns what it changes, removals first. A lifetime that went on is
    /// no change.
    package mutating func replace(
        interfaces listed: [NetworkInterface],
        addresses present: [InterfaceAddress]
    ) -> [RouteEvent] {
        let before = self
        interfaces = Dictionary(
            listed.map { ($0.index, $0) },
            uniquingKeysWith: { _, last in last }
        )
        addresses = present
        var events: [RouteEvent] = []
        let keys = Set(present.map(\.key))
        for address in before.addresses where !keys.contains(address.key) {
            events.append(.addressRemoved(address))
        }
        for index in before.interfaces.keys.sorted() where interfaces[index] == nil {
            guard let gone = before.interfaces[index] else { continue }
            events.append(.interfaceRemoved(gone))
        }
        for interface in listed where before.interfaces[interface.index] != interface {
            events.append(.interfaceChanged(interface))
        }
        for address in present where !before.contains(address.key) {
            events.append(.addressPut(address))
        }
        return events
    }
}
