import Balancing
import CLinux
import HAProxySyntax
import Primitives
import Sessions

/// A configuration as the workers use it: immutable, shared by all threads, replaced as a whole by a reload.
/// Sessions keep the plan that they began under.
final class Plan: Sendable {
    /// Counted up with every reload.
    let generation: Int
    let listeners: [Listener]
    let frontends: [Frontend]
    let backends: [Backend]
    /// All proxies of the configuration, for conditions and rules.
    let places: [ProxyPlace]
    /// `spread-checks`: by so many percent the time between checks varies.
    let checkSpread: Int
    /// Of the whole process; its frontends' are the parts.
    let ledger: Ledger

    init(
        generation: Int,
        listeners: [Listener],
        frontends: [Frontend],
        backends: [Backend],
        places: [ProxyPlace],
        checkSpread: Int = 0,
        ledger: Ledger
    ) {
        self.ledger = ledger
        self.generation = generation
        self.listeners = listeners
        self.frontends = frontends
        self.backends = backends
        self.places = places
        self.checkSpread = checkSpread
    }

    /// One address of a `bind` line. The socket is not the plan's: sessions keep a plan longer than it listens.
    final class Listener: Sendable {
        /// Of its socket, in the fd store too.
        let name: String
        /// For people.
        let address: String
        /// Index into the plan's frontends.
        let frontend: Int
        let maxconn: Int
        let readsProxyHeader: Bool
        let connections: Gauge
        let ledger: Ledger

        init(
            name: String,
            address: String,
            frontend: Int,
            maxconn: Int,
            readsProxyHeader: Bool,
            connections: Gauge,
            ledger: Ledger
        ) {
            self.name = name
            self.address = address
            self.frontend = frontend
            self.maxconn = maxconn
            self.readsProxyHeader = readsProxyHeader
            self.connections = connections
            self.ledger = ledger
        }
    }
}

/// What clients connect to.
final class Frontend: Sendable {
    let name: String
    /// Its place in the configuration.
    let proxy: Int
    let rulebook: Rulebook?
    /// Index into the plan's backends; nil: clients are turned away.
    let backend: Int?
    let maxconn: Int
    let logs: LogTargets
    let logsSessions: Bool
    let logsNothingForSilence: Bool
    let logsAtConnect: Bool
    let breaksOff: Bool
    let abortsOnClose: Bool
    let timeouts: Timeouts
    let connections: Gauge
    /// Its listeners' are the parts.
    let ledger: Ledger

    init(
        section: ProxySection,
        proxy: Int,
        backend: Int?,
        rulebook: Rulebook?,
        maxconn: Int,
        logs: LogTargets,
        connections: Gauge,
        ledger: Ledger
    ) {
        name = section.name
        self.proxy = proxy
        self.rulebook = rulebook
        self.backend = backend
        self.maxconn = maxconn
        self.logs = logs
        logsSessions = section.optionTCPLog
        logsNothingForSilence = section.optionDontLogNull
        logsAtConnect = section.optionLogASAP
        breaksOff = section.optionNoLinger
        abortsOnClose = section.optionAbortOnClose
        timeouts = section.timeouts
        self.connections = connections
        self.ledger = ledger
    }
}

/// Where a connection may lead.
final class Backend: Sendable {
    let name: String
    /// Its place in the configuration.
    let proxy: Int
    let rulebook: Rulebook?
    let servers: [Server]
    let algorithm: BalancingAlgorithm
    let hashType: HashType
    /// How much a weight of 1 counts: more where a slow start needs steps in between.
    let weightScale: Int
    /// `slowstart` changes its servers' weights.
    let rampsWeights: Bool
    let allBackups: Bool
    let rules: ConnectRules
    let abortsOnClose: Bool
    let keepsAlive: Bool
    /// `option nolinger` towards its servers.
    let breaksOff: Bool
    let timeouts: Timeouts
    let logs: LogTargets
    let logsChecks: Bool
    /// Where `minconn` has grown to `maxconn`.
    let fullconn: Int
    let connections: Gauge
    let queued: Gauge
    /// Of these, those who take any server.
    let waiting: Gauge
    /// Connections led in turn, where weights are equal; `turns`: where they are not.
    let turn: Gauge
    let turns = SharedTurns()
    let room = WaitingRoom()
    /// `random`: how many servers are drawn, one of which is taken.
    let draws: Int
    /// Its servers' are the parts.
    let ledger: Ledger

