import HAProxySyntax
import LinuxIO
import Primitives
import Rules

/// Makes plans out of configurations, and keeps the gauges by name, so that a reload goes on counting.
struct PlanBuilder {
    private var gauges: [String: Gauge] = [:]
    private var serverNumbers: [String: Int32] = [:]
    private var tables: [String: SharedTable] = [:]
    private var ledgers: [String: Ledger] = [:]
    private let ledger: Ledger
    private let workers: Int
    private var generation = 0
    let logSockets: LogSockets

    init(logSockets: LogSockets, workers: Int) {
        self.logSockets = logSockets
        self.workers = workers
        ledger = Ledger(workers: workers, at: Clock.now)
    }

    private mutating func ledger(_ name: String, partOf whole: Ledger? = nil) -> Ledger {
        if let ledger = ledgers[name] { return ledger }
        let ledger = Ledger(workers: workers, at: Clock.now)
        ledgers[name] = ledger
        whole?.add(part: ledger)
        return ledger
    }

    private mutating func gauge(_ name: String) -> Gauge {
        if let gauge = gauges[name] { return gauge }
        let gauge = Gauge()
        gauges[name] = gauge
        return gauge
    }

    private mutating func number(of server: String) -> Int32 {
        if let number = serverNumbers[server] { return number }
        let number = Int32(clamping: serverNumbers.count)
        serverNumbers[server] = number
        return number
    }

    /// The connections that may reach a backend: of all frontends that lead there.
    private static func reach(
        _ backend: String,
        _ proxies: [ProxySection],
        maxconn: Int
    ) -> Int {
        proxies.lazy.filter { section in
            section.kind != .backend
                && (section.defaultBackend == backend
                    || section.kind == .listen && section.name == backend
                    || section.backendChoices.contains { $0.backend == backend })
        }.reduce(0) { $0 + ($1.maxconn ?? maxconn) }
    }

    /// The tables by their proxies: one whose line has not changed keeps its entries.
    private mutating func keepTables(of proxies: [ProxySection]) -> [SharedTable?] {
        var kept: [String: SharedTable] = [:]
        let result = proxies.map { section -> SharedTable? in
            guard let settings = section.stickTable else { return nil }
            let name = "\(section.kind) \(section.name)"
            var table = tables[name] ?? SharedTable(settings)
            if table.settings != settings { table = SharedTable(settings) }
            kept[name] = table
            return table
        }
        tables = kept
        return result
    }

    mutating func plan(for configuration: HAProxyConfiguration, maxconn: Int) -> Plan {
        let numbered = configuration.proxies.enumerated().filter { !$0.element.disabled }
        let running = numbered.map(\.element)
        let withServers = numbered.filter { $0.element.kind != .frontend }
        let byName = Dictionary(
            withServers.enumerated().map { ($1.element.name, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var places = keepTables(of: configuration.proxies).map { ProxyPlace(table: $0) }
        var backends: [Backend] = []
        for (proxy, section) in withServers {
            places[proxy].backend = backends.count
            let prefix = "backend \(section.name)"
            let whole = ledger(prefix)
            var servers: [Server] = []
            for line in section.servers {
                servers.append(
                    Server(
                        line: line,
                        number: number(of: "\(section.name)/\(line.name)"),
                        connections: gauge("\(prefix)/\(line.name)"),
                        queued: gauge("\(prefix)/\(line.name) queue"),
                        errors: gauge("\(prefix)/\(line.name) errors"),
                        errorLimits: gauge("\(prefix)/\(line.name) error limits"),
                        ledger: ledger("\(prefix)/\(line.name)", partOf: whole)
                    )
                )
            }
            backends.append(
                Backend(
                    section: section,
                    proxy: proxy,
                    rulebook: Rulebook(section, backends: byName),
                    servers: servers,
                    logs: LogTargets(section.logs, sockets: logSockets),
                    fullconn: section.fullconn
                        ?? (Self.reach(section.name, running, maxconn: maxconn) + 9) / 10,
                    gauges: Backend.Gauges(
                        connections: gauge(prefix),
                        queued: gauge("\(prefix) queue"),
                        waiting: gauge("\(prefix) queue for any"),
                        turn: gauge("\(prefix) turn")
                    ),
                    ledger: whole
                )
            )
        }
        var frontends: [Frontend] = []
        var entrances: [Plan.Listener] = []
        for (proxy, section) in numbered where section.kind != .backend {
            let target =
                section.defaultBackend ?? (section.kind == .listen ? section.name : nil)
            let frontend = Frontend(
                section: section,
                proxy: proxy,
                backend: target.flatMap { byName[$0] },
                rulebook: Rulebook(section, backends: byName),
                maxconn: min(section.maxconn ?? maxconn, maxconn),
                logs: LogTargets(section.logs, sockets: logSockets),
                connections: gauge("frontend \(section.name)"),
                ledger: ledger("frontend \(section.name)", partOf: ledger)
            )
            places[proxy].frontendConnections = frontend.connections
            for bind in section.binds {
                entrances.append(
                    Plan.Listener(
                        name: bind.storeName,
                        address: bind.endpoint.text,
                        frontend: frontends.count,
                        maxconn: bind.maxconn ?? .max,
                        readsProxyHeader: bind.acceptProxy,
                        connections: gauge(bind.storeName),
                        ledger: ledger(
                            "frontend \(section.name) at \(bind.storeName)",
                            partOf: frontend.ledger
                        )
                    )
                )
            }
            frontends.append(frontend)
        }
        generation += 1
        return Plan(
            generation: generation,
            listeners: entrances,
            frontends: frontends,
            backends: backends,
            places: places,
            checkSpread: configuration.global.checkSpread,
            ledger: ledger
        )
    }
}
