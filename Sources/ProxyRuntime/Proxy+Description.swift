import HAProxySyntax
import HealthChecks
import Links
import LinuxIO
import Messages
import Primitives

/// What `tandemctl proxy` shows: sums of what the workers count, made when somebody asks.
extension Proxy {
    /// So many answers at a time, so that neither this loop nor the link is held up by a long list.
    private static let descriptionPage = 64

    /// What a row of the list is about, by places in the plan.
    private enum Subject {
        case frontend(Int)
        case listener(Int)
        case backend(Int)
        case server(Int)
    }

    func describe(_ name: String?, from first: Int, request: UInt64, incident: IncidentID) {
        let now = Clock.now
        let all = subjects(of: name)
        func send(_ message: ProxyToSupervisor) {
            supervisor.send(message, incident: incident, poller)
        }
        if first == 0 { send(.proxy(request: request, report(at: now))) }
        let page = all.dropFirst(first).prefix(Self.descriptionPage)
        for subject in page { send(.traffic(request: request, report(subject, at: now))) }
        let next = page.endIndex < all.endIndex ? page.endIndex : 0
        send(
            .described(
                request: request,
                next: UInt32(clamping: next),
                found: name == nil || !all.isEmpty
            )
        )
    }

    /// In the order of the configuration: a proxy's frontend, its listeners, its backend and the servers.
    private func subjects(of name: String?) -> [Subject] {
        let parts = name?.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let proxy = parts?.first.map(String.init)
        let server = parts?.dropFirst().first.map(String.init)
        var places: [[Subject]] = Array(repeating: [], count: plan.places.count)
        for (number, frontend) in plan.frontends.enumerated()
        where server == nil && (proxy == nil || frontend.name == proxy) {
            places[frontend.proxy].append(.frontend(number))
            let own = plan.listeners.indices.filter { plan.listeners[$0].frontend == number }
            places[frontend.proxy] += own.map { .listener($0) }
        }
        for (number, backend) in plan.backends.enumerated()
        where server == nil && (proxy == nil || backend.name == proxy) {
            places[backend.proxy].append(.backend(number))
        }
        for (position, watch) in board.watches.enumerated() {
            let backend = plan.backends[watch.backend]
            guard proxy == nil || backend.name == proxy,
                server == nil || watch.server.name == server
            else { continue }
            places[backend.proxy].append(.server(position))
        }
        return places.flatMap(\.self)
    }

    // MARK: Rates

    /// To be called once a second.
    func measureRates(at now: Instant) {
        for frontend in plan.frontends {
            frontend.ledger.measure(
                sessions: frontend.ledger.frontendSessions,
                connections: frontend.ledger.total(.connections),
                at: now
            )
        }
        for backend in plan.backends {
            backend.ledger.measure(sessions: backend.ledger.own(.sessions), connections: 0, at: now)
            for server in backend.servers {
                server.ledger.measure(
                    sessions: server.ledger.own(.sessions),
                    connections: 0,
                    at: now
                )
            }
        }
        plan.ledger.measure(sessions: plan.ledger.total(.connections), connections: 0, at: now)
    }

    // MARK: Reports

    private func report(at now: Instant) -> ProxyReport {
        let total = plan.ledger.total(.connections)
        return ProxyReport(
            engine: Set(workers.map(\.engine)).sorted().joined(separator: "+"),
            workers: UInt16(clamping: workers.count),
            uptimeMilliseconds: UInt64(clamping: (now - startedAt).milliseconds),
            reloads: reloads.succeeded,
            failedReloads: reloads.failed,
            lastReload: reloads.last,
            isDraining: isDraining,
            connections: UsageReport(
                current: UInt32(clamping: limit.connections.value),
                highest: UInt32(clamping: plan.ledger.highest(.mostSessions)),
                limit: UInt32(clamping: limit.maximum),
                total: total
            ),
            rate: RateReport(plan.ledger.sessionRate(total, at: now)),
            bytesIn: plan.ledger.total(.bytesIn),
            bytesOut: plan.ledger.total(.bytesOut)
        )
    }

