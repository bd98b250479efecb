import Balancing
import HAProxySyntax
import Primitives

/// A worker's running state for one plan. The sessions that began under it keep it until the last one ends.
final class Generation {
    let plan: Plan
    var balancers: [Balancer]
    var servers: [[ServerStanding]]
    var serverSessions: [[Int]]
    var frontendSessions: [Int]
    var backendSessions: [Int]
    /// Slots that wait for a server, with the stamp that they waited under.
    var queues: [BoundedQueue<QueuedSession>]
    var sessions = 0

    struct QueuedSession {
        var slot: Int32
        var stamp: UInt32
    }

    init(plan: Plan, servers: [[ServerStanding]]) {
        self.plan = plan
        self.servers = servers
        balancers = plan.backends.enumerated().map { index, backend in
            Balancer(
                algorithm: backend.algorithm,
                servers: backend.servers.count,
                usesAllBackups: backend.usesAllBackups,
                seed: UInt64(index) &+ UInt64(plan.generation) << 32
            )
        }
        serverSessions = plan.backends.map { Array(repeating: 0, count: $0.servers.count) }
        frontendSessions = Array(repeating: 0, count: plan.frontends.count)
        backendSessions = Array(repeating: 0, count: plan.backends.count)
        queues = plan.backends.map { _ in BoundedQueue(limit: max(plan.maxconn, 1)) }
    }

    /// A server as the balancing sees it.
    func candidate(backend: Int, server: Int, now: UInt64) -> Candidate {
        let line = plan.backends[backend].servers[server]
        let standing = servers[backend][server]
        return Candidate(
            weight: weight(line, upSince: standing.upSince, now: now),
            isUsable: standing.isUsable,
            isBackup: line.backup,
            sessions: serverSessions[backend][server],
            limit: limit(line, backend: backend)
        )
    }

    /// Weights in 256ths, so that one of 1 can grow during `slowstart`.
    private func weight(_ line: ServerLine, upSince: UInt64, now: UInt64) -> Int {
        let full = line.weight * 256
        let ramp = UInt64(max(line.slowStart.milliseconds, 0))
        guard ramp > 0, upSince > 0, now < upSince + ramp, full > 0 else { return full }
        return max(1, full * Int(now - min(upSince, now)) / Int(ramp))
    }

    /// `minconn` grows to `maxconn` with the load of the backend (HAProxy configuration manual §5.2).
    private func limit(_ line: ServerLine, backend: Int) -> Int {
        guard line.minconn > 0, line.maxconn > line.minconn else { return line.maxconn }
        let load = line.maxconn * backendSessions[backend] / plan.backends[backend].fullConnections
        return min(max(line.minconn, load), line.maxconn)
    }

    func choose(backend: Int, client: UInt64, avoiding avoided: Int?, now: UInt64) -> Choice {
        var balancer = balancers[backend]
        defer { balancers[backend] = balancer }
        return balancer.choose(client: client, avoiding: avoided) { server in
            candidate(backend: backend, server: server, now: now)
        }
    }

    /// Whether the rotation has more than one server to offer, which makes a redispatch immediate
    /// (HAProxy configuration manual §4.2, `option redispatch`).
    func hasChoice(backend: Int) -> Bool {
        guard plan.backends[backend].algorithm == .roundRobin else { return false }
        var usable = 0
        for (index, line) in plan.backends[backend].servers.enumerated()
        where servers[backend][index].isUsable && !line.backup && line.weight > 0 {
            usable += 1
        }
        return usable > 1
    }
}
