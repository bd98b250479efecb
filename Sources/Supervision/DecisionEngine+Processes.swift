import Primitives
import VRRP

/// Life and death of the two processes.
extension DecisionEngine {
    mutating func update<Result>(
        _ name: ProcessName,
        _ change: (inout LifeCycle) -> Result
    ) -> Result? {
        switch name {
        case .agent: change(&agent)
        case .proxy: change(&proxy)
        case .supervisor: nil
        }
    }

    mutating func found(_ name: ProcessName, pid: Int32, at now: Instant) -> [Verdict] {
        _ = update(name) { process in
            process.pid = pid
            process.retryAt = nil
            process.startBy = nil
            process.enter(.running, at: now)
        }
        if name == .proxy {
            forgetProxyTraffic()
            isUnfit = false
            beats.begin(at: now)
        }
        return note("\(name.rawValue) runs already", "carry on", "pid \(pid) was found running")
    }

    mutating func absent(_ name: ProcessName, at now: Instant) -> [Verdict] {
        note("supervisor started", "start \(name.rawValue)", "it does not run")
            + launch(name, at: now)
    }

    /// What an operator stopped stays stopped, whoever asks for the supervisor to begin anew.
    mutating func foundStopped(_ name: ProcessName, at now: Instant) -> [Verdict] {
        _ = update(name) { process in
            process.isWanted = false
            process.enter(.stopped, at: now, detail: "stopped by an operator")
        }
        if name == .proxy { stoppedAsMaster = true }
        return note(
            "supervisor started",
            "leave \(name.rawValue) stopped",
            "an operator stopped it; 'tandemctl start \(name.rawValue)' starts it"
        )
    }

    mutating func launch(_ name: ProcessName, at now: Instant) -> [Verdict] {
        _ = update(name) { process in
            process.retryAt = nil
            process.isWanted = true
            process.startsAfterExit = false
            process.isBeingKilled = false
            process.startBy = now + Self.startTimeout
            process.enter(.starting, at: now)
        }
        return [.start(name)]
    }

    /// A process that neither becomes ready nor dies.
    mutating func startTakesTooLong(_ name: ProcessName, at now: Instant) -> [Verdict] {
        _ = update(name) { $0.startBy = nil }
        guard process(name)?.state == .starting else { return [] }
        mint()
        return note(
            "\(name.rawValue) does not become ready",
            "kill and restart",
            "\(seconds(Self.startTimeout)) have passed since its start",
            kind: .hung(name)
        ) + kill(name)
    }

    mutating func kill(_ name: ProcessName) -> [Verdict] {
        _ = update(name) { $0.isBeingKilled = true }
        return [.kill(name)]
    }

    mutating func started(_ name: ProcessName, pid: Int32, at now: Instant) -> [Verdict] {
        _ = update(name) { $0.pid = pid }
        return []
    }

    mutating func ready(_ name: ProcessName, at now: Instant) -> [Verdict] {
        guard let before = process(name), before.state == .starting else { return [] }
        let took = now - before.since
        _ = update(name) { process in
            if process.detail == Self.retrying { process.tally.clear() }
            process.startBy = nil
            process.enter(.running, at: now)
        }
        guard name == .proxy else {
            return note("agent is ready", "none", "\(milliseconds(took)) after its start")
        }
        let isInTime = graceUntil != nil
        let kept = isInTime && holdsAddresses
        graceUntil = nil
        forgetProxyTraffic()
        isUnfit = false
        beats.begin(at: now)
        let reason =
            isInTime
            ? "\(milliseconds(took)) after its start, within restart_grace"
            : "\(milliseconds(took)) after its start"
        return note("proxy is ready", kept ? "keep the VIP" : "full standing", reason)
    }

    /// A death that the manager does not mend is FATAL at once; one that is FATAL already is not news.
    mutating func gaveUp(_ name: ProcessName, cause: String, at now: Instant) -> [Verdict] {
        guard process(name)?.state != .fatal else { return [] }
        return exited(name, cause: cause, isLast: true, at: now)
    }

    mutating func exited(
        _ name: ProcessName,
        cause: String,
        isLast: Bool = false,
        at now: Instant
    ) -> [Verdict] {
        guard let process = process(name) else { return [] }
        if name == .proxy {
            beats.end()
            census = nil
            stopAt = nil
            forgetProxyTraffic()
            // There are no requests to wait for any more.
            let handOver = finishHandOver()
            if !handOver.isEmpty {
                return handOver + exited(name, cause: cause, isLast: isLast, at: now)
            }
        } else {
            routers = [:]
            isLettingGo = false
            handOverAt = nil
            handOverVerdicts = []
        }
        guard process.state == .stopping else {
            return died(name, cause: cause, isLast: isLast, at: now)
        }
        _ = update(name) { process in
            process.pid = nil
            process.enter(.stopped, at: now, detail: cause)
        }
        if process.startsAfterExit, !isShuttingDown { return launch(name, at: now) }
        let stopsProxy = isShuttingDown && name == .agent && stopAt != nil
        return note("\(name.rawValue) stopped", "none", cause)
            + (stopsProxy ? finishStop(at: now) : [])
    }