    private func report(_ subject: Subject, at now: Instant) -> TrafficReport {
        switch subject {
        case .frontend(let number): report(plan.frontends[number], at: now)
        case .listener(let number): report(plan.listeners[number])
        case .backend(let number): report(backend: number, at: now)
        case .server(let position): report(server: position, at: now)
        }
    }

    private func report(_ frontend: Frontend, at now: Instant) -> TrafficReport {
        let ledger = frontend.ledger
        let sessions = ledger.frontendSessions
        let connections = ledger.total(.connections)
        var report = TrafficReport(.frontend, frontend.name, "", ledger, frontend.connections)
        report.sessions.limit = UInt32(clamping: frontend.maxconn)
        report.sessions.total = sessions
        report.rate = RateReport(ledger.sessionRate(sessions, at: now))
        report.connections = connections
        report.connectionRate = RateReport(ledger.connectionRate(connections, at: now))
        report.state = isDraining ? .stopped : .open
        return report
    }

    private func report(_ listener: Plan.Listener) -> TrafficReport {
        let frontend = plan.frontends[listener.frontend]
        var report = TrafficReport(
            .listener,
            frontend.name,
            listener.address,
            listener.ledger,
            listener.connections
        )
        let limit = listener.maxconn == .max ? frontend.maxconn : listener.maxconn
        report.sessions.limit = UInt32(clamping: limit)
        report.sessions.total = listener.ledger.frontendSessions
        report.connections = listener.ledger.total(.connections)
        report.state = isDraining ? .stopped : .open
        return report
    }

    private func report(backend number: Int, at now: Instant) -> TrafficReport {
        let backend = plan.backends[number]
        let ledger = backend.ledger
        let usable = board.watches.filter { $0.backend == number && $0.takesConnections }
        var report = TrafficReport(.backend, backend.name, "", ledger, backend.connections)
        report.sessions.limit = UInt32(clamping: backend.fullconn)
        report.rate = RateReport(ledger.sessionRate(report.sessions.total, at: now))
        report.connections = ledger.total(.attempts)
        let elsewhere = backend.servers.reduce(0) { $0 + $1.queued.value }
        report.queue.current = UInt32(clamping: backend.queued.value - elsewhere)
        let availability = board.availability[number]
        report.state = availability.isUp ? .up : .down
        var service = ServiceReport(availability, lastSession: ledger.latest(.lastSession), at: now)
        let active = usable.count { !$0.server.line.backup }
        service.activeServers = UInt16(clamping: active)
        service.backupServers = UInt16(clamping: usable.count - active)
        let weights = usable.filter { active == 0 || !$0.server.line.backup }.map {
            $0.status(weightScale: 1, ramps: backend.rampsWeights, at: now).weight
        }
        service.weight = UInt32(clamping: weights.reduce(0, +))
        service.address = backend.algorithm.name
        report.service = service
        return report
    }

    private func report(server position: Int, at now: Instant) -> TrafficReport {
        let watch = board.watches[position]
        let server = watch.server
        let ledger = server.ledger
        let backend = plan.backends[watch.backend]
        var report = TrafficReport(.server, backend.name, server.name, ledger, server.connections)
        report.sessions.limit = UInt32(clamping: server.line.maxconn)
        report.rate = RateReport(ledger.sessionRate(report.sessions.total, at: now))
        report.connections = ledger.own(.attempts)
        report.queue.current = UInt32(clamping: server.queued.value)
        report.queue.limit = UInt32(clamping: server.line.maxqueue)
        report.state = watch.state
        var service = ServiceReport(
            watch.availability,
            lastSession: ledger.latest(.lastSession),
            at: now
        )
        let status = watch.status(weightScale: 1, ramps: backend.rampsWeights, at: now)
        service.weight = UInt32(clamping: status.weight)
        service.isBackup = server.line.backup
        service.activeServers = watch.isUsable && !server.line.backup ? 1 : 0
        service.backupServers = watch.isUsable && server.line.backup ? 1 : 0
        service.address = watch.addressText
        service.tracked = server.line.tracked.map { "\($0.backend)/\($0.server)" } ?? ""
        service.check = watch.checkReport(at: now)
        report.service = service
        return report
    }
}

