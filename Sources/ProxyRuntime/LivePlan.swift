import Balancing
import CLinux
import HAProxySyntax
import Primitives
import Rules
import Sessions

/// A plan in use by one worker: what sessions ask for at every turn as plain values, and what only this worker's
/// thread touches. It stays as long as the plan is the current one or a session began under it.
struct LivePlan {
    let plan: Plan
    fileprivate(set) var listeners: [Pinned<LiveListener>] = []
    fileprivate(set) var backends: [Pinned<LiveBackend>] = []
    fileprivate var frontends: [Pinned<LiveFrontend>] = []
    var sessions = 0

    static func make(
        _ plan: Plan,
        _ statuses: [[ServerStatus]],
        worker: Int
    ) -> Pinned<LivePlan> {
        let live = Pinned(LivePlan(plan: plan))
        live.pointee.backends = plan.backends.enumerated().map { index, backend in
            let seed = UInt64(index) &+ UInt64(worker) &<< 32 &+ 1
            return Pinned(
                LiveBackend(backend, statuses[index], plan: live, seed: seed, worker: worker)
            )
        }
        live.pointee.frontends = plan.frontends.map { frontend in
            func route(to backend: Int?, _ routes: [Pinned<LiveFrontend>]) -> Pinned<LiveFrontend> {
                Pinned(
                    LiveFrontend(
                        frontend,
                        plan: live,
                        backend: backend.map { live.pointee.backends[$0] },
                        routes: routes,
                        tally: frontend.ledger.tally(of: worker)
                    )
                )
            }
            let choices = frontend.rulebook?.choices ?? []
            return route(to: frontend.backend, choices.map { route(to: $0.backend, []) })
        }
        live.pointee.listeners = plan.listeners.enumerated().map { index, listener in
            Pinned(
                LiveListener(
                    number: Int32(index),
                    maxconn: listener.maxconn,
                    readsProxyHeader: listener.readsProxyHeader,
                    connections: listener.connections,
                    tally: listener.ledger.tally(of: worker),
                    process: plan.ledger.tally(of: worker),
                    frontend: live.pointee.frontends[listener.frontend]
                )
            )
        }
        return live
    }

    static func destroy(_ live: Pinned<LivePlan>) {
        for listener in live.pointee.listeners { listener.destroy() }
        for frontend in live.pointee.frontends {
            for position in frontend.pointee.routes.indices {
                frontend.pointee.routes[position].pointee.routes.destroy()
                frontend.pointee.routes[position].destroy()
            }
            frontend.pointee.routes.destroy()
            frontend.destroy()
        }
        for backend in live.pointee.backends {
            for number in backend.pointee.servers.indices {
                backend.pointee.servers[number].destroy()
            }
            backend.pointee.servers.destroy()
            backend.pointee.lists.destroy()
            backend.destroy()
        }
        live.destroy()
    }
}

struct LiveListener {
    /// Its place in the plan, from 0.
    let number: Int32
    let maxconn: Int
    let readsProxyHeader: Bool
    let connections: Gauge
    let tally: Tally
    let process: Tally
    let frontend: Pinned<LiveFrontend>

    var hasRoom: Bool {
        connections.value < maxconn
            && frontend.pointee.connections.value < frontend.pointee.maxconn
    }
}

@safe struct LiveFrontend {
    /// The plan keeps it.
    private let whole: Unmanaged<Frontend>
    let plan: Pinned<LivePlan>
    let backend: Pinned<LiveBackend>?
    /// Its place in the configuration.
    let proxy: Int
    private let book: Unmanaged<Rulebook>?
    /// The same frontend for each `use_backend`, as it is with that backend.
    let routes: PinnedRow<Pinned<LiveFrontend>>
    let connections: Gauge
    let tally: Tally
    let maxconn: Int
    /// Somebody takes lines of sessions.
    let wantsLines: Bool
    let logsSessions: Bool
    let logsNothingForSilence: Bool
    let logsAtConnect: Bool
    let breaksOff: Bool
    /// What its sessions need is told or done by system calls alone.
    let needsDescriptors: Bool
    let timeouts: IdleTimeouts
    /// The shortest of them, in nanoseconds.
    let shortestTimeout: UInt64
    /// One of them is `client-fin` or `server-fin`.
    let hasEndTimeouts: Bool

