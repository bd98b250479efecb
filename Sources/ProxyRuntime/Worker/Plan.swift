import Balancing
import CLinux
import HAProxySyntax
import Primitives

/// The configuration as the data plane needs it: indices instead of names, milliseconds instead of durations.
/// A plan never changes; a reload makes the next one, and sessions keep the one that they began with.
final class Plan: Sendable {
    let frontends: [FrontendPlan]
    let backends: [BackendPlan]
    let maxconn: Int
    /// Grows with every reload.
    let generation: UInt32

    init(
        frontends: [FrontendPlan],
        backends: [BackendPlan],
        maxconn: Int,
        generation: UInt32
    ) {
        self.frontends = frontends
        self.backends = backends
        self.maxconn = maxconn
        self.generation = generation
    }
}

struct FrontendPlan: Sendable {
    var name: String
    /// Index of the backend; nil: none, so that every client is turned away.
    var backend: Int?
    var maxconn: Int
    /// 0: never.
    var clientTimeout: UInt32
    var tunnelTimeout: UInt32
    var clientFinTimeout: UInt32
    var binds: [BindAddress]
    var logs: [LogTarget]
    var logsSessions: Bool
    var skipsNull: Bool
    var logsEarly: Bool
    var resetsClients: Bool
    var abortsOnClose: Bool
    var keepsClientAlive: Bool
    var isDisabled: Bool
}

struct BackendPlan: Sendable {
    var name: String
    var servers: [ServerLine]
    var algorithm: BalanceAlgorithm
    var usesAllBackups: Bool
    var retries: Int
    var redispatch: Int?
    var connectTimeout: UInt32
    var queueTimeout: UInt32
    var serverTimeout: UInt32
    var serverFinTimeout: UInt32
    var keepsServerAlive: Bool
    var logs: [LogTarget]
    var logsHealthChecks: Bool
    var resetsServers: Bool
    /// Connections of the backend at which `minconn` has grown to `maxconn`.
    var fullConnections: Int
    /// Connections that may wait; 0: no limit.
    var queueLimit: Int
    var checkTimeout: Duration?
}

extension Plan {
    /// A `listen` section is a frontend and the backend behind it.
    convenience init(
        _ configuration: HAProxyConfiguration,
        maxconn: Int,
        generation: UInt32
    ) {
        let sections = configuration.proxies.filter { !$0.disabled }
        let behind = sections.filter { $0.kind != .frontend }
        let before = sections.filter { $0.kind != .backend }
        func index(of name: String) -> Int? { behind.firstIndex { $0.name == name } }
        self.init(
            frontends: before.map { section in
                let own = section.kind == .listen ? index(of: section.name) : nil
                return FrontendPlan(
                    section,
                    backend: section.defaultBackend.flatMap(index) ?? own,
                    maxconn
                )
            },
            backends: behind.map { section in
                // HAProxy configuration manual §4.2, `fullconn`: a tenth of what the frontends may send.
                let reaching = before.filter { ($0.defaultBackend ?? $0.name) == section.name }
                let sum = reaching.reduce(0) { $0 + min($1.maxconn ?? maxconn, maxconn) }
                return BackendPlan(section, fullConnections: max(sum / 10, 1))
            },
            maxconn: maxconn,
            generation: generation
        )
    }
}

extension FrontendPlan {
    fileprivate init(_ section: ProxySection, backend: Int?, _ maxconn: Int) {
        self.init(
            name: section.name,
            backend: backend,
            maxconn: min(section.maxconn ?? maxconn, maxconn),
            clientTimeout: section.timeouts.client.plain,
            tunnelTimeout: section.timeouts.tunnel.plain,
            clientFinTimeout: section.timeouts.clientFin.plain,
            binds: section.binds,
            logs: section.logs,
            logsSessions: section.optionTCPLog,
            skipsNull: section.optionDontLogNull,
            logsEarly: section.optionLogASAP,
            resetsClients: section.optionNoLinger,
            abortsOnClose: section.optionAbortOnClose,
            keepsClientAlive: section.optionClientKeepAlive,
            isDisabled: section.disabled
        )
    }
}

extension BackendPlan {
    fileprivate init(_ section: ProxySection, fullConnections: Int) {
        let algorithm: BalanceAlgorithm =
            switch section.balance {
            case .roundrobin, .staticRoundRobin: .roundRobin
            case .leastconn: .leastConnections
            case .source: .source
            case .first: .first
            case .random: .random
            }
        self.init(
            name: section.name,
            servers: section.servers,
            algorithm: algorithm,
            usesAllBackups: section.optionAllBackups,
            retries: section.retries,
            redispatch: section.redispatch,
            connectTimeout: section.timeouts.connect.plain,
            queueTimeout: (section.timeouts.queue ?? section.timeouts.connect).plain,
            serverTimeout: section.timeouts.server.plain,
            serverFinTimeout: section.timeouts.serverFin.plain,
            keepsServerAlive: section.optionServerKeepAlive,
            logs: section.logs,
            logsHealthChecks: section.optionLogHealthChecks,
            resetsServers: section.optionNoLinger,
            fullConnections: fullConnections,
            queueLimit: section.servers.contains { $0.maxqueue == 0 }
                ? 0 : section.servers.reduce(0) { $0 + $1.maxqueue },
            checkTimeout: section.timeouts.check
        )
    }
}

extension Duration? {
    /// Milliseconds; 0: none.
    fileprivate var plain: UInt32 {
        map { UInt32(clamping: max($0.milliseconds, 1)) } ?? 0
    }
}
