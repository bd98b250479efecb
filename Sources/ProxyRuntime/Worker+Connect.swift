import Balancing
import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions

/// From an accepted client to a connected server: what the session machine asks for, until it asks to wait.
extension Worker where E: ~Copyable {
    mutating func signal(_ slot: Slot, _ event: Session.Event) {
        perform(handle(event, slot), slot)
    }

    @inline(__always)
    func handle(_ event: Session.Event, _ slot: Slot) -> Session.Effect {
        guard let backend = slot.pointee.backend else {
            return slot.pointee.session.handle(event, at: now, rules: ConnectRules())
        }
        return slot.pointee.session.handle(event, at: now, rules: backend.pointee.rules)
    }

    mutating func perform(_ effect: Session.Effect, _ slot: Slot) {
        var effect = effect
        while true {
            switch effect {
            case .none: return
            case .connect:
                guard let failure = connect(slot) else { return }
                effect = failed(slot, failure)
            case .choose:
                leaveServer(slot)
                effect = choose(slot, fromQueue: false)
            case .wait:
                // Its place at a server that it tries again stays its own, as HAProxy's `served` does.
                E.closeServer(&self, slot)
                E.watchClient(&self, slot)
                arm(slot)
                return
            case .transfer:
                beginTransfer(slot)
                return
            case .shutDown(let side):
                slot.end(side).pointee.flags.insert(.wasShutDown)
                E.shutDown(&self, slot, side)
                // Otherwise nothing is due sooner than before.
                if slot.pointee.frontend?.pointee.hasEndTimeouts == true { arm(slot) }
                return
            case .finish(let reset):
                finish(slot, reset: reset)
                return
            }
        }
    }

    // MARK: Choosing

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

    // MARK: Connecting

    /// Nil: the connection is on its way.
    private mutating func connect(_ slot: Slot) -> Session.ConnectFailure? {
        guard let backend = slot.pointee.backend else { return .immediate }
        let number = Int(slot.pointee.serverIndex)
        let server = backend.pointee.servers[number]
        let tally = server.pointee.tally
        tally.add(.attempts)
        guard server.pointee.address.isSet else { return .immediate }
        if server.pointee.takesPortOfClient {
            guard let port = server.pointee.port.port(client: localPort(of: slot)) else {
                return .immediate
            }
            server.pointee.address.port = port
        }
        let failure = E.connect(&self, slot, to: server, keepsAlive: backend.pointee.keepsAlive)
        guard failure == nil else { return failure }
        tally.add(.sessions)
        tally[.lastSession] = now.nanoseconds
        if let firstLook = E.firstLook {
            wheel.schedule(slot, at: now.advanced(byNanoseconds: firstLook), in: slab)
        }
        arm(slot)
        return nil
    }

    @inline(__always)
    mutating func connectSocket(
        _ slot: Slot,
        to server: Pinned<LiveServer>,
        keepsAlive: Bool
    ) -> Session.ConnectFailure? {
        var isDone = false
        let descriptor = unsafe tandem_stream_connect(
            &server.pointee.address,
            &server.pointee.source,
            keepsAlive ? Int32(TANDEM_KEEP_ALIVE) : 0,
            &isDone
        )
        guard descriptor >= 0 else {
            if descriptor == -EMFILE, spare.giveWay() {
                restEverywhere()
                return connectSocket(slot, to: server, keepsAlive: keepsAlive)
            }
            switch -descriptor {
            case EADDRNOTAVAIL, EADDRINUSE, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM:
                return .exhausted
            default: return .immediate
            }
        }
        slot.pointee.server.descriptor = descriptor
        slot.pointee.server.last = now
        watch(descriptor, slot.pointee.token(.server))
        return nil
    }

    /// The port that the client connected to.
    mutating func localPort(of slot: Slot) -> UInt16 {
        if slot.pointee.localPort == 0 {
            slot.pointee.localPort = ownAddress(of: slot).port
        }
        return slot.pointee.localPort
    }

    /// An attempt has failed: the server's end is closed and the session decides.
    mutating func failed(_ slot: Slot, _ failure: Session.ConnectFailure) -> Session.Effect {
        E.closeServer(&self, slot)
        switch failure {
        case .answered, .immediate: observe(slot, connected: false)
        // This process had no port or descriptor left.
        case .exhausted: break
        }
        let facts = serverFacts(slot)
        let effect = handle(
            .connectFailed(failure, active: facts.active, serverIsUsable: facts.isUsable),
            slot
        )
        countRetry(slot, effect)
        return effect
    }

    func observe(_ slot: Slot, connected: Bool) {
        let number = Int(slot.pointee.serverIndex)
        guard number >= 0, let backend = slot.pointee.backend else { return }
        backend.pointee.servers[number].pointee.observe(connected: connected)
    }

    func serverFacts(_ slot: Slot) -> (active: Int, isUsable: Bool) {
        guard let backend = slot.pointee.backend else { return (0, false) }
        let number = Int(slot.pointee.serverIndex)
        let isUsable =
            number >= 0 && backend.pointee.lists.pointee.balancer.servers[number].isUsable
        return (backend.pointee.lists.pointee.balancer.activeCount, isUsable)
    }

    func closeServerSocket(_ slot: Slot) {
        guard slot.pointee.server.descriptor >= 0 else { return }
        _ = tandem_close(slot.pointee.server.descriptor)
        slot.pointee.server = End()
    }

    // MARK: Deadlines

    /// Puts the session where its next deadline is looked at.
    @inline(__always)
    mutating func arm(_ slot: Slot) {
        // Without one, a place in the wheel from before costs one look.
        guard let deadline = nextDeadline(of: slot)?.instant else { return }
        wheel.schedule(slot, at: deadline, in: slab)
    }

    @inline(__always)
    private func nextDeadline(of slot: Slot) -> (instant: Instant, side: Side)? {
        guard slot.pointee.session.isEstablished, let frontend = slot.pointee.frontend
        else {
            if let deadline = slot.pointee.session.deadline { return (deadline, .server) }
            let wait = slot.pointee.waitsUntil
            return wait < .distantFuture ? (wait, .client) : nil
        }
        return frontend.pointee.timeouts.deadline(
            client: slot.pointee.client.activity,
            server: slot.pointee.server.activity
        )
    }

    /// The wheel has come to a session: its time may be over, or was put off by activity since.
    mutating func expire(_ slot: Slot) {
        let next = nextDeadline(of: slot)
        guard let deadline = next, deadline.instant <= now else {
            if slot.pointee.session.isConnecting { E.watchClient(&self, slot) }
            if let next { wheel.schedule(slot, at: next.instant, in: slab) }
            return
        }
        switch slot.pointee.session.phase {
        case .established: signal(slot, .idle(deadline.side))
        case .connecting:
            let facts = serverFacts(slot)
            E.closeServer(&self, slot)
            observe(slot, connected: false)
            let effect = handle(
                .deadline(active: facts.active, serverIsUsable: facts.isUsable),
                slot
            )
            countRetry(slot, effect)
            perform(effect, slot)
        case .queued, .turnAround:
            let facts = serverFacts(slot)
            signal(slot, .deadline(active: facts.active, serverIsUsable: facts.isUsable))
        case .choosing: waitIsOver(slot)
        case .closed: break
        }
    }
}

extension End {
    var activity: SideActivity {
        @inline(__always) get {
            SideActivity(
                last: last,
                hasEnded: flags.contains(.ended),
                wasShutDown: flags.contains(.wasShutDown),
                owesRoom: hasPending || piped > 0 || !chain.isEmpty
            )
        }
    }
}