    /// What has names and lists: for log lines and the like.
    var frontend: Frontend { unsafe whole.takeUnretainedValue() }

    /// Nil for most.
    var rulebook: Rulebook? {
        @inline(__always) get { unsafe book?.takeUnretainedValue() }
    }

    init(
        _ frontend: Frontend,
        plan: Pinned<LivePlan>,
        backend: Pinned<LiveBackend>?,
        routes: [Pinned<LiveFrontend>],
        tally: Tally
    ) {
        self.tally = tally
        proxy = frontend.proxy
        unsafe book = frontend.rulebook.map { unsafe .passUnretained($0) }
        self.routes = PinnedRow(routes)
        unsafe whole = .passUnretained(frontend)
        self.plan = plan
        self.backend = backend
        connections = frontend.connections
        maxconn = frontend.maxconn
        wantsLines = frontend.logs.wants(level: 6)
        logsSessions = frontend.logsSessions
        logsNothingForSilence = frontend.logsNothingForSilence
        logsAtConnect = frontend.logsAtConnect
        breaksOff = frontend.breaksOff
        let isUnusual =
            backend.map { backend in
                backend.pointee.backend.servers.contains { server in
                    if case .client = server.line.port { return true }
                    return server.source != nil || server.line.sendProxyVersion != nil
                }
            } ?? true
        // Rules look at what a client has sent, and at where it connected to. Only a frontend with rules has routes.
        let hasRules =
            frontend.rulebook != nil || backend?.pointee.backend.rulebook != nil
        needsDescriptors =
            isUnusual || hasRules || frontend.breaksOff
            || backend?.pointee.backend.breaksOff == true || wantsLines && !frontend.logsSessions
        let own = frontend.timeouts
        let other = backend.map { $0.pointee.backend.timeouts }
        timeouts = IdleTimeouts(
            client: own.client,
            server: other?.server,
            tunnel: other?.tunnel ?? own.tunnel,
            clientFin: own.clientFin,
            serverFin: other?.serverFin
        )
        shortestTimeout = timeouts.shortest
        hasEndTimeouts = timeouts.clientFin != nil || timeouts.serverFin != nil
    }
}

@safe struct LiveBackend {
    /// What of a backend has lists: apart, so that the rest is plain values.
    struct Lists {
        var balancer: Balancer
    }

    /// The plan keeps it.
    private let whole: Unmanaged<Backend>
    let plan: Pinned<LivePlan>
    let rules: ConnectRules
    let isBySource: Bool
    let isByLoad: Bool
    let isInTurn: Bool
    /// Its place in the configuration.
    let proxy: Int
    let hasContentRules: Bool
    /// It has `stick` rules.
    let sticks: Bool
    /// Somebody wants to know which server was reached: a table, or `observe`.
    let remembers: Bool
    let keepsAlive: Bool
    let breaksOff: Bool
    let fullconn: Int
    let connections: Gauge
    let queued: Gauge
    /// Of these, those who take any server.
    let waiting: Gauge
    let turn: Gauge
    let tally: Tally
    let servers: PinnedRow<Pinned<LiveServer>>
    let lists: Pinned<Lists>

    /// What has names and lists: for log lines and the like.
    var backend: Backend { unsafe whole.takeUnretainedValue() }

