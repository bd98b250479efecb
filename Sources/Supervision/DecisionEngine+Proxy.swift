import Primitives
import VRRP

/// The proxy's fitness, and letting go of the VIP for it.
extension DecisionEngine {
    mutating func beat(_ turns: UInt64, sessions: Int, at now: Instant) -> [Verdict] {
        beats.record(turns: turns, at: now)
        self.sessions = sessions
        return sessions == 0 && drainUntil != nil ? finishDrain() : []
    }

    mutating func counted(_ new: ServerCensus, at now: Instant) -> [Verdict] {
        let before = census
        census = new
        guard new.isEmpty != (before?.isEmpty ?? false) else { return [] }
        mint()
        let reason = "\(new.usable) of \(new.total) servers are usable"
        guard new.isEmpty else {
            answeredFaults.remove(.noServers)
            return note("servers are back", "full standing", reason)
        }
        guard settings.degradesWithoutServers else {
            return note(
                "no server is usable",
                "none",
                "\(reason); on_no_servers is ignore",
                kind: .noServers
            )
        }
        return note(
            "no server is usable",
            "last resort",
            "\(reason); on_no_servers is degrade",
            kind: .noServers
        )
            + stepDown(.noServers, event: "no server is usable")
    }

    /// No beat for `proxy_watchdog`: the process may well exist, but it serves nobody.
    mutating func proxyHangs(silence: Duration, at now: Instant) -> [Verdict] {
        mint()
        return proxyHangs(
            "proxy hangs: no beat for \(seconds(silence))",
            reason: "proxy_watchdog is \(seconds(settings.proxyWatchdog))",
            at: now
        )
    }

    mutating func proxyHangs(_ phrase: String, reason: String, at now: Instant) -> [Verdict] {
        beats.end()
        graceUntil = nil
        isUnfit = true
        sessions = 0
        return stepDown(.proxyHung, event: phrase)
            + note(phrase, "kill and restart", reason, kind: .hung(.proxy))
            + kill(.proxy)
    }

    /// The proxy of this node has not become ready in time.
    mutating func graceEnds(at now: Instant) -> [Verdict] {
        graceUntil = nil
        isUnfit = true
        let phrase = "proxy not ready within restart_grace"
        return stepDown(.proxyNotRestarted, event: phrase)
            + note(phrase, "last resort", "\(seconds(settings.restartGrace)) have passed")
    }

    /// Lets go of the VIP, unless that was tried for this fault and nobody else wanted it.
    mutating func stepDown(
        _ reason: StepDownReason,
        event: String,
        hold: Duration? = nil
    ) -> [Verdict] {
        guard isMaster else { return [] }
        guard !answeredFaults.contains(reason) else {
            return note(
                event,
                "keep the VIP",
                "no peer was heard since this node stepped down for the same fault",
                kind: .keptDespiteFault
            )
        }
        answeredFaults.insert(reason)
        isLettingGo = true
        return [.stepDown(reason, hold: hold)]
            + note(
                event,
                "step down",
                "this node was MASTER; \(reason.sentence)",
                kind: reason == .operatorRequest ? .operatorFailover : .steppedDown
            )
    }

    // MARK: The agent's word

    mutating func connectAgent(at now: Instant) -> [Verdict] {
        lastLease = nil
        return []
    }

    mutating func router(_ name: String, is state: VisibleState, at now: Instant) -> [Verdict] {
        let wasMaster = isMaster
        let isKnown = routers[name] != nil
        routers[name] = state
        if !isMaster || !wasMaster { isLettingGo = false }
        if wasMaster, !isMaster { return released(at: now) }
        guard isMaster, !wasMaster, isKnown, !isShuttingDown else { return [] }
        return takeOver(router: name, at: now)
    }

    mutating func remove(router name: String) -> [Verdict] {
        routers[name] = nil
        return []
    }

    /// A peer that is a last resort itself is no reason to try again: two nodes whose proxies can't be
    /// started would hand the VIP to each other for ever.
    mutating func hearPeer(priority: UInt8) -> [Verdict] {
        guard priority > Self.lastResort else { return [] }
        stoppedAsMaster = false
        guard !answeredFaults.isEmpty else { return [] }
        answeredFaults = []
        return note("a peer is MASTER", "none", "this node may step down again for any fault")
    }

    /// This node has just become MASTER.
    private mutating func takeOver(router: String, at now: Instant) -> [Verdict] {
        mint()
        let event = "\(router) became MASTER"
        switch proxy.state {
        case .stopped, .fatal, .exited, .backoff:
            guard !stoppedAsMaster else {
                return note(
                    event,
                    "leave the proxy stopped",
                    "an operator stopped it here and no peer was heard since"
                )
            }
            proxy.tally.clear()
            return note(
                event,
                "start the proxy",
                "it was \(proxy.state.name); its budget is fresh"
            ) + launch(.proxy, at: now)
        case .running:
            switch settings.onTakeover {
            case .refresh:
                return note(event, "refresh", "resolve names and run all checks now")
                    + [.refreshProxy]
            case .reload:
                return note(event, "reload the proxy", "on_takeover is reload")
                    + [.reload(.proxy)]
            case .restart:
                return note(event, "restart the proxy", "on_takeover is restart")
                    + restartByRequest(.proxy, at: now)
            }
        case .starting, .stopping, .unknown:
            return note(event, "none", "the proxy is \(proxy.state.name)")
        }
    }

    // MARK: Lease

    /// The proxy answers for scripts that ask whether it runs. A restart that is still within its grace
    /// does not move weights.
    private var proxyIsHealthy: Bool {
        !isUnfit && (proxy.state == .running || graceUntil != nil)
    }

    /// Nothing is lent before it is known how the proxy is: a supervisor that begins must not take the
    /// standing of a node that serves.
    mutating func renewLease(at now: Instant) -> [Verdict] {
        guard proxy.state != .unknown, !isShuttingDown else {
            leaseAt = nil
            return []
        }
        let terms = LeaseTerms(standing: standing, proxyHealthy: proxyIsHealthy)
        let isDue = leaseAt.map { $0 <= now } ?? true
        guard isDue || terms != lastLease else { return [] }
        lastLease = terms
        leaseAt = now + Self.leaseInterval
        return [.lease(standing: terms.standing, proxyHealthy: terms.proxyHealthy)]
    }
}

extension StepDownReason {
    /// What people read in the journal.
    package var sentence: String {
        switch self {
        case .proxyHung: "its proxy hangs"
        case .proxyNotRestarted: "its proxy did not come back in time"
        case .proxyFatal: "its proxy can't be restarted"
        case .proxyStopped: "its proxy is being stopped"
        case .noServers: "its proxy has no usable server"
        case .operatorRequest: "an operator asked for it"
        case .shutdown: "it is shutting down"
        }
    }
}
