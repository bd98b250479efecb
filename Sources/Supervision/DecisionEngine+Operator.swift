import Primitives
import VRRP

/// What an operator asks for.
extension DecisionEngine {
    /// Why a request makes no sense now, as supervisorctl would say it; nil: it does.
    package func refusal(of request: OperatorRequest) -> String? {
        if isShuttingDown, request != .shutdown { return "the supervisor is stopping" }
        return switch request {
        case .start(let name):
            process(name).map { $0.isAlive && $0.state != .stopping ? "already started" : nil }
                ?? "no such process"
        case .stop(let name):
            process(name).map { $0.isAlive || $0.retryAt != nil ? nil : "not running" }
                ?? "no such process"
        case .restart(let name): process(name) == nil ? "no such process" : nil
        case .failover:
            if routers.isEmpty {
                "the agent has told of no virtual router; see 'tandemctl status'"
            } else if !isMaster {
                "this node is not MASTER of anything; run it on the node that is"
            } else {
                nil
            }
        case .reload: proxy.isAlive || agent.isAlive ? nil : "nothing runs that could reload"
        case .shutdown: nil
        }
    }

    mutating func handle(_ request: OperatorRequest, at now: Instant) -> [Verdict] {
        guard refusal(of: request) == nil else { return [] }
        mint()
        switch request {
        case .start(let name):
            _ = update(name) { $0.tally.clear() }
            stoppedAsMaster = false
            if process(name)?.state == .stopping { return startAfterExit(name) }
            return note("operator: start \(name.rawValue)", "start", "its budget is fresh")
                + launch(name, at: now)
        case .stop(let name): return stop(name, at: now)
        case .restart(let name):
            return note("operator: restart \(name.rawValue)", "restart", "its budget is fresh")
                + restartByRequest(name, at: now)
        case .failover:
            answeredFaults.remove(.operatorRequest)
            let verdicts = stepDown(
                .operatorRequest,
                event: "operator: failover",
                hold: settings.failoverHold
            )
            return handOver(verdicts, serves: proxyServes, at: now)
        case .reload:
            return note("operator: reload", "reload", "both configurations are read anew")
                + [.reload(.agent), .reload(.proxy)]
        case .shutdown: return shutDown(at: now)
        }
    }

    /// What is being stopped can't be kept; it is started again when it has ended.
    private mutating func startAfterExit(_ name: ProcessName) -> [Verdict] {
        _ = update(name) { process in
            process.startsAfterExit = true
            process.isWanted = true
        }
        return note("operator: start \(name.rawValue)", "start", "as soon as it has stopped")
    }

    private mutating func stop(_ name: ProcessName, at now: Instant) -> [Verdict] {
        let event = "operator: stop \(name.rawValue)"
        _ = update(name) { process in
            process.isWanted = false
            process.retryAt = nil
            process.startsAfterExit = false
            process.tally.clear()
        }
        guard process(name)?.isAlive == true else {
            _ = update(name) { $0.enter(.stopped, at: now) }
            return note(event, "stop", "it was waiting for its next start")
        }
        let serves = proxyServes
        _ = update(name) { $0.enter(.stopping, at: now) }
        guard name == .proxy else { return note(event, "stop", "asked for") + [.stop(name)] }
        beats.end()
        graceUntil = nil
        isUnfit = true
        if !serves { sessions = 0 }
        guard isMaster else {
            return note(event, "stop", "this node is not MASTER") + finishStop(at: now)
        }
        stoppedAsMaster = true
        answeredFaults.remove(.proxyStopped)
        stopAt = now + Self.releaseWait
        return handOver(stepDown(.proxyStopped, event: event), serves: serves, at: now)
    }

    /// As after a crash, a MASTER keeps the VIP if the proxy is ready again within `restart_grace`.
    mutating func restartByRequest(_ name: ProcessName, at now: Instant) -> [Verdict] {
        _ = update(name) { $0.tally.clear() }
        guard process(name)?.isAlive == true else { return launch(name, at: now) }
        _ = update(name) { process in
            process.startsAfterExit = true
            process.isWanted = true
            process.enter(.stopping, at: now)
        }
        if name == .proxy {
            beats.end()
            if !isUnfit { graceUntil = now + settings.restartGrace }
        }
        return [.stop(name)]
    }

    /// The agent first, so that the VIP goes before the proxy does: of a MASTER, the proxy serves on until
    /// the agent has let go, or was long enough asked to.
    private mutating func shutDown(at now: Instant) -> [Verdict] {
        guard !isShuttingDown else { return [] }
        isShuttingDown = true
        let serves = proxyServes
        if !serves { sessions = 0 }
        beats.end()
        graceUntil = nil
        stopAt = isMaster && agent.isAlive && proxy.isAlive ? now + Self.releaseWait : nil
        let verdicts = note("shutdown", "stop everything", "the agent releases the VIP first")
        var stops: [Verdict] = []
        for name in [ProcessName.agent, .proxy] {
            let isAlive = process(name)?.isAlive == true
            _ = update(name) { process in
                process.retryAt = nil
                process.startsAfterExit = false
                process.enter(isAlive ? .stopping : .stopped, at: now)
            }
            guard isAlive, name == .agent || stopAt == nil else { continue }
            stops += name == .proxy ? finishStop(at: now) : [.stop(name)]
        }
        guard stopAt != nil else { return verdicts + stops }
        return verdicts + handOver(stops, serves: serves, at: now)
    }
}
