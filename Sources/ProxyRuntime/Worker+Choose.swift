import Balancing
import Primitives
import Sessions

/// Which server a session gets.
extension Worker where E: ~Copyable {
    /// Chooses a server and tells the session.
    mutating func choose(_ slot: Slot, fromQueue: Bool) -> Session.Effect {
        guard let backend = slot.pointee.backend else { return .none }
        let failed = slot.pointee.failedServer
        // One that it has failed at, or was sent away from, is none to stick to.
        if backend.pointee.sticks, failed < 0, let server = stuckServer(slot, backend) {
            if let effect = useStuck(slot, server, backend) { return effect }
            slot.pointee.failedServer = Int32(truncatingIfNeeded: server)
            return choose(slot, fromQueue: fromQueue)
        }
        let hash =
            backend.pointee.isBySource ? slot.pointee.peer.ip.map(SourceHash.of) ?? 0 : 0
        let avoided = failed >= 0 ? Int(failed) : nil
        let choice: Choice
        if !backend.pointee.isInTurn {
            choice = backend.pointee.lists.pointee.balancer.choose(avoiding: avoided, hash, backend)
        } else if backend.pointee.lists.pointee.balancer.hasWeightedTurns {
            choice = chooseByWeight(avoiding: avoided, backend)
        } else {
            // All workers count in one order.
            let first = backend.pointee.turn.add(1) &- 1
            backend.pointee.lists.pointee.balancer.turn.count = UInt(bitPattern: first)
            choice = backend.pointee.lists.pointee.balancer.choose(avoiding: avoided, hash, backend)
            let next = backend.pointee.lists.pointee.balancer.turn.count
            let missing = Int(bitPattern: next) &- first &- 1
            if missing != 0 { backend.pointee.turn.add(missing) }
        }
        return proceed(slot, backend, choice, isByAlgorithm: !fromQueue)
    }

    @inline(never)
    private func chooseByWeight(avoiding avoided: Int?, _ backend: Pinned<LiveBackend>) -> Choice {
        let turns = backend.pointee.backend.turns
        return turns.lend(to: &backend.pointee.lists.pointee.balancer) { balancer in
            balancer.choose(avoiding: avoided, 0, backend)
        }
    }

    /// Whatever the algorithm would say. Nil: the server's queue is full, and the client may go elsewhere.
    @inline(never)
    private mutating func useStuck(
        _ slot: Slot,
        _ server: Int,
        _ backend: Pinned<LiveBackend>
    ) -> Session.Effect? {
        if backend.pointee.hasRoom(server, backend.pointee.servers[server].pointee.queued) {
            return proceed(slot, backend, .server(server), isByAlgorithm: false, isStuck: true)
        }
        if backend.pointee.queueIsFull(of: server), backend.pointee.rules.redispatch != nil {
            return nil
        }
        return proceed(slot, backend, .busy(server), isByAlgorithm: false, isStuck: true)
    }

    @inline(__always)
    private mutating func proceed(
        _ slot: Slot,
        _ backend: Pinned<LiveBackend>,
        _ choice: Choice,
        isByAlgorithm: Bool,
        isStuck: Bool = false
    ) -> Session.Effect {
        let failed = slot.pointee.failedServer
        switch choice {
        case .server(let server):
            let isNew = isByAlgorithm && Int(failed) != server
            guard take(slot, server, of: backend, isByAlgorithm: isNew) else {
                // Another worker was faster.
                let isBound = isStuck || backend.pointee.isBySource
                enqueue(slot, waitingFor: isBound ? server : nil, backend)
                return handle(.busy, slot)
            }
            if failed >= 0 { countAnotherTry(backend, after: Int(failed), at: server) }
            let elsewhere = failed >= 0 && Int(failed) != server
            return handle(.assigned(elsewhere: elsewhere, isStuck: isStuck), slot)
        case .busy(let server):
            if let server, backend.pointee.queueIsFull(of: server) {
                slot.pointee.serverIndex = Int32(truncatingIfNeeded: server)
                return handle(.queueFull, slot)
            }
            enqueue(slot, waitingFor: server, backend)
            return handle(.busy, slot)
        case .none: return handle(.noServer, slot)
        }
    }

