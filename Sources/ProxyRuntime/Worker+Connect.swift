import Balancing
import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions

/// From an accepted client to a connected server: what the session machine asks for, until it asks to wait.
extension Worker {
    mutating func signal(_ index: Int32, _ event: Session.Event) {
        let rules = backend(of: index)?.rules ?? ConnectRules()
        perform(slab[index].session.handle(event, at: now, rules: rules), index)
    }

    mutating func perform(_ effect: Session.Effect, _ index: Int32) {
        var effect = effect
        while true {
            switch effect {
            case .none: return
            case .connect:
                guard let failure = connect(index) else { return }
                effect = failed(index, failure)
            case .choose:
                leaveServer(index)
                effect = choose(index, fromQueue: false)
            case .wait:
                closeServerEnd(index)
                leaveServer(index)
                arm(index)
                return
            case .transfer:
                beginTransfer(index)
                return
            case .shutDown(let side):
                slab[index][side].flags.insert(.wasShutDown)
                _ = shutdown(slab[index][side].descriptor, Int32(SHUT_WR))
                arm(index)
                return
            case .finish(let reset):
                finish(index, reset: reset)
                return
            }
        }
    }

    // MARK: Choosing

    /// Chooses a server and tells the session.
    mutating func choose(_ index: Int32, fromQueue: Bool) -> Session.Effect {
        let position = Int(slab[index].plan)
        let number = Int(slab[index].backend)
        guard let plan = plans[position]?.plan else { return .none }
        let backend = plan.backends[number]
        let load = backend.connections.value
        let mayPass = fromQueue || plans[position]?.backends[number].queue.isEmpty ?? true
        let failed = slab[index].failedServer
        let hash =
            backend.algorithm == .source ? slab[index].peer.ip.map(SourceHash.of) ?? 0 : 0
        let choice =
            plans[position]?.backends[number].balancer.choose(
                avoiding: failed >= 0 ? Int(failed) : nil,
                sourceHash: hash,
                load: { backend.servers[$0].connections.value },
                hasRoom: { server in
                    let limit = backend.servers[server].limit(
                        backendConnections: load,
                        fullconn: backend.fullconn
                    )
                    return limit == .max
                        || mayPass && backend.servers[server].connections.value < limit
                }
            ) ?? .none
        switch choice {
        case .server(let server):
            take(index, backend.servers[server], Int32(server))
            let elsewhere = failed >= 0 && Int(failed) != server
            return slab[index].session.handle(
                .assigned(elsewhere: elsewhere),
                at: now,
                rules: backend.rules
            )
        case .busy(let server):
            if let server {
                let most = backend.servers[server].line.maxqueue
                if most > 0, backend.servers[server].queued.value >= most {
                    return slab[index].session.handle(.queueFull, at: now, rules: backend.rules)
                }
            }
            enqueue(index, waitingFor: server, backend)
            return slab[index].session.handle(.busy, at: now, rules: backend.rules)
        case .none:
            return slab[index].session.handle(.noServer, at: now, rules: backend.rules)
        }
    }

    private mutating func take(_ index: Int32, _ server: Server, _ number: Int32) {
        server.connections.add(1)
        slab[index].serverIndex = number
        slab[index].holdsServer = true
    }

    /// The server is no longer this session's; it is avoided when another is chosen.
    mutating func leaveServer(_ index: Int32) {
        guard slab[index].holdsServer, let backend = backend(of: index) else { return }
        slab[index].holdsServer = false
        slab[index].failedServer = slab[index].serverIndex
        backend.servers[Int(slab[index].serverIndex)].connections.add(-1)
    }

    // MARK: The queue

