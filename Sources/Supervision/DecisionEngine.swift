package import Primitives
package import VRRP

/// Decides, for one node, between restarting a process in place and failing over to the peer.
///
/// It starts nothing, sends nothing and reads no clock: facts come in with their instant, verdicts go out in
/// the order in which they are to be carried out. Everything that it decides is journalled with its reason.
///
/// | fact | this node is MASTER | this node is BACKUP |
/// |---|---|---|
/// | proxy died, budget left | restart, keep the VIP for `restart_grace` | restart |
/// | proxy not ready within the grace | step down | – |
/// | proxy hung | step down, kill, restart | kill, restart |
/// | budget spent | step down, FATAL, retry slowly | FATAL, retry slowly |
/// | no usable server, `degrade` | step down, last resort | last resort |
/// | operator stops the proxy | hand over, then drain and stop | drain and stop |
/// | operator's fail-over | hand over and hold | refused |
/// | proxy drains by a signal | step down | last resort |
/// | agent takes MASTER | `on_takeover`; a proxy that is down is started with a fresh budget | – |
///
/// A node whose proxy can't serve stands as a last resort. A node that stepped down and got the VIP back
/// because nobody else wanted it does not step down for the same fault until a peer was heard.
package struct DecisionEngine: Equatable, Sendable {
    /// How often the agent's lease is renewed, and how long each one lasts.
    package static let leaseInterval: Duration = .milliseconds(250)
    package static let leaseDuration: Duration = .seconds(1)
    /// How long a stop waits for the agent's word that the VIP is released.
    package static let releaseWait: Duration = .milliseconds(200)
    /// How long requests that are under way have before the VIP is released by plan.
    package static let requestGrace: Duration = .milliseconds(30)
    /// A pause of the proxy ends by itself: whoever asked for it may be gone.
    package static let pauseDuration: Duration = .seconds(2)
    /// How long a planned stop waits for sessions that do not end with the VIP.
    package static let drainLimit: Duration = .seconds(3)
    /// The priority of a node that stands as a last resort.
    static let lastResort: UInt8 = EffectivePriority.lastResort
    /// How long a process may take from its start to `READY=1`.
    package static let startTimeout: Duration = .seconds(10)

    package internal(set) var settings: SupervisionSettings
    package internal(set) var proxy = LifeCycle(name: .proxy)
    package internal(set) var agent = LifeCycle(name: .agent)
    /// The incident that the last verdicts belong to.
    package internal(set) var incident: IncidentID
    package internal(set) var isShuttingDown = false

    var routers: [String: VisibleState] = [:]
    var beats = BeatLedger()
    var census: ServerCensus?
    /// Faults that this node stepped down for since it last heard a peer.
    var answeredFaults: Set<StepDownReason> = []
    /// Set while a MASTER waits for its proxy to be ready again.
    var graceUntil: Instant?
    /// The proxy can't serve, whatever its state says, until it is ready and beats.
    var isUnfit = true
    /// The operator stopped the proxy of a MASTER, and no peer was heard since.
    var stoppedAsMaster = false
    /// It was told to let go of the VIP, and the agent has not said yet that it did.
    var isLettingGo = false
    /// A stop of the proxy that waits for the VIP to be released.
    var stopAt: Instant?
    /// A planned step-down that waits for the requests under way, and when it has waited long enough.
    var handOverVerdicts: [Verdict] = []
    var handOverAt: Instant?
    /// The proxy was told to accept nothing, and not yet that it may again.
    var isPaused = false
    /// The proxy has said that it stops or drains.
    var isProxyEnding = false
    /// Of the proxy, by its last beat.
    var sessions = 0
    /// A stop of the proxy that waits for its sessions.
    var drainUntil: Instant?
    var leaseAt: Instant?
    var lastLease: LeaseTerms?

    struct LeaseTerms: Equatable, Sendable {
        var standing: Standing
        var proxyHealthy: Bool
    }

    /// Incidents are counted from `firstIncident`, so that two lives of a supervisor do not use one twice.
    package init(settings: SupervisionSettings, firstIncident: UInt64 = 1) {
        self.settings = settings
        incident = IncidentID(rawValue: firstIncident)
    }

    package mutating func handle(_ fact: Fact, at now: Instant) -> [Verdict] {
        let wasExiting = canExit
        var verdicts = respond(to: fact, at: now)
        verdicts += renewLease(at: now)
        if canExit, !wasExiting { verdicts.append(.exit) }
        return verdicts
    }

    private mutating func respond(to fact: Fact, at now: Instant) -> [Verdict] {
        switch fact {
        case .found(let name, let pid): found(name, pid: pid, at: now)
        case .absent(let name): absent(name, at: now)
        case .foundStopped(let name): foundStopped(name, at: now)
        case .started(let name, let pid): started(name, pid: pid, at: now)
        case .startFailed(let name, let reason): died(name, cause: reason, at: now)
        case .ready(let name): ready(name, at: now)
        case .exited(let name, let cause): exited(name, cause: cause, at: now)
        case .gaveUp(let name, let cause): gaveUp(name, cause: cause, at: now)
        case .watchdogExpired(let name): watchdogExpired(name, at: now)
        case .beat(let turns, let sessions): beat(turns, sessions: sessions, at: now)
        case .proxyEnding: proxyEnds()
        case .proxyDraining(let sessions, let limit):
            proxyDrains(sessions: sessions, limit: limit, at: now)
        case .servers(let census): counted(census, at: now)
        case .refreshFinished(let usable):
            note("refresh finished", "none", "\(usable) servers are usable")
        case .agentConnected: connectAgent(at: now)
        case .router(let name, let state): router(name, is: state, at: now)
        case .routerRemoved(let name): remove(router: name)
        case .peerHeard(let priority): hearPeer(priority: priority)
        case .request(let request): handle(request, at: now)
        case .reconfigured(let settings): reconfigure(settings)
        case .stalled(let duration): excuse(duration, at: now)
        case .deadline: passTime(at: now)
        }
    }

    /// When the shell has to call with `.deadline`.
    package var nextDeadline: Instant? {
        var deadlines = [
            leaseAt, graceUntil, handOverAt, stopAt, drainUntil, proxy.retryAt, agent.retryAt,
        ]
        deadlines += [proxy.startBy, agent.startBy]
        deadlines.append(beats.nextDeadline(watchdog: settings.proxyWatchdog))
        return deadlines.compactMap(\.self).min()
    }

    /// This node is MASTER of at least one virtual router.
    package var isMaster: Bool { routers.values.contains(.active) }

    /// As `isMaster`, and it is to stay so.
    var holdsAddresses: Bool { isMaster && !isLettingGo }

    /// What the agent is told of this node.
    package var standing: Standing {
        if isUnfit { return .lastResort }
        if settings.degradesWithoutServers, census?.isEmpty == true { return .lastResort }
        return .full
    }

    package func process(_ name: ProcessName) -> LifeCycle? {
        switch name {
        case .agent: agent
        case .proxy: proxy
        case .supervisor: nil
        }
    }

    private var canExit: Bool {
        isShuttingDown && !proxy.isAlive && !agent.isAlive
    }

    // MARK: Time

    private mutating func passTime(at now: Instant) -> [Verdict] {
        var verdicts: [Verdict] = []
        if let silence = beats.overdue(at: now, watchdog: settings.proxyWatchdog) {
            verdicts += proxyHangs(silence: silence, at: now)
        }
        if let graceUntil, graceUntil <= now { verdicts += graceEnds(at: now) }
        if let handOverAt, handOverAt <= now { verdicts += finishHandOver() }
        if let stopAt, stopAt <= now { verdicts += finishStop(at: now) }
        if let drainUntil, drainUntil <= now { verdicts += finishDrain() }
        for name in [ProcessName.agent, .proxy] {
            guard let startBy = process(name)?.startBy, startBy <= now else { continue }
            verdicts += startTakesTooLong(name, at: now)
        }
        if let retryAt = proxy.retryAt, retryAt <= now { verdicts += retry(.proxy, at: now) }
        if let retryAt = agent.retryAt, retryAt <= now { verdicts += retry(.agent, at: now) }
        return verdicts
    }

    /// A supervisor that was stopped or starved judges nobody for the time in which it did not look.
    private mutating func excuse(_ stall: Duration, at now: Instant) -> [Verdict] {
        beats.excuse(at: now)
        graceUntil = graceUntil.map { $0 + stall }
        handOverAt = handOverAt.map { $0 + stall }
        stopAt = stopAt.map { $0 + stall }
        drainUntil = drainUntil.map { $0 + stall }
        proxy.startBy = proxy.startBy.map { $0 + stall }
        agent.startBy = agent.startBy.map { $0 + stall }
        return note(
            "supervisor stood still",
            "judge nobody for that time",
            "its loop was \(seconds(stall)) late"
        )
    }

    // MARK: Journal

    mutating func mint() {
        incident.rawValue &+= 1
    }

    func note(
        _ event: String,
        _ decision: String,
        _ reason: String,
        kind: JournalEntry.Kind? = nil
    ) -> [Verdict] {
        [
            .journal(
                JournalEntry(
                    incident: incident,
                    event: event,
                    decision: decision,
                    reason: reason,
                    kind: kind
                )
            )
        ]
    }

    private mutating func reconfigure(_ settings: SupervisionSettings) -> [Verdict] {
        guard settings != self.settings else { return [] }
        self.settings = settings
        return note("configuration read anew", "apply", "the tandem block has changed")
    }
}