extension Ledger {
    /// `stot` of a frontend or a listener.
    var frontendSessions: UInt64 {
        let turnedAway =
            total(.deniedConnections) &+ total(.deniedSessions) &+ total(.withoutHeader)
        let connections = total(.connections)
        return connections &- min(turnedAway, connections)
    }
}

extension TrafficReport {
    fileprivate init(
        _ kind: Kind,
        _ proxy: String,
        _ name: String,
        _ ledger: Ledger,
        _ connections: Gauge
    ) {
        var counts = Counts()
        counts.deniedConnections = ledger.total(.deniedConnections)
        counts.deniedSessions = ledger.total(.deniedSessions)
        counts.deniedRequests = ledger.total(.deniedRequests)
        counts.requestErrors = ledger.total(.requestErrors)
        counts.connectionErrors = ledger.total(.connectionErrors)
        counts.responseErrors = ledger.total(.responseErrors)
        counts.retries = ledger.total(.retries)
        counts.redispatches = ledger.total(.redispatches)
        counts.clientAborts = ledger.total(.clientAborts)
        counts.serverAborts = ledger.total(.serverAborts)
        counts.chosen = ledger.total(.chosen)
        self.init(
            kind: kind,
            proxy: proxy,
            name: name,
            sessions: UsageReport(
                current: UInt32(clamping: connections.value),
                highest: UInt32(clamping: ledger.highest(.mostSessions)),
                limit: 0,
                total: ledger.own(.sessions)
            ),
            rate: RateReport(),
            connections: 0,
            connectionRate: RateReport(),
            queue: UsageReport(
                current: 0,
                highest: UInt32(clamping: ledger.highest(.mostQueued)),
                limit: 0,
                total: 0
            ),
            bytesIn: ledger.total(.bytesIn),
            bytesOut: ledger.total(.bytesOut),
            counts: counts,
            state: .open,
            service: nil
        )
    }
}

extension RateReport {
    fileprivate init(_ rate: Rate) {
        self.init(
            current: UInt32(clamping: rate.current),
            highest: UInt32(clamping: rate.highest)
        )
    }
}

extension ServiceReport {
    fileprivate init(_ availability: Availability, lastSession: UInt64, at now: Instant) {
        self.init(
            weight: 0,
            activeServers: 0,
            backupServers: 0,
            isBackup: false,
            stateMilliseconds: UInt64(clamping: (now - availability.since).milliseconds),
            downMilliseconds: UInt64(clamping: availability.downtime(at: now).milliseconds),
            timesDown: UInt32(clamping: availability.timesDown),
            lastSessionMilliseconds: lastSession == 0
                ? nil
                : UInt64(clamping: (now - Instant(nanoseconds: lastSession)).milliseconds),
            address: "",
            tracked: "",
            check: nil
        )
    }
}

extension ServerWatch {
    fileprivate var state: TrafficReport.State {
        if server.line.disabled { return .maintenance }
        if address == nil { return .unresolved }
        if !isUsable { return .down }
        return check == nil && followedIsUsable == nil ? .unchecked : .up
    }

    fileprivate var addressText: String {
        guard let address else { return "" }
        let port = server.line.port.port(client: 0).map { "\($0)" } ?? "*"
        return address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    fileprivate func checkReport(at now: Instant) -> ServiceReport.Check? {
        guard let health = check?.health else { return nil }
        var report = ServiceReport.Check(
            result: .none,
            text: "",
            durationMilliseconds: 0,
            ageMilliseconds: 0,
            health: UInt16(clamping: health.value),
            rise: UInt16(clamping: health.rise),
            fall: UInt16(clamping: health.fall),
            failures: failedChecks
        )
        guard let (outcome, endedAt) = lastOutcome.map({ ($0.outcome, $0.endedAt) }) else {
            return report
        }
        switch outcome.result {
        case .passed: report.result = .passed
        case .connectionProblem(let text):
            report.result = .connectionProblem
            report.text = text
        case .timedOut: report.result = .timedOut
        case .observed: report.result = .observed
        }
        report.durationMilliseconds = UInt32(clamping: outcome.duration.milliseconds)
        report.ageMilliseconds = UInt64(clamping: (now - endedAt).milliseconds)
        return report
    }
}