    private mutating func enqueue(_ index: Int32, waitingFor server: Int?, _ backend: Backend) {
        let token = slab.token(index, .client)
        let position = Int(slab[index].plan)
        let number = Int(slab[index].backend)
        slab[index].queuePosition = Int32(clamping: backend.queued.value + 1)
        slab[index].queuedFor = Int32(server ?? -1)
        plans[position]?.backends[number].queue.append(token)
        if let server { backend.servers[server].queued.add(1) }
        backend.queued.add(1)
        queued += 1
    }

    /// Takes the session out of the queue that it is in, if it is in one.
    mutating func dequeue(_ index: Int32, _ backend: Backend) {
        let token = slab.token(index, .client)
        let position = Int(slab[index].plan)
        let number = Int(slab[index].backend)
        guard
            let place = plans[position]?.backends[number].queue.firstIndex(of: token)
        else { return }
        plans[position]?.backends[number].queue.remove(at: place)
        if slab[index].queuedFor >= 0 {
            backend.servers[Int(slab[index].queuedFor)].queued.add(-1)
        }
        backend.queued.add(-1)
        queued -= 1
    }

    /// Gives free places to those who wait, in their order; one who waits for a certain server lets others pass.
    mutating func serveQueues() {
        for position in plans.indices {
            guard let plan = plans[position]?.plan else { continue }
            for number in plan.backends.indices {
                guard let waiting = plans[position]?.backends[number].queue, !waiting.isEmpty
                else { continue }
                serve(waiting, plan.backends[number])
            }
        }
    }

    private mutating func serve(_ waiting: [UInt64], _ backend: Backend) {
        for token in waiting {
            guard let index = slab.find(token) else { continue }
            guard hasRoom(for: index, backend) else {
                if slab[index].queuedFor < 0 { return }
                continue
            }
            dequeue(index, backend)
            let effect = slab[index].session.handle(.slotFree, at: now, rules: backend.rules)
            if effect == .choose {
                perform(choose(index, fromQueue: true), index)
            } else {
                perform(effect, index)
            }
        }
    }

    private func hasRoom(for index: Int32, _ backend: Backend) -> Bool {
        let position = Int(slab[index].plan)
        let number = Int(slab[index].backend)
        guard let servers = plans[position]?.backends[number].balancer.servers else { return true }
        let load = backend.connections.value
        func isFree(_ server: Int) -> Bool {
            let limit = backend.servers[server].limit(
                backendConnections: load,
                fullconn: backend.fullconn
            )
            return servers[server].isUsable && backend.servers[server].connections.value < limit
        }
        let wanted = Int(slab[index].queuedFor)
        // Where none is usable any more, choosing says so.
        if !servers.contains(where: \.isUsable) { return true }
        if wanted >= 0 { return isFree(wanted) || !servers[wanted].isUsable }
        return servers.indices.contains(where: isFree)
    }

    // MARK: Connecting

    /// Nil: the connection is on its way.
    private mutating func connect(_ index: Int32) -> Session.ConnectFailure? {
        guard let backend = backend(of: index) else { return .immediate }
        let number = Int(slab[index].serverIndex)
        let server = backend.servers[number]
        if !slab[index].holdsServer { take(index, server, Int32(number)) }
        let known = plans[Int(slab[index].plan)]?.backends[Int(slab[index].backend)]
            .addresses[number]
        guard let ip = known ?? nil, let port = port(of: server, for: index) else {
            return .immediate
        }
        var address = SocketAddress(ip, port: port)
        var isDone = false
        let options = backend.keepsAlive ? Int32(TANDEM_KEEP_ALIVE) : 0
        let descriptor: Int32
        if let source = server.source, source.family == address.family {
            var from = source
            descriptor = unsafe tandem_stream_connect(&address, &from, options, &isDone)
        } else {
            descriptor = unsafe tandem_stream_connect(&address, nil, options, &isDone)
        }
        guard descriptor >= 0 else {
            switch -descriptor {
            case EADDRNOTAVAIL, EADDRINUSE, EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM:
                return .exhausted
            default: return .immediate
            }
        }
        slab[index].server = End()
        slab[index].server.descriptor = descriptor
        slab[index].server.last = now
        watch(descriptor, slab.token(index, .server))
        arm(index)
        return nil
    }

