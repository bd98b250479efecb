import CLinux
import Glibc
import HAProxySyntax
import HealthChecks
import LinuxIO
import Primitives

/// All servers of the current plan: runs their checks, takes in their addresses, says what changed.
struct ServerBoard {
    /// What the shell has to do.
    enum Effect {
        /// Open a connection for the check of this server.
        case connect(Int)
        /// Stop watching this descriptor and close it.
        case close(Int32)
        case resolve(String)
        /// Tell the workers.
        case publish(Int)
        case log(backend: Int, StateLine)
        /// `on-marked-down shutdown-sessions`.
        case breakSessions(Int)
        case breakBackupSessions(backend: Int)
    }

    var watches: [ServerWatch] = []
    /// By the plan's backends.
    var availability: [Availability] = []
    let plan: Plan
    /// `track`: who follows each server.
    var followers: [Int: [Int]] = [:]

    /// Names that could not be resolved are asked for again so often.
    static let resolvePeriod: Duration = .seconds(5)

    /// Takes over health and addresses by name from the board before.
    init(plan: Plan, former: ServerBoard?, at now: Instant) {
        self.plan = plan
        let old = Dictionary(
            (former?.watches ?? []).map { ($0.fullName, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let checked = plan.backends.flatMap(\.servers).filter(\.line.checked)
        let smallest = checked.map(\.line.interval).min() ?? .seconds(2)
        var position = 0
        for (number, backend) in plan.backends.enumerated() {
            for (index, server) in backend.servers.enumerated() {
                let fullName = "\(backend.name)/\(server.name)"
                var watch = ServerWatch(
                    server: server,
                    backend: number,
                    index: index,
                    fullName: fullName
                )
                let before = old[fullName]
                if case .address(let address) = server.line.host { watch.address = address }
                if watch.name != nil {
                    watch.address = server.line.initialAddress
                    if watch.name == before?.name {
                        watch.address = before?.address ?? watch.address
                    }
                }
                if let since = before?.warmsSince {
                    watch.beginWarming(at: since)
                    watch.nextWarmStep = before?.nextWarmStep
                }
                watch.errorLimitsSeen = server.errorLimits.value
                if server.line.checked {
                    watch.check = ServerCheck(
                        settings: CheckSettings(
                            server.line,
                            backend.timeouts,
                            spread: plan.checkSpread
                        ),
                        // Of another address nothing is known.
                        health: before.flatMap { watch.isWhereItWas($0) ? $0.check?.health : nil },
                        firstAt: CheckSchedule.firstCheck(
                            of: position,
                            among: checked.count,
                            smallestInterval: smallest,
                            from: now
                        ),
                        seed: UInt64(position) &+ now.nanoseconds
                    )
                    position += 1
                }
                watches.append(watch)
            }
        }
        findFollowers()
        beginAvailability(former: former, old, at: now)
    }

    func status(_ position: Int, at now: Instant) -> ServerStatus {
        let backend = plan.backends[watches[position].backend]
        return watches[position].status(
            weightScale: backend.weightScale,
            ramps: backend.rampsWeights,
            at: now
        )
    }

    func statuses(at now: Instant) -> [[ServerStatus]] {
        var all = plan.backends.map { _ in [ServerStatus]() }
        for position in watches.indices {
            all[watches[position].backend].append(status(position, at: now))
        }
        return all
    }

    var names: [String] {
        watches.filter { !$0.server.line.disabled }.compactMap(\.name)
    }

    // MARK: Time

    var nextDeadline: Instant? {
        watches.lazy.compactMap { watch -> Instant? in
            let check = watch.isChecking ? watch.check?.nextDeadline : nil
            return [check, watch.asksAgainAt, watch.nextWarmStep].compactMap(\.self).min()
        }.min()
    }

    mutating func fireDeadlines(at now: Instant) -> [Effect] {
        var effects: [Effect] = []
        for position in watches.indices {
            if let instant = watches[position].asksAgainAt, instant <= now,
                let name = watches[position].name
            {
                watches[position].asksAgainAt = nil
                effects.append(.resolve(name))
            }
            guard watches[position].isChecking, let check = watches[position].check,
                check.nextDeadline <= now
            else { continue }
            effects += handle(.deadline, position, at: now)
        }
        for position in watches.indices where watches[position].warm(at: now) {
            effects.append(.publish(position))
        }
        return effects
    }

    // MARK: Checks

    mutating func checkNow(at now: Instant) -> [Effect] {
        watches.indices.filter { watches[$0].isChecking }.flatMap {
            handle(.runNow, $0, at: now)
        }
    }

    var isAwaitingCheck: Bool { watches.contains { $0.check?.isRunning == true } }

    /// `observe`: what the workers have met since the last look.
    mutating func heedErrors(at now: Instant) -> [Effect] {
        var effects: [Effect] = []
        for position in watches.indices where watches[position].server.line.observes {
            let count = watches[position].server.errorLimits.value
            guard count != watches[position].errorLimitsSeen else { continue }
            watches[position].errorLimitsSeen = count
            guard watches[position].isChecking else { continue }
            let line = watches[position].server.line
            let event = ServerCheck.Event.observed(
                errors: line.errorLimit,
                ServerCheck.OnError(line.onError)
            )
            effects += handle(event, position, at: now)
        }
        return effects
    }

    func position(ofDescriptor descriptor: Int32) -> Int? {
        watches.firstIndex { $0.descriptor == descriptor }
    }

    mutating func opened(_ position: Int, descriptor: Int32) {
        watches[position].descriptor = descriptor
    }

    mutating func answered(
        _ position: Int,
        _ result: CheckOutcome.Result,
        at now: Instant
    ) -> [Effect] {
        release(position) + handle(.answered(result), position, at: now)
    }

    private mutating func release(_ position: Int) -> [Effect] {
        let descriptor = watches[position].descriptor
        guard descriptor >= 0 else { return [] }
        watches[position].descriptor = -1
        return [.close(descriptor)]
    }

    mutating func handle(
        _ event: ServerCheck.Event,
        _ position: Int,
        at now: Instant
    ) -> [Effect] {
        var effects: [Effect] = []
        for effect in watches[position].check?.handle(event, at: now) ?? [] {
            switch effect {
            case .connect: effects.append(.connect(position))
            case .abandon: effects += release(position)
            case .concluded(let outcome, let change):
                effects += concluded(position, outcome, change, at: now)
            }
        }
        return effects
    }

    private mutating func concluded(
        _ position: Int,
        _ outcome: CheckOutcome,
        _ change: ServerHealth.Change,
        at now: Instant
    ) -> [Effect] {
        watches[position].lastOutcome = (outcome, now)
        // As HAProxy counts them: a server that is down fails no more.
        if !outcome.hasPassed, watches[position].check?.health.isUp == true || change == .wentDown {
            watches[position].failedChecks += 1
        }
        let watch = watches[position]
        let backend = plan.backends[watch.backend]
        var effects: [Effect] = []
        if backend.logsChecks, change != .none, let health = watch.check?.health {
            let line = StateLine.check(
                server: watch.fullName,
                isBackup: watch.server.line.backup,
                outcome,
                health
            )
            effects.append(.log(backend: watch.backend, line))
        }
        let reason = backend.logsChecks ? nil : outcome.reason
        switch change {
        case .none, .counted: break
        case .cameUp:
            effects.append(
                .log(
                    backend: watch.backend,
                    .up(
                        server: watch.fullName,
                        reason: reason,
                        tally(watch.backend, of: watch.server)
                    )
                )
            )
            effects += gainedServer(position, at: now)
        case .wentDown:
            watches[position].endWarming()
            let line = StateLine.down(
                server: watch.fullName,
                reason: reason,
                tally(watch.backend, of: watch.server)
            )
            effects.append(.log(backend: watch.backend, line))
            effects += lostServer(position)
        }
        return effects + follow(position, at: now)
    }

    /// What follows when a server is usable again.
    mutating func gainedServer(_ position: Int, at now: Instant) -> [Effect] {
        watches[position].beginWarming(at: now)
        let watch = watches[position]
        guard watch.server.line.shutdownBackupSessionsWhenUp, !watch.server.line.backup,
            watch.isUsable
        else { return [.publish(position)] }
        return [.publish(position), .breakBackupSessions(backend: watch.backend)]
    }

    /// What follows when a server is usable no more.
    func lostServer(_ position: Int) -> [Effect] {
        let watch = watches[position]
        var effects: [Effect] = [.publish(position)]
        if watch.server.line.shutdownSessionsWhenDown { effects.append(.breakSessions(position)) }
        // One of weight 0 was none before either.
        if watch.server.line.weight > 0, !hasUsableServer(watch.backend) {
            let name = plan.backends[watch.backend].name
            effects.append(.log(backend: watch.backend, .noServer(proxy: name)))
        }
        return effects
    }

    // MARK: Counts

    func hasUsableServer(_ backend: Int) -> Bool {
        watches.contains { $0.backend == backend && $0.takesConnections }
    }

    var usableCount: Int { watches.count { $0.isUsable } }

    func tally(_ backend: Int, of server: Server? = nil) -> BackendTally {
        let usable = watches.filter { $0.backend == backend && $0.takesConnections }
        return BackendTally(
            active: usable.count { !$0.server.line.backup },
            backup: usable.count { $0.server.line.backup },
            sessions: server?.connections.value ?? 0,
            queued: server?.queued.value ?? 0
        )
    }
}

extension CheckSettings {
    init(_ line: ServerLine, _ timeouts: Timeouts, spread: Int) {
        var timeout = line.interval
        if timeouts.check != nil, let connect = timeouts.connect { timeout = min(timeout, connect) }
        self.init(
            interval: line.interval,
            fastInterval: line.fastInterval,
            downInterval: line.downInterval,
            rise: line.rise,
            fall: line.fall,
            timeout: timeout,
            spread: spread,
            start: ServerHealth.Start(line.initialState)
        )
    }
}

extension ServerHealth.Start {
    init(_ state: ServerLine.InitialState) {
        switch state {
        case .fullyUp: self = .fullyUp
        case .up: self = .up
        case .down: self = .down
        case .fullyDown: self = .fullyDown
        }
    }
}

extension ServerCheck.OnError {
    init(_ action: ServerLine.OnError) {
        switch action {
        case .fastInterval: self = .fastInterval
        case .failCheck: self = .failCheck
        case .suddenDeath: self = .suddenDeath
        case .markDown: self = .markDown
        }
    }
}
