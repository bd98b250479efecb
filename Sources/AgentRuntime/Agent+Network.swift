import KeepalivedSyntax
import LinuxIO
import Logging
import Netlink
import Primitives
import VRRP

/// Interfaces, addresses and packets.
extension Agent {
    /// Datagrams of the monitor that one turn reads at most.
    private static let monitorBudget = 64

    /// The addresses of all virtual routers, advertised or not: nobody's own, so none that packets come from.
    var lentAddresses: Set<IPAddress> {
        Set(configuration.routers.flatMap(\.heldAddresses).map(\.prefix.address))
    }

    // MARK: The kernel's tables

    /// The kernel's tables at the start.
    func readTables() throws(SystemCallError) {
        let listing = try keeper.listing()
        _ = view.replace(interfaces: listing.interfaces, addresses: listing.addresses)
    }

    func readMonitor() {
        var hasNews = false
        var removed: [InterfaceAddress.Key] = []
        reading: for _ in 0..<Self.monitorBudget {
            do throws(SystemCallError) {
                switch try monitor.receive() {
                case .nothing: break reading
                case .events(let events):
                    for (event, port) in events {
                        view.apply(event)
                        guard port != requestPort else { continue }
                        hasNews = true
                        if case .addressRemoved(let address) = event { removed.append(address.key) }
                    }
                case .lost:
                    log.warning(
                        "the kernel's events came faster than they were read: reading all anew"
                    )
                    resynchronise(after: removed)
                    return
                }
            } catch {
                log.error("\(error)")
                areTablesStale = true
                break reading
            }
        }
        guard hasNews else { return }
        // Sources come first: who has none any more puts nothing back.
        reviewInterfaces()
        addressesRemoved(removed)
    }

    /// Events were lost, and what is queued is older than the tables are now. What they held is found by what changed;
    /// an address of ours that came and went meanwhile was in no table, so all are looked at. What fails is done again
    /// with the next tick.
    func resynchronise(after removed: [InterfaceAddress.Key] = []) {
        areTablesStale = true
        do throws(SystemCallError) {
            let isCurrent = try monitor.discard()
            let listing = try keeper.listing()
            let events = view.replace(
                interfaces: listing.interfaces,
                addresses: listing.addresses
            )
            reviewInterfaces()
            addressesRemoved(
                removed
                    + events.compactMap { event in
                        if case .addressRemoved(let address) = event { address.key } else { nil }
                    }
            )
            try putBackWhatIsMissing()
            areTablesStale = !isCurrent
        } catch {
            log.error("\(error)")
        }
    }

    /// Somebody removed addresses, or their lifetime ended. Events may be older than what we did since, so the
    /// kernel is asked, once for all of them.
    private func addressesRemoved(_ keys: [InterfaceAddress.Key]) {
        let concerned = routers.indices.filter { index in
            routers[index].machine.holdsAddresses
                && keys.contains { routers[index].placements.holds($0) }
        }
        guard !concerned.isEmpty else { return }
        // Without an answer they are put back in any case.
        let present = (try? keeper.presentAddresses()) ?? []
        let gone = keys.filter { !present.contains($0) }
        for index in concerned {
            let lost = gone.compactMap { routers[index].placements.forget($0) }
            for address in lost where !address.isTracked { abandon(address, index) }
            let tracked = lost.filter(\.isTracked)
            guard !tracked.isEmpty else { continue }
            handle(.addressesLost(tracked), index)
        }
    }

    /// Puts back what a MASTER should have and has not, whoever took it.
    func verifyAddresses() {
        do throws(SystemCallError) {
            try putBackWhatIsMissing()
        } catch {
            log.error("\(error)")
            areTablesStale = true
        }
    }

    private func putBackWhatIsMissing() throws(SystemCallError) {
        let present = try keeper.presentAddresses()
        for index in routers.indices where routers[index].machine.holdsAddresses {
            let settings = routers[index].settings
            let refused = Set(routers[index].unclaimed.map(\.address))
            let lost = settings.heldAddresses.filter { address in
                guard !refused.contains(address) else { return false }
                let place =
                    address.onInterface(of: settings, in: view)
                    ?? routers[index].placements.target(of: address)
                return place.map { !present.contains($0.key) } ?? false
            }
            guard !lost.isEmpty else { continue }
            handle(.addressesLost(lost), index)
        }
    }

