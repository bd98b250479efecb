import HAProxySyntax
import LinuxIO
import Primitives

/// Makes plans out of configurations, and keeps the gauges by name, so that a reload goes on counting.
struct PlanBuilder {
    private var gauges: [String: Gauge] = [:]
    private var generation = 0
    let logSockets: LogSockets

    init(logSockets: LogSockets) {
        self.logSockets = logSockets
    }

    private mutating func gauge(_ name: String) -> Gauge {
        if let gauge = gauges[name] { return gauge }
        let gauge = Gauge()
        gauges[name] = gauge
        return gauge
    }

    /// Opens the listeners that are not open yet.
    mutating func plan(
        for configuration: HAProxyConfiguration,
        maxconn: Int,
        listeners: inout Listeners
    ) throws(BindFailure) -> Plan {
        let running = configuration.proxies.filter { !$0.disabled }
        let withServers = running.filter { $0.kind != .frontend }
        let fullconn = max(
            running.filter { $0.kind != .backend }.reduce(0) { $0 + ($1.maxconn ?? maxconn) } / 10,
            1
        )
        var backends: [Backend] = []
        for section in withServers {
            let prefix = "backend \(section.name)"
            var servers: [Server] = []
            for line in section.servers {
                servers.append(
                    Server(
                        line: line,
                        connections: gauge("\(prefix)/\(line.name)"),
                        queued: gauge("\(prefix)/\(line.name) queue")
                    )
                )
            }
            backends.append(
                Backend(
                    section: section,
                    servers: servers,
                    logs: LogTargets(section.logs, sockets: logSockets),
                    fullconn: fullconn,
                    gauges: (gauge(prefix), gauge("\(prefix) queue"), gauge("\(prefix) total"))
                )
            )
        }
        var frontends: [Frontend] = []
        var entrances: [Plan.Listener] = []
        for section in running where section.kind != .backend {
            let target =
                section.defaultBackend ?? (section.kind == .listen ? section.name : nil)
            let frontend = Frontend(
                section: section,
                backend: withServers.firstIndex { $0.name == target },
                maxconn: min(section.maxconn ?? maxconn, maxconn),
                logs: LogTargets(section.logs, sockets: logSockets),
                connections: gauge("frontend \(section.name)"),
                accepted: gauge("frontend \(section.name) total")
            )
            for bind in section.binds {
                try listeners.open(
                    bind,
                    keepAlive: section.optionClientKeepAlive,
                    backlog: section.maxconn ?? min(maxconn, 4096)
                )
                entrances.append(
                    Plan.Listener(
                        name: bind.storeName,
                        frontend: frontends.count,
                        maxconn: bind.maxconn ?? .max,
                        readsProxyHeader: bind.acceptProxy,
                        connections: gauge(bind.storeName)
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
            backends: backends
        )
    }
}
