import Balancing
import HAProxySyntax
import Primitives
import Sessions

/// Which server a session gets, and the queue of those who wait for one.
extension Worker where E: ~Copyable {
    /// Chooses a server and tells the session.
    mutating func choose(_ slot: Slot, fromQueue: Bool) -> Session.Effect {
        guard let backend = slot.pointee.backend else { return .none }
        let load = backend.pointee.connections.value
        let mayPass = fromQueue || backend.pointee.lists.pointee.queue.isEmpty
        let failed = slot.pointee.failedServer
        let hash =
            backend.pointee.isBySource ? slot.pointee.peer.ip.map(SourceHash.of) ?? 0 : 0
        let servers = backend.pointee.servers
        let fullconn = backend.pointee.fullconn
        if backend.pointee.sticks, let server = stuckServer(slot, backend), server != failed {
            return useStuck(slot, server, backend, mayPass: mayPass)
        }
        let choice = backend.pointee.lists.pointee.balancer.choose(
            avoiding: failed >= 0 ? Int(failed) : nil,
            sourceHash: hash,
            load: { servers[$0].pointee.connections.value },
            hasRoom: { server in
                let limit = servers[server].pointee.limit(
                    backendConnections: load,
                    fullconn: fullconn
                )
                return limit == .max || mayPass && servers[server].pointee.connections.value < limit
            }
        )
        return proceed(slot, backend, choice, isByAlgorithm: !fromQueue)
    }

    /// Whatever the algorithm would say.
    @inline(never)
    private mutating func useStuck(
        _ slot: Slot,
        _ server: Int,
        _ backend: Pinned<LiveBackend>,
        mayPass: Bool
    ) -> Session.Effect {
        let limit = backend.pointee.servers[server].pointee.limit(
            backendConnections: backend.pointee.connections.value,
            fullconn: backend.pointee.fullconn
        )
        let load = backend.pointee.servers[server].pointee.connections.value
        let isFree = limit == .max || mayPass && load < limit
        return proceed(
            slot,
            backend,
            isFree ? .server(server) : .busy(server),
            isByAlgorithm: false
        )
    }

    @inline(__always)
    private mutating func proceed(
        _ slot: Slot,
        _ backend: Pinned<LiveBackend>,
        _ choice: Choice,
        isByAlgorithm: Bool
    ) -> Session.Effect {
        let failed = slot.pointee.failedServer
        let servers = backend.pointee.servers
        switch choice {
        case .server(let server):
            if failed >= 0 { countAnotherTry(backend, after: Int(failed), at: server) }
            let isNew = isByAlgorithm && Int(failed) != server
            guard take(slot, server, of: backend, isByAlgorithm: isNew) else {
                // Another worker was faster.
                enqueue(slot, waitingFor: nil, backend)
                return handle(.busy, slot)
            }
            return handle(.assigned(elsewhere: failed >= 0 && Int(failed) != server), slot)
        case .busy(let server):
            if let server {
                let most = servers[server].pointee.maxqueue
                if most > 0, servers[server].pointee.queued.value >= most {
                    return handle(.queueFull, slot)
                }
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
        let tally = live.pointee.tally
        let load = live.pointee.connections.add(1)
        if live.pointee.maxconn > 0 {
            let limit = live.pointee.limit(
                backendConnections: backend.pointee.connections.value,
                fullconn: backend.pointee.fullconn
            )
            guard load <= limit else {
                live.pointee.connections.add(-1)
                return false
            }
        }
        tally.raise(.mostSessions, to: load)
        if isByAlgorithm { tally.add(.chosen) }
        if backend.pointee.isByLoad {
            backend.pointee.lists.pointee.balancer.loadChanged(server, to: load)
        }
        slot.pointee.serverIndex = Int32(truncatingIfNeeded: server)
        slot.pointee.holdsServer = true
        return true
    }

    /// The server is no longer this session's; it is avoided when another is chosen.
    @inline(__always)
    func leaveServer(_ slot: Slot) {
        guard slot.pointee.holdsServer, let backend = slot.pointee.backend else { return }
        slot.pointee.holdsServer = false
        slot.pointee.failedServer = slot.pointee.serverIndex
        let server = Int(slot.pointee.serverIndex)
        let load = backend.pointee.servers[server].pointee.connections.add(-1)
        if backend.pointee.isByLoad {
            backend.pointee.lists.pointee.balancer.loadChanged(server, to: load)
        }
    }

    // MARK: The queue

    private mutating func enqueue(
        _ slot: Slot,
        waitingFor server: Int?,
        _ backend: Pinned<LiveBackend>
    ) {
        slot.pointee.isQueued = true
        slot.pointee.queuePosition = Int32(clamping: backend.pointee.queued.value + 1)
        slot.pointee.queuedFor = Int32(server ?? -1)
        backend.pointee.lists.pointee.queue.append(slot.pointee.token(.client))
        countQueued(backend, server)
        queued += 1
    }

    /// Takes the session out of the queue that it is in, if it is in one.
    mutating func dequeue(_ slot: Slot) {
        guard slot.pointee.isQueued, let backend = slot.pointee.backend else { return }
        slot.pointee.isQueued = false
        let token = slot.pointee.token(.client)
        if let place = backend.pointee.lists.pointee.queue.firstIndex(of: token) {
            backend.pointee.lists.pointee.queue.remove(at: place)
        }
        let server = Int(slot.pointee.queuedFor)
        if server >= 0 { backend.pointee.servers[server].pointee.queued.add(-1) }
        backend.pointee.queued.add(-1)
        queued -= 1
    }

    /// Gives free places to those who wait, in their order; one who waits for a certain server lets others pass.
    mutating func serveQueues() {
        for plan in plans {
            // Serving the last session of a plan destroys it.
            plan.pointee.sessions += 1
            for backend in plan.pointee.backends where !backend.pointee.lists.pointee.queue.isEmpty
            {
                serve(backend)
            }
            plan.pointee.sessions -= 1
            releasePlanIfUnused(plan)
        }
    }

    private mutating func serve(_ backend: Pinned<LiveBackend>) {
        for token in backend.pointee.lists.pointee.queue {
            guard let slot = slab.find(token) else { continue }
            guard hasRoom(for: slot, backend) else {
                if slot.pointee.queuedFor < 0 { return }
                continue
            }
            dequeue(slot)
            let effect = handle(.slotFree, slot)
            if effect == .choose {
                perform(choose(slot, fromQueue: true), slot)
            } else {
                perform(effect, slot)
            }
        }
    }

    private func hasRoom(for slot: Slot, _ backend: Pinned<LiveBackend>) -> Bool {
        let load = backend.pointee.connections.value
        let servers = backend.pointee.lists.pointee.balancer.servers
        func isFree(_ server: Int) -> Bool {
            let limit = backend.pointee.servers[server].pointee.limit(
                backendConnections: load,
                fullconn: backend.pointee.fullconn
            )
            return servers[server].isUsable
                && backend.pointee.servers[server].pointee.connections.value < limit
        }
        let wanted = Int(slot.pointee.queuedFor)
        // Where none is usable any more, choosing says so.
        if !servers.contains(where: \.isUsable) { return true }
        if wanted >= 0 { return isFree(wanted) || !servers[wanted].isUsable }
        return servers.indices.contains(where: isFree)
    }
}
