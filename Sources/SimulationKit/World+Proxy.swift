import Primitives
import Supervision

/// The life of the proxy process and what its service manager and its supervisor hear of it.
extension World {
    /// The service manager starts the process. A start that fails ends a moment later.
    mutating func startProxy(on host: HostName) {
        guard self[host].isOn, self[host].proxy.condition == .absent else { return }
        self[host].proxy.life += 1
        self[host].proxy.condition = .starting
        transcript.add(.said("proxy started"), on: host, at: now)
        tellSupervisor(.started(.proxy, pid: 2), on: host)
        let life = self[host].proxy.life
        if self[host].proxy.canStart {
            let due = now + .milliseconds(20) + random.duration(upTo: .milliseconds(200))
            schedule.add(.proxy(host, .becomesReady, life: life), due: due)
        } else {
            schedule.add(.proxy(host, .exits, life: life), due: now + .milliseconds(10))
        }
    }

    /// SIGKILL, from whomever.
    mutating func killProxy(on host: HostName) {
        guard self[host].proxy.condition != .absent else { return }
        proxySteps(.exits, on: host)
    }

    /// SIGTERM: a proxy whose loop turns ends, and one that hangs is killed later.
    mutating func terminateProxy(on host: HostName) {
        let delay: Duration
        switch self[host].proxy.condition {
        case .absent: return
        case .hung: delay = SimulatedProxy.stopTimeout
        case .starting, .serving:
            delay = .milliseconds(5) + random.duration(upTo: .milliseconds(50))
        }
        schedule.add(.proxy(host, .exits, life: self[host].proxy.life), due: now + delay)
    }

    /// SIGCONT.
    mutating func thawProxy(on host: HostName) {
        guard self[host].proxy.condition == .hung else { return }
        self[host].proxy.condition = .serving
    }

    /// Its servers come or go.
    mutating func setServers(on host: HostName, present: Bool) {
        self[host].proxy.hasServers = present
        if self[host].proxy.serves { reportServers(on: host) }
    }

    private mutating func reportServers(on host: HostName) {
        let hasServers = self[host].proxy.hasServers
        let census = ServerCensus(
            usable: hasServers ? 2 : 0,
            total: 2,
            proxies: 1,
            proxiesWithoutServer: hasServers ? 0 : 1
        )
        tellSupervisor(.servers(census), on: host)
    }

    mutating func proxySteps(_ step: SimulatedProxy.Step, on host: HostName) {
        let life = self[host].proxy.life
        switch step {
        case .becomesReady:
            guard self[host].proxy.condition == .starting else { return }
            self[host].proxy.condition = .serving
            tellSupervisor(.ready(.proxy), on: host)
            reportServers(on: host)
            schedule.add(.proxy(host, .beats, life: life), due: now + SimulatedProxy.beatInterval)
        case .beats:
            if self[host].proxy.serves || mutation == .hungProxyBeats {
                self[host].proxy.turns += 1
                // At once: the way of a beat is the least of what its punctuality suffers from.
                supervisorReads(.beat(turns: self[host].proxy.turns), on: host)
            }
            let due = now + SimulatedProxy.beatInterval + random.duration(upTo: .milliseconds(20))
            schedule.add(.proxy(host, .beats, life: life), due: due)
        case .exits:
            self[host].proxy.condition = .absent
            self[host].proxy.life += 1
            transcript.add(.said("proxy exited"), on: host, at: now)
            tellSupervisor(.exited(.proxy, cause: "gone"), on: host)
        }
    }
}