    private mutating func port(of server: Server, for index: Int32) -> UInt16? {
        if case .fixed(let port) = server.line.port { return port }
        return server.line.port.port(client: localPort(of: index))
    }

    /// The port that the client connected to.
    mutating func localPort(of index: Int32) -> UInt16 {
        if slab[index].localPort == 0 {
            var own = SocketAddress()
            _ = unsafe tandem_own_address(slab[index].client.descriptor, &own)
            slab[index].localPort = own.port
        }
        return slab[index].localPort
    }

    /// An attempt has failed: the server's end is closed and the session decides.
    mutating func failed(_ index: Int32, _ failure: Session.ConnectFailure) -> Session.Effect {
        closeServerEnd(index)
        let facts = serverFacts(index)
        let rules = backend(of: index)?.rules ?? ConnectRules()
        return slab[index].session.handle(
            .connectFailed(failure, active: facts.active, serverIsUsable: facts.isUsable),
            at: now,
            rules: rules
        )
    }

    func serverFacts(_ index: Int32) -> (active: Int, isUsable: Bool) {
        guard slab[index].backend >= 0,
            let balancer = plans[Int(slab[index].plan)]?
                .backends[Int(slab[index].backend)].balancer
        else { return (0, false) }
        let number = Int(slab[index].serverIndex)
        let isUsable = number >= 0 && balancer.servers[number].isUsable
        return (balancer.activeCount, isUsable)
    }

    mutating func closeServerEnd(_ index: Int32) {
        guard slab[index].server.descriptor >= 0 else { return }
        _ = close(slab[index].server.descriptor)
        slab[index].server.descriptor = -1
        slab[index].server.flags = []
    }

    // MARK: Deadlines

    /// Puts the session where its next deadline is looked at.
    mutating func arm(_ index: Int32) {
        if let deadline = nextDeadline(of: index)?.instant {
            wheel.schedule(index, at: deadline, in: &slab)
        } else {
            wheel.cancel(index, in: &slab)
        }
    }

    private func nextDeadline(of index: Int32) -> (instant: Instant, side: Side)? {
        guard slab[index].session.phase == .established else {
            return slab[index].session.deadline.map { ($0, .server) }
        }
        guard let frontend = frontend(of: index), let backend = backend(of: index) else {
            return nil
        }
        let timeouts = IdleTimeouts(
            client: frontend.timeouts.client,
            server: backend.timeouts.server,
            tunnel: backend.timeouts.tunnel ?? frontend.timeouts.tunnel,
            clientFin: frontend.timeouts.clientFin,
            serverFin: backend.timeouts.serverFin
        )
        return timeouts.deadline(
            client: slab[index].client.activity,
            server: slab[index].server.activity
        )
    }

    /// The wheel has come to a session: its time may be over, or was put off by activity since.
    mutating func expire(_ index: Int32) {
        guard let deadline = nextDeadline(of: index) else { return }
        guard deadline.instant <= now else {
            wheel.schedule(index, at: deadline.instant, in: &slab)
            return
        }
        switch slab[index].session.phase {
        case .established: signal(index, .idle(deadline.side))
        case .connecting:
            let facts = serverFacts(index)
            closeServerEnd(index)
            signal(index, .deadline(active: facts.active, serverIsUsable: facts.isUsable))
        case .queued, .turnAround:
            let facts = serverFacts(index)
            signal(index, .deadline(active: facts.active, serverIsUsable: facts.isUsable))
        case .choosing, .closed: break
        }
    }
}

extension End {
    var activity: SideActivity {
        SideActivity(
            last: last,
            hasEnded: flags.contains(.ended),
            wasShutDown: flags.contains(.wasShutDown),
            owesRoom: hasPending
        )
    }
}