    // MARK: Interfaces

    /// Compares what the routers were told of their interfaces with what is.
    func reviewInterfaces() {
        openPorts()
        reviewWitnesses()
        watchNeighbours()
        let lent = lentAddresses
        let networks = ownNetworks
        for index in routers.indices {
            let settings = routers[index].settings
            let before = routers[index].facts
            let facts = interfaceFacts(of: settings, lent: lent)
            if facts != before {
                routers[index].facts = facts
                if facts.mtu != before.mtu { fit(index) }
                for event in facts.events(after: before) { handle(event, index) }
            }
            for case .interface(let name) in settings.tracks.map(\.subject) {
                handle(.check(.interface(name), succeeded: isRunning(name)), index)
            }
            // An own address may have come into a network of theirs.
            if routers[index].machine.holdsAddresses {
                promoteSecondaries(for: settings, beside: networks)
            }
        }
    }

    func interfaceFacts(of settings: RouterSettings, lent: Set<IPAddress>) -> InterfaceFacts {
        var facts = InterfaceFacts(of: settings, in: view, lent: lent)
        facts.isRunning = isRunning(settings.interface)
        return facts
    }

    /// Whether it counts as up: a change has to last where the file says so.
    func isRunning(_ name: String) -> Bool {
        guard let interface = view.interface(named: name) else { return false }
        return carriers.settled(name, isRunning: interface.isRunning, at: Clock.now)
    }

    /// One socket for each interface and family that a router is on and that exists.
    func openPorts() {
        var wanted = Dictionary(grouping: configuration.routers) { PortKey($0) }
        for settings in configuration.routers {
            guard let key = PortKey(above: settings) else { continue }
            wanted[key, default: []].append(settings)
        }
        for (key, port) in ports
        where wanted[key] == nil || view.interface(named: key.interface)?.index != port.index {
            ports[key] = nil
        }
        for (key, settings) in wanted {
            guard let index = view.interface(named: key.interface)?.index else { continue }
            // Peers also send to the source that a router has from another interface.
            let own = Set(
                view.addresses.filter { $0.interface == index }.map(\.prefix.address)
            ).union(settings.compactMap(\.configuredSource))
            do throws(SystemCallError) {
                if let port = ports[key] {
                    try port.expect(settings, ownAddresses: own)
                    continue
                }
                nextPortToken += 1
                let port = try InterfacePort(
                    key,
                    index: index,
                    token: nextPortToken,
                    routers: settings,
                    ownAddresses: own
                )
                try poller.add(port.descriptor, token: port.token)
                ports[key] = port
                portFailures[key] = nil
            } catch {
                // It is tried again at every tick and told once.
                if portFailures[key] != error { log.error("\(key.interface): \(error)") }
                portFailures[key] = error
            }
        }
    }

    // MARK: Packets

    /// A router with a virtual MAC listens below and above: whose packets come up depends on the sender's MAC. What
    /// comes to both counts once.
    private func isEcho(_ packet: ReceivedPacket, of port: InterfacePort, _ index: Int) -> Bool {
        guard routers[index].settings.virtualInterface != nil else { return false }
        return routers[index].echoes.isEcho(packet, on: port.token, at: Clock.now)
    }

    func readPort(_ token: UInt64) {
        guard let port = ports.values.first(where: { $0.token == token }) else { return }
        for _ in 0..<InterfacePort.budget {
            do throws(SystemCallError) {
                switch try port.receive(at: Clock.now) {
                case .nothing: return
                case .dropped(let text):
                    if let text { line(.warning, "\(port.key.interface): \(text)") }
                case .packet(let packet, let settings):
                    guard let router = places[RouterKey(settings)],
                        !isEcho(packet, of: port, router)
                    else { continue }
                    routers[router].peers.hear(
                        packet.source,
                        priority: packet.advertisement.priority,
                        at: Clock.now
                    )
                    handle(.received(packet.advertisement, from: packet.source), router)
                }
                for note in port.takeNotes() {
                    tell(note, of: port.key.interface)
                }
            } catch {
                // The interface went down or away; its events say so too.
                log.debug("\(port.key.interface): \(error)")
            }
        }
    }
}