    init(
        _ backend: Backend,
        _ statuses: [ServerStatus],
        plan: Pinned<LivePlan>,
        seed: UInt64,
        worker: Int
    ) {
        unsafe whole = .passUnretained(backend)
        self.plan = plan
        rules = backend.rules
        isBySource = backend.algorithm == .source
        isByLoad = backend.algorithm == .leastConnections
        isInTurn = backend.algorithm == .roundRobin || backend.algorithm == .staticRoundRobin
        proxy = backend.proxy
        hasContentRules = backend.rulebook?.content.isEmpty == false
        sticks = backend.rulebook?.sticks.isEmpty == false
        remembers = sticks || backend.servers.contains { $0.line.observes }
        keepsAlive = backend.keepsAlive
        breaksOff = backend.breaksOff
        fullconn = backend.fullconn
        connections = backend.connections
        queued = backend.queued
        waiting = backend.waiting
        turn = backend.turn
        tally = backend.ledger.tally(of: worker)
        servers = PinnedRow(
            zip(backend.servers, statuses).map {
                Pinned(LiveServer($0, $1, tally: $0.ledger.tally(of: worker)))
            }
        )
        lists = Pinned(
            Lists(
                balancer: Balancer(
                    algorithm: backend.algorithm,
                    servers: zip(statuses, backend.servers).map { $0.balanced($1) },
                    allBackups: backend.allBackups,
                    hashType: backend.hashType,
                    identifiers: backend.servers.enumerated().map { $1.line.id ?? $0 + 1 },
                    weightScale: backend.weightScale,
                    fullWeights: backend.servers.map { $0.line.weight * backend.weightScale },
                    draws: backend.draws,
                    seed: seed
                )
            )
        )
        if isInTurn { backend.turns.lend(to: &lists.pointee.balancer) { $0.updateTurns() } }
    }

    func update(_ server: Int, to status: ServerStatus) {
        let balanced = status.balanced(backend.servers[server])
        if isInTurn {
            backend.turns.lend(to: &lists.pointee.balancer) { $0.update(server, to: balanced) }
        } else {
            lists.pointee.balancer.update(server, to: balanced)
        }
        servers[server].pointee.take(status)
    }
}

struct LiveServer {
    let connections: Gauge
    let queued: Gauge
    let tally: Tally
    let maxqueue: Int
    /// `observe`: failures in a row that are too many; 0: nobody counts them.
    let errorLimit: Int
    let errors: Gauge
    let errorLimits: Gauge
    /// 0: none.
    let proxyHeaderVersion: UInt8
    let port: ServerLine.PortRule
    let maxconn: Int
    let minconn: Int
    /// `slowstart`: percent of its limit that it takes yet.
    var warmth = 100
    /// The address to connect from; not set: any.
    var source: SocketAddress
    /// Not set: its name is not resolved. The port is 0 where the client's port decides.
    var address = SocketAddress()

    init(_ server: Server, _ status: ServerStatus, tally: Tally) {
        self.tally = tally
        connections = server.connections
        queued = server.queued
        maxqueue = server.line.maxqueue
        errorLimit = server.line.observes && server.line.checked ? server.line.errorLimit : 0
        errors = server.errors
        errorLimits = server.errorLimits
        proxyHeaderVersion = UInt8(clamping: server.line.sendProxyVersion ?? 0)
        port = server.line.port
        maxconn = server.line.maxconn
        minconn = server.line.minconn
        source = server.source ?? SocketAddress()
        take(status)
    }

    mutating func take(_ status: ServerStatus) {
        warmth = status.warmth
        guard let ip = status.address else {
            address = SocketAddress()
            return
        }
        var fixed: UInt16 = 0
        if case .fixed(let number) = port { fixed = number }
        address = SocketAddress(ip, port: fixed)
    }

    /// How connecting went, for `observe`.
    @inline(__always)
    func observe(connected: Bool) {
        guard errorLimit > 0 else { return }
        if connected {
            if errors.value != 0 { errors.value = 0 }
        } else if errors.add(1) >= errorLimit {
            errors.value = 0
            errorLimits.add(1)
        }
    }

    var takesPortOfClient: Bool {
        if case .fixed = port { return false }
        return true
    }

    /// HAProxy's srv_dynamic_maxconn: `minconn` grows to `maxconn` with the backend's load, and all of it with the
    /// time of `slowstart`.
    @inline(__always)
    func limit(backendConnections: Int, fullconn: Int) -> Int {
        guard maxconn > 0 else { return .max }
        var limit = maxconn
        if minconn > 0, minconn < maxconn, backendConnections < fullconn {
            limit = max(minconn, backendConnections * maxconn / fullconn)
        }
        return warmth == 100 ? limit : max(limit * warmth / 100, 1)
    }
}
