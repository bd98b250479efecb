import Glibc
import Links
import LinuxIO
import Logging
import Messages
import Netlink
import Primitives
import RawSockets
import Systemd
import VRRP

/// Others who have, or believe that they have, what is this node's: its addresses, its VRID.
extension Agent {
    /// Sightings that one turn of the loop reads at most.
    private static let sightingBudget = 64

    /// Hears of these addresses from now on: those that the routers lend, and the gateways.
    func watchNeighbours() {
        let watched = Set(routers.flatMap(\.settings.heldAddresses).map(\.prefix.address))
            .union(witnesses.probes.keys.map(\.address))
        do throws(SystemCallError) {
            try neighbours.watch(watched)
        } catch {
            log.error("\(error)")
        }
    }

    func readNeighbours() {
        for _ in 0..<Self.sightingBudget {
            do throws(SystemCallError) {
                guard let sighting = try neighbours.receive() else { return }
                heed(sighting)
            } catch {
                log.debug("\(error)")
                return
            }
        }
    }

    private func heed(_ sighting: Sighting) {
        // Our own announcements, as a bridge or another interface of this node hands them back.
        let isOurs = view.interfaces.values.contains {
            $0.hardwareAddress == sighting.hardware
        }
        guard !isOurs else { return }
        hearGateway(sighting)
        guard !sighting.hardware.isEmpty else { return }
        for index in routers.indices where routers[index].machine.holdsAddresses {
            let settings = routers[index].settings
            let isHeld = settings.heldAddresses.contains { address in
                address.prefix.address == sighting.address
                    && view.interface(named: address.interface ?? settings.interface)?.index
                        == sighting.interface
            }
            guard isHeld else { continue }
            handle(.addressSighted(sighting.address, at: sighting.hardware), index)
        }
    }

    /// Asks who else has an address that was just announced. Somebody who has it and was silent until now
    /// answers to this node alone, so nobody else would tell.
    func askWhoElse(has address: VirtualAddress, _ index: Int) {
        let settings = routers[index].settings
        let family = address.prefix.address.family
        // Not from the virtual MAC, which has no address of its own to ask with.
        guard let interface = view.interface(named: address.interface ?? settings.interface),
            let source = view.primaryAddress(
                of: interface.index,
                family: family,
                except: lentAddresses
            )
        else { return }
        _ = try? announcer.ask(
            for: address.prefix.address,
            from: source,
            hardware: interface.hardwareAddress,
            on: interface.index
        )
    }

    // MARK: What the operator is told

    /// An entry in the supervisor's journal of decisions, which `tandemctl why` shows.
    func journal(
        _ entry: (event: String, decision: String, reason: String),
        of subject: String
    ) {
        supervisor.send(
            .noted(
                subject: subject,
                event: entry.event,
                decision: entry.decision,
                reason: entry.reason
            ),
            incident: incident,
            poller
        )
    }

    /// A MASTER by its timer that has never heard anybody: it may be the first of the pair, or it may be deaf. A packet
    /// that a firewall drops on its way in leaves no trace anywhere else.
    func tellUnheard(_ transition: RouterTransition, _ index: Int) {
        guard transition.to == .active, transition.reason == .masterDown,
            !routers[index].saidThatNobodyWasHeard, routers[index].peers.peers.isEmpty
        else { return }
        routers[index].saidThatNobodyWasHeard = true
        let settings = routers[index].settings
        let text =
            "if its peer runs, its advertisements do not arrive: let IP protocol 112 in, such as by 'nft "
            + "insert rule inet filter input meta l4proto 112 accept', and see that both nodes have the "
            + "same virtual_router_id and advert_int"
        line(
            .notice,
            "(\(settings.name)) has never heard another router on \(settings.interface): \(text)",
            of: settings.name
        )
        journal(
            ("no advertisement of another router was ever heard", "serve as MASTER", text),
            of: settings.name
        )
    }

    /// What the gate of an interface has seen for the first time.
    func tell(_ note: GateNote, of interface: String) {
        switch note {
        case .foreignRouter(let router):
            line(.warning, "\(interface): \(note.sentence)", .rivalHeard)
            journal(
                (
                    "VRID \(router.virtualRouterID) is used by \(router.source) too",
                    router.dropped == nil ? "none" : "drop its advertisements",
                    note.sentence
                ),
                of: interface
            )
        case .ownAddressHeard(let virtualRouterID, let address):
            line(.warning, "\(interface): \(note.sentence)", .rivalHeard)
            journal(
                (
                    "VRID \(virtualRouterID) is advertised from our own address \(address)",
                    "disregard it", note.sentence
                ),
                of: interface
            )
        case .otherChecksum, .otherInterval, .firstAddressNotLinkLocal, .unicastHeard,
            .strangerHeard:
            line(.warning, "\(interface): \(note.sentence)")
        }
    }

    static let refusedByFirewall =
        "a firewall on this node refuses its advertisements, so no peer hears it"

    /// The first of the advertisements in a row that the kernel did not take.
    func tellUnsent(_ error: SystemCallError, _ index: Int) {
        let name = routers[index].settings.name
        guard error.errno == EPERM else {
            line(.error, "(\(name)) \(error)", of: name)
            return
        }
        line(
            .error,
            "(\(name)) \(Self.refusedByFirewall): let IP protocol 112 out, such as by 'nft add rule inet filter output meta "
                + "l4proto 112 accept' (\(error))",
            of: name
        )
    }
}