    /// A process ended, or never began, without having been asked to.
    mutating func died(
        _ name: ProcessName,
        cause: String,
        isLast: Bool = false,
        at now: Instant
    ) -> [Verdict] {
        let isKilled = process(name)?.isBeingKilled ?? false
        let phrase =
            isKilled ? "\(name.rawValue) is killed: \(cause)" : "\(name.rawValue) died: \(cause)"
        let settings = settings
        let wasFatal = process(name)?.detail == Self.retrying
        let isSpent =
            update(name) { process in
                process.pid = nil
                process.tally.record(at: now, window: settings.restartWindow)
                process.enter(.exited, at: now, detail: cause)
                return process.tally.isSpent(limit: settings.restartLimit)
            } ?? false
        _ = update(name) { $0.isBeingKilled = false }
        if !isKilled { mint() }
        if isShuttingDown {
            return note(phrase, "none", "the supervisor is stopping")
        }
        if isSpent || wasFatal || isLast {
            return giveUp(name, phrase, cause: cause, isLast: isLast && !isSpent, at: now)
        }
        return restart(name, phrase, at: now)
    }

    private mutating func restart(
        _ name: ProcessName,
        _ phrase: String,
        at now: Instant
    ) -> [Verdict] {
        let backoff =
            update(name) { process in
                process.restarts &+= 1
                return process.backoff
            } ?? .zero
        let count = process(name)?.tally.count ?? 0
        let budget =
            "restart \(count) of \(settings.restartLimit) in \(seconds(settings.restartWindow))"
        var verdicts: [Verdict]
        if name == .proxy, !isUnfit { graceUntil = graceUntil ?? now + settings.restartGrace }
        if name == .proxy, holdsAddresses, !isUnfit {
            verdicts = note(
                phrase,
                "restart and keep the VIP",
                "\(budget); it has \(seconds(settings.restartGrace)) to be ready",
                kind: .restarted(name)
            )
        } else {
            verdicts = note(phrase, "restart", budget, kind: .restarted(name))
        }
        guard backoff > .zero else { return verdicts + launch(name, at: now) }
        _ = update(name) { process in
            process.enter(.backoff, at: now, detail: process.detail)
            process.retryAt = now + backoff
        }
        return verdicts
    }

    static let retrying = "slow retry"

    private mutating func giveUp(
        _ name: ProcessName,
        _ phrase: String,
        cause: String,
        isLast: Bool,
        at now: Instant
    ) -> [Verdict] {
        let settings = settings
        let count = process(name)?.tally.count ?? 0
        _ = update(name) { process in
            process.enter(
                .fatal,
                at: now,
                detail: "\(cause); next try every \(seconds(settings.fatalRetry))"
            )
            process.retryAt = now + settings.fatalRetry
        }
        let spent =
            "\(count) deaths in \(seconds(settings.restartWindow)), \(settings.restartLimit) restarts "
            + "are allowed"
        let reason =
            (isLast ? "systemd does not start it again by itself" : spent)
            + "; next try in \(seconds(settings.fatalRetry))"
        let verdicts = note(phrase, "FATAL", reason, kind: .fatal(name))
        guard name == .proxy else { return verdicts }
        graceUntil = nil
        isUnfit = true
        return verdicts + stepDown(.proxyFatal, event: phrase)
    }

    mutating func retry(_ name: ProcessName, at now: Instant) -> [Verdict] {
        guard let process = process(name) else { return [] }
        guard process.state == .fatal else { return launch(name, at: now) }
        mint()
        let verdicts =
            note("\(name.rawValue) is FATAL", "try again", "fatal_retry has passed")
            + launch(name, at: now)
        _ = update(name) { $0.detail = Self.retrying }
        return verdicts
    }

    mutating func watchdogExpired(_ name: ProcessName, at now: Instant) -> [Verdict] {
        guard let process = process(name), process.isAlive, !process.isBeingKilled else {
            return []
        }
        mint()
        let phrase = "\(name.rawValue) is silent towards its service manager"
        guard name == .proxy else {
            return note(
                phrase,
                "kill and restart",
                "its loop does not turn",
                kind: .hung(name)
            ) + kill(name)
        }
        return proxyHangs(phrase, reason: "its loop does not turn", at: now)
    }
}

/// `1.5 s`.
func seconds(_ duration: Duration) -> String {
    let tenths = (duration.milliseconds + 50) / 100
    return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
}

/// `15 ms`.
func milliseconds(_ duration: Duration) -> String {
    "\(duration.milliseconds) ms"
}