    /// False: the last place went to another worker since it was looked at.
    @inline(__always)
    private func take(
        _ slot: Slot,
        _ server: Int,
        of backend: Pinned<LiveBackend>,
        isByAlgorithm: Bool
    ) -> Bool {
        let live = backend.pointee.servers[server]
        let load = live.pointee.connections.add(1)
        if live.pointee.maxconn > 0 {
            guard load <= backend.pointee.limit(of: server) else {
                live.pointee.connections.add(-1)
                return false
            }
        }
        hold(slot, server, backend, load: load, isByAlgorithm: isByAlgorithm)
        return true
    }

    /// The server's gauge counts the session already.
    @inline(__always)
    func hold(
        _ slot: Slot,
        _ server: Int,
        _ backend: Pinned<LiveBackend>,
        load: Int,
        isByAlgorithm: Bool
    ) {
        let tally = backend.pointee.servers[server].pointee.tally
        tally.raise(.mostSessions, to: load)
        if isByAlgorithm { tally.add(.chosen) }
        if backend.pointee.isByLoad {
            backend.pointee.lists.pointee.balancer.loadChanged(server, to: load)
        }
        slot.pointee.serverIndex = Int32(truncatingIfNeeded: server)
        slot.pointee.holdsServer = true
    }

    /// The server is no longer this session's; it is avoided when another is chosen.
    @inline(__always)
    mutating func leaveServer(_ slot: Slot) {
        guard slot.pointee.holdsServer, let backend = slot.pointee.backend else { return }
        slot.pointee.holdsServer = false
        slot.pointee.failedServer = slot.pointee.serverIndex
        let server = Int(slot.pointee.serverIndex)
        let load = backend.pointee.servers[server].pointee.connections.add(-1)
        if backend.pointee.isByLoad {
            backend.pointee.lists.pointee.balancer.loadChanged(server, to: load)
        }
        if backend.pointee.queued.value > 0 { placesChanged = true }
    }
}

extension Balancer {
    @inline(__always)
    mutating fileprivate func choose(
        avoiding avoided: Int?,
        _ hash: UInt32,
        _ backend: Pinned<LiveBackend>
    ) -> Choice {
        let servers = backend.pointee.servers
        return choose(
            avoiding: avoided,
            sourceHash: hash,
            load: { servers[$0].pointee.connections.value },
            hasRoom: { server in
                // Who waits for any server comes first, unless the client has no choice.
                let queued =
                    backend.pointee.isBySource
                    ? servers[server].pointee.queued : backend.pointee.waiting
                return backend.pointee.hasRoom(server, queued)
            }
        )
    }
}

extension LiveBackend {
    /// Below its limit, and nobody waits who comes first.
    @inline(__always)
    func hasRoom(_ server: Int, _ queued: Gauge) -> Bool {
        let live = servers[server]
        if live.pointee.maxconn == 0 { return true }
        return queued.value == 0 && live.pointee.queued.value == 0
            && live.pointee.connections.value < limit(of: server)
    }

    @inline(__always)
    func limit(of server: Int) -> Int {
        servers[server].pointee.limit(
            backendConnections: connections.value,
            fullconn: fullconn
        )
    }

    func queueIsFull(of server: Int) -> Bool {
        let most = servers[server].pointee.maxqueue
        return most > 0 && servers[server].pointee.queued.value >= most
    }

    /// Counts one more connection to a server that has room for it.
    func takePlace(at server: Int) -> Bool {
        servers[server].pointee.connections.take(limit: limit(of: server))
    }

    func isUsable(_ server: Int) -> Bool { lists.pointee.balancer.servers[server].isUsable }

    /// It takes those who wait for any server: a backup only if it is used.
    func isCandidate(_ server: Int) -> Bool {
        let balanced = lists.pointee.balancer.servers[server]
        guard balanced.isUsable, balanced.weight > 0 else { return false }
        return !balanced.isBackup || lists.pointee.balancer.candidates.contains(server)
    }
}
