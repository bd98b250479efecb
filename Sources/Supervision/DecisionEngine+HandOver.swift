import Primitives
import VRRP

/// A planned step-down: the proxy takes nothing new, requests that are under way get a moment, then the VIP goes, and
/// what is left of the sessions gets its time (docs/decisions/0014-planned-step-down.md).
extension DecisionEngine {
    /// It accepts, as far as is known, and nobody has begun to stop it.
    var proxyServes: Bool { proxy.state == .running && !isUnfit && !isProxyEnding }

    /// Does at the end of the moment what lets go of the VIP, or at once where nobody is served.
    mutating func handOver(_ verdicts: [Verdict], serves: Bool, at now: Instant) -> [Verdict] {
        guard serves, verdicts.contains(where: { !$0.isJournal }) else { return verdicts }
        handOverVerdicts = verdicts.filter { !$0.isJournal }
        handOverAt = now + Self.requestGrace
        stopAt = stopAt.map { $0 + Self.requestGrace }
        isPaused = true
        return [.pauseProxy(Self.pauseDuration)] + verdicts.filter(\.isJournal)
    }

    mutating func finishHandOver() -> [Verdict] {
        defer { handOverVerdicts = [] }
        handOverAt = nil
        return handOverVerdicts
    }

    /// The VIP has gone. What was to let go of it is done with, unless it is more than that.
    mutating func released(at now: Instant) -> [Verdict] {
        handOverVerdicts.removeAll { if case .stepDown = $0 { true } else { false } }
        var verdicts = finishHandOver()
        if stopAt != nil { return verdicts + finishStop(at: now) }
        // Who comes now comes to another address of this node.
        if isPaused, !isShuttingDown { verdicts.append(.resumeProxy) }
        isPaused = false
        return verdicts
    }

    /// The VIP is released, or was long enough asked for. Sessions on other addresses get their time.
    mutating func finishStop(at now: Instant) -> [Verdict] {
        stopAt = nil
        isPaused = false
        guard sessions > 0, !isProxyEnding, proxy.pid != nil else { return [.stop(.proxy)] }
        drainUntil = now + Self.drainLimit
        return [.drainProxy(Self.drainLimit)]
            + note(
                "proxy is being stopped",
                "wait for its sessions",
                "\(sessions) are left; \(seconds(Self.drainLimit)) at most"
            )
    }

    mutating func finishDrain() -> [Verdict] {
        drainUntil = nil
        return [.stop(.proxy)]
    }

    // MARK: The proxy's word

    /// It ends within milliseconds, and how it does tells what to do. What was to wait for its requests need not.
    mutating func proxyEnds() -> [Verdict] {
        isProxyEnding = true
        return finishHandOver()
    }

    /// SIGUSR1: it refuses everybody, and lives on for those that it serves. A MASTER like that serves nobody new.
    mutating func proxyDrains(sessions: Int, limit: Duration, at now: Instant) -> [Verdict] {
        guard proxy.isAlive, proxy.state != .stopping, !isProxyEnding else { return [] }
        mint()
        isProxyEnding = true
        isUnfit = true
        graceUntil = nil
        let phrase = "proxy drains: it takes no new connections"
        let reason = "\(sessions) sessions may go on for \(seconds(limit)) (hard-stop-after)"
        return stepDown(.proxyStopped, event: phrase) + note(phrase, "last resort", reason)
    }

    /// Of a proxy that is no more, or not yet.
    mutating func forgetProxyTraffic() {
        sessions = 0
        drainUntil = nil
        isPaused = false
        isProxyEnding = false
    }
}

extension Verdict {
    fileprivate var isJournal: Bool { if case .journal = self { true } else { false } }
}
