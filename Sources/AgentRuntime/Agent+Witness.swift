import Glibc
import LinuxIO
import Logging
import Netlink
import Primitives
import RawSockets
import Systemd
import VRRP

/// `track_gateway`: the gateway is asked by ARP or neighbour solicitation, whatever the traffic, and the routers are
/// told whether it answers (`docs/decisions/0009`).
extension Agent {
    /// Routing tables may be large: the default routes are read so often, and more often while a gateway is
    /// silent, for there may be another one by then.
    private static let routeSpacing: Duration = .seconds(30)
    private static let routeSpacingInSilence: Duration = .seconds(5)

    /// Finds the gateway of each router that wants one, and tells what is known of it.
    func reviewWitnesses(readsRoutes: Bool = false) {
        let now = Clock.now
        if readsRoutes || now >= witnesses.readRoutesAt { readRoutes(at: now) }
        var wanted: Set<GatewayKey> = []
        for index in routers.indices {
            let settings = routers[index].settings
            let witness = witness(of: index)
            if case .gateway(let key) = witness {
                wanted.insert(key)
                let interval = settings.advertisementInterval
                witnesses.probes[key, default: GatewayProbe(for: interval, at: now)].serve(interval)
            }
            guard witness != routers[index].witness else { continue }
            routers[index].witness = witness
            switch witness {
            case .none: break
            case .nobody:
                line(
                    .notice,
                    "(\(settings.name)) there is no gateway to ask by \(settings.interface)",
                    of: settings.name
                )
                handle(.gatewayAnswered, index)
            case .gateway(let key):
                line(
                    .info,
                    "(\(settings.name)) asks the gateway \(key.address) whether this node is cut off",
                    of: settings.name
                )
                if let known = witnesses.probes[key]?.known { tell(known, index) }
            }
        }
        witnesses.probes = witnesses.probes.filter { wanted.contains($0.key) }
    }

    private func readRoutes(at now: Instant) {
        let isSilent = witnesses.probes.values.contains { $0.known == .silent }
        witnesses.readRoutesAt = now + (isSilent ? Self.routeSpacingInSilence : Self.routeSpacing)
        guard routers.contains(where: { $0.settings.gateway == .automatic }) else { return }
        do throws(SystemCallError) {
            var table = RouteTable(socket: try KernelRouteSocket())
            witnesses.defaults = try table.defaultGateways(within: boundOfReadingRoutes)
            witnesses.saidThatReadingFails = false
        } catch {
            guard !witnesses.saidThatReadingFails else { return }
            witnesses.saidThatReadingFails = true
            let mend =
                error.errno == ETIMEDOUT
                ? "; the table is too large to look for the gateway in it: name it (track_gateway ADDRESS)"
                : ""
            log.error("the default routes are not known: \(error)\(mend)")
        }
    }

    /// No router must fall silent for it.
    private var boundOfReadingRoutes: Duration {
        let shortest = routers.lazy.map(\.machine.silenceLimit).min() ?? Self.longestReading
        return min(Self.longestReading, shortest / 4)
    }

    private static let longestReading: Duration = .milliseconds(100)

    private func witness(of index: Int) -> RouterWitness {
        let settings = routers[index].settings
        switch settings.gateway {
        case nil: return .none
        case .address(let address):
            return isOurs(address)
                ? .nobody
                : .gateway(GatewayKey(interface: settings.interface, address: address))
        case .automatic:
            guard let interface = view.interface(named: settings.interface)?.index,
                let found = witnesses.defaults.first(where: {
                    $0.interface == interface && $0.address.family == settings.family
                }), !isOurs(found.address)
            else {
                // A default route that goes while its gateway is silent, such as a lease's, clears nobody.
                if case .gateway(let key) = routers[index].witness,
                    witnesses.probes[key]?.known == .silent
                {
                    return .gateway(key)
                }
                return .nobody
            }
            return .gateway(GatewayKey(interface: settings.interface, address: found.address))
        }
    }

    private func isOurs(_ address: IPAddress) -> Bool {
        view.addresses.contains { $0.prefix.address == address }
    }

    // MARK: Questions and answers

    /// Asks every gateway whose time has come.
    func askGateways(at now: Instant) {
        for key in witnesses.probes.keys.sorted(by: { $0.interface < $1.interface }) {
            guard let probe = witnesses.probes[key], probe.askAt <= now else { continue }
            if let news = witnesses.probes[key]?.ask(at: now) { tell(news, of: key) }
            guard let interface = view.interface(named: key.interface),
                let source = view.primaryAddress(
                    of: interface.index,
                    family: key.address.family,
                    except: lentAddresses
                )
            else { continue }
            // What can't be asked is silent; that the interface is down is told elsewhere.
            _ = try? announcer.ask(
                for: key.address,
                from: source,
                hardware: interface.hardwareAddress,
                on: interface.index
            )
        }
    }

    /// Whatever a gateway says by ARP shows that it is reached.
    func hearGateway(_ sighting: Sighting) {
        for key in witnesses.probes.keys
        where key.address == sighting.address
            && view.interface(named: key.interface)?.index == sighting.interface
        {
            if let news = witnesses.probes[key]?.answered() { tell(news, of: key) }
        }
    }

    private func tell(_ news: GatewayProbe.News, of key: GatewayKey) {
        switch news {
        case .answers: line(.notice, "\(key.interface): the gateway \(key.address) answers")
        case .silent:
            line(.warning, "\(key.interface): the gateway \(key.address) does not answer")
            // It may have been replaced; whose witness is another one by now is not told.
            reviewWitnesses(readsRoutes: true)
        }
        for index in routers.indices where routers[index].witness == .gateway(key) {
            tell(news, index)
        }
    }

    private func tell(_ news: GatewayProbe.News, _ index: Int) {
        switch news {
        case .answers: handle(.gatewayAnswered, index)
        case .silent: handle(.gatewaySilent, index)
        }
    }
}

/// The gateways that are asked, and where they come from.
struct GatewayWitnesses {
    var probes: [GatewayKey: GatewayProbe] = [:]
    /// The default routes as last read, the preferred ones first.
    var defaults: [DefaultGateway] = []
    var readRoutesAt: Instant = .zero
    var saidThatReadingFails = false

    var nextDeadline: Instant? { probes.values.map(\.askAt).min() }
}