    struct Gauges {
        var connections: Gauge
        var queued: Gauge
        var waiting: Gauge
        var turn: Gauge
    }

    init(
        section: ProxySection,
        proxy: Int,
        rulebook: Rulebook?,
        servers: [Server],
        logs: LogTargets,
        fullconn: Int,
        gauges: Gauges,
        ledger: Ledger
    ) {
        name = section.name
        self.proxy = proxy
        self.rulebook = rulebook
        self.servers = servers
        algorithm = BalancingAlgorithm(section.balance)
        weightScale =
            servers.contains { $0.line.slowStart > .zero } ? ServerWatch.weightScale : 1
        hashType = HashType(
            isConsistent: section.hashesConsistently,
            avalanches: section.hashAvalanches
        )
        rampsWeights =
            switch section.balance {
            case .roundrobin, .leastconn, .first, .random: true
            case .staticRoundRobin: false
            case .source: section.hashesConsistently
            }
        allBackups = section.optionAllBackups
        rules = ConnectRules(
            retries: section.retries,
            redispatch: section.redispatch,
            connectTimeout: section.timeouts.connect,
            queueTimeout: section.timeouts.queue,
            leavesAtOnce: BalancingAlgorithm(section.balance).leavesAtOnce
        )
        abortsOnClose = section.optionAbortOnClose
        keepsAlive = section.optionServerKeepAlive
        breaksOff = section.optionNoLinger
        timeouts = section.timeouts
        self.logs = logs
        logsChecks = section.optionLogHealthChecks
        self.fullconn = max(fullconn, 1)
        connections = gauges.connections
        queued = gauges.queued
        waiting = gauges.waiting
        turn = gauges.turn
        draws = section.randomDraws
        self.ledger = ledger
    }
}

/// A `server` line.
final class Server: Sendable {
    let name: String
    /// Stays the same through reloads: what stick tables keep of it.
    let number: Int32
    let line: ServerLine
    let connections: Gauge
    let queued: Gauge
    /// `observe`: failures in a row, and how often there were as many as the limit.
    let errors: Gauge
    let errorLimits: Gauge
    let ledger: Ledger
    /// The address to connect from.
    let source: SocketAddress?

    init(
        line: ServerLine,
        number: Int32,
        connections: Gauge,
        queued: Gauge,
        errors: Gauge,
        errorLimits: Gauge,
        ledger: Ledger
    ) {
        self.ledger = ledger
        self.errors = errors
        self.errorLimits = errorLimits
        name = line.name
        self.number = number
        self.line = line
        self.connections = connections
        self.queued = queued
        source = line.source.map { SocketAddress($0, port: 0) }
    }
}

/// What the control thread tells the workers of a server.
struct ServerStatus: Equatable, Sendable {
    var isUsable: Bool
    /// After `slowstart`; of `Backend.weightScale`.
    var weight: Int
    /// `slowstart`: percent of its `maxconn` that it takes yet.
    var warmth = 100
    /// Nil: its name is not resolved. The port is 0 where the client's port decides.
    var address: IPAddress?

    func balanced(_ server: Server) -> BalancedServer {
        BalancedServer(weight: weight, isBackup: server.line.backup, isUsable: isUsable)
    }
}

extension BalancingAlgorithm {
    init(_ balance: ProxySection.Balance) {
        switch balance {
        case .roundrobin: self = .roundRobin
        case .staticRoundRobin: self = .staticRoundRobin
        case .leastconn: self = .leastConnections
        case .source: self = .source
        case .first: self = .first
        case .random: self = .random
        }
    }
}

extension BalancingAlgorithm {
    /// As `balance` calls it.
    var name: String {
        switch self {
        case .roundRobin: "roundrobin"
        case .staticRoundRobin: "static-rr"
        case .leastConnections: "leastconn"
        case .source: "source"
        case .first: "first"
        case .random: "random"
        }
    }
}

extension ServerLine.PortRule {
    /// Nil when the client's port and the offset lead out of the range of ports.
    func port(client: UInt16) -> UInt16? {
        switch self {
        case .fixed(let port): port
        case .client(let offset): UInt16(exactly: Int64(client) + Int64(offset))
        }
    }
}
