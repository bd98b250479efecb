import ControlClient
import Messages

/// The object of `proxy --json`; durations are seconds.
struct ProxyJSON: Encodable {
    struct Process: Encodable {
        var engine: String
        var threads: UInt16
        var uptimeSeconds: Double
        var reloads: UInt32
        var failedReloads: UInt32
        /// Missing: there was none.
        var lastReload: Reload?
        var draining: Bool
        var connections: Usage
        var rate: Rate
        var bytesIn: UInt64
        var bytesOut: UInt64
    }

    struct Reload: Encodable {
        var time: String
        var succeeded: Bool
        var text: String

        init(_ report: ReloadReport) {
            time = TimeText.iso8601(report.wallClock)
            succeeded = report.succeeded
            text = report.text
        }
    }

    struct Usage: Encodable {
        var current: UInt32
        var max: UInt32
        /// Missing: none.
        var limit: UInt32?
        /// Of a queue missing.
        var total: UInt64?

        init(_ usage: UsageReport, hasTotal: Bool = true) {
            current = usage.current
            max = usage.highest
            limit = usage.limit == 0 ? nil : usage.limit
            total = hasTotal ? usage.total : nil
        }
    }

    struct Rate: Encodable {
        var current: UInt32
        var max: UInt32

        init(_ rate: RateReport) {
            current = rate.current
            max = rate.highest
        }
    }

    struct Entrance: Encodable {
        var name: String
        var state: String
        var sessions: Usage
        var rate: Rate?
        var connections: UInt64
        var connectionRate: Rate?
        var bytesIn: UInt64
        var bytesOut: UInt64
        var deniedConnections: UInt64
        var deniedSessions: UInt64
        var deniedRequests: UInt64
        var requestErrors: UInt64
        var listeners: [Entrance]?
    }

    struct Service: Encodable {
        var name: String
        var state: String
        var stateSeconds: Double
        var downSeconds: Double
        var timesDown: UInt32
        var sessions: Usage
        var rate: Rate
        var queue: Usage
        var bytesIn: UInt64
        var bytesOut: UInt64
        var connectionAttempts: UInt64
        var connectionErrors: UInt64
        var responseErrors: UInt64
        var retries: UInt64
        var redispatches: UInt64
        var clientAborts: UInt64
        var serverAborts: UInt64
        var balanced: UInt64
        var lastSessionSeconds: Double?
        var weight: UInt32
        // Of a backend.
        var algorithm: String?
        var activeServers: UInt16?
        var backupServers: UInt16?
        var servers: [Service]?
        // Of a server.
        var address: String?
        var backup: Bool?
        var tracks: String?
        var check: Check?
    }

    struct Check: Encodable {
        var status: String?
        var text: String
        var durationSeconds: Double?
        var secondsAgo: Double?
        var health: UInt16
        var rise: UInt16
        var fall: UInt16
        var failures: UInt64
    }

    /// Missing: the proxy did not answer.
    var process: Process?
    var frontends: [Entrance] = []
    var backends: [Service] = []
    var errors: [String]

    init(_ answer: ProxyAnswer, errors: [String]) {
        self.errors = errors
        process = answer.proxy.map(Process.init)
        for report in answer.traffic {
            switch report.kind {
            case .frontend: frontends.append(Entrance(report))
            case .listener:
                frontends.indices.last.map { frontends[$0].listeners?.append(Entrance(report)) }
            case .backend: backends.append(Service(report))
            case .server:
                // A server that was asked for by its name comes without its backend.
                if backends.last?.name == report.proxy {
                    backends[backends.count - 1].servers?.append(Service(report))
                } else {
                    servers = (servers ?? []) + [Service(report)]
                }
            }
        }
    }

    /// Only of `proxy BACKEND/SERVER`.
    var servers: [Service]?
}

extension ProxyJSON.Process {
    init(_ report: ProxyReport) {
        engine = report.engine
        threads = report.workers
        uptimeSeconds = Double(report.uptimeMilliseconds) / 1000
        reloads = report.reloads
        failedReloads = report.failedReloads
        lastReload = report.lastReload.map(ProxyJSON.Reload.init)
        draining = report.isDraining
        connections = ProxyJSON.Usage(report.connections)
        rate = ProxyJSON.Rate(report.rate)
        bytesIn = report.bytesIn
        bytesOut = report.bytesOut
    }
}

extension ProxyJSON.Entrance {
    init(_ report: TrafficReport) {
        let isFrontend = report.kind == .frontend
        name = isFrontend ? report.proxy : report.name
        state = TrafficTable.state(of: report)
        sessions = ProxyJSON.Usage(report.sessions)
        rate = isFrontend ? ProxyJSON.Rate(report.rate) : nil
        connections = report.connections
        connectionRate = isFrontend ? ProxyJSON.Rate(report.connectionRate) : nil
        bytesIn = report.bytesIn
        bytesOut = report.bytesOut
        deniedConnections = report.counts.deniedConnections
        deniedSessions = report.counts.deniedSessions
        deniedRequests = report.counts.deniedRequests
        requestErrors = report.counts.requestErrors
        listeners = isFrontend ? [] : nil
    }
}

extension ProxyJSON.Service {
    init(_ report: TrafficReport) {
        let service = report.service
        let isServer = report.kind == .server
        name = isServer ? report.name : report.proxy
        state = TrafficTable.state(of: report)
        stateSeconds = Double(service?.stateMilliseconds ?? 0) / 1000
        downSeconds = Double(service?.downMilliseconds ?? 0) / 1000
        timesDown = service?.timesDown ?? 0
        sessions = ProxyJSON.Usage(report.sessions)
        rate = ProxyJSON.Rate(report.rate)
        queue = ProxyJSON.Usage(report.queue, hasTotal: false)
        bytesIn = report.bytesIn
        bytesOut = report.bytesOut
        connectionAttempts = report.connections
        connectionErrors = report.counts.connectionErrors
        responseErrors = report.counts.responseErrors
        retries = report.counts.retries
        redispatches = report.counts.redispatches
        clientAborts = report.counts.clientAborts
        serverAborts = report.counts.serverAborts
        balanced = report.counts.chosen
        lastSessionSeconds = service?.lastSessionMilliseconds.map { Double($0) / 1000 }
        weight = service?.weight ?? 0
        algorithm = isServer ? nil : service?.address
        activeServers = isServer ? nil : service?.activeServers
        backupServers = isServer ? nil : service?.backupServers
        servers = isServer ? nil : []
        address = isServer ? service?.address : nil
        backup = isServer ? service?.isBackup : nil
        tracks = service?.tracked.isEmpty == false ? service?.tracked : nil
        check = service?.check.map(ProxyJSON.Check.init)
    }
}

extension ProxyJSON.Check {
    init(_ report: ServiceReport.Check) {
        status =
            switch report.result {
            case .none: nil
            case .passed: "L4OK"
            case .connectionProblem: "L4CON"
            case .timedOut: "L4TOUT"
            case .observed: "HANA"
            }
        text = report.text
        durationSeconds = status == nil ? nil : Double(report.durationMilliseconds) / 1000
        secondsAgo = status == nil ? nil : Double(report.ageMilliseconds) / 1000
        health = report.health
        rise = report.rise
        fall = report.fall
        failures = report.failures
    }
}
