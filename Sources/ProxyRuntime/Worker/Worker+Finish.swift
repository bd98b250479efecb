import CLinux
import Glibc
import HAProxySyntax
import Primitives
import Sessions
import Synchronization

/// The end of a session: log, close, give back.
extension Worker {
    mutating func finish(_ slot: Int32, _ termination: Termination, resetsClient: Bool = false) {
        guard slab[slot].state != .free,
            let generation = generations[slab[slot].generation]
        else { return }
        let state = slab[slot].state
        wheel.disarm(slot, in: slab)
        if slab[slot].backend >= 0 {
            generation.backendSessions[Int(slab[slot].backend)] -= 1
        }
        if slab[slot].isCountedAtServer {
            slab[slot].isCountedAtServer = false
            let server = Int(slab[slot].server)
            generation.serverSessions[Int(slab[slot].backend)][server] -= 1
        }
        if !slab[slot].wasLogged { log(slot, termination, state, generation) }
        let frontend = generation.plan.frontends[Int(slab[slot].frontend)]
        let resetsServer =
            slab[slot].backend >= 0
            && generation.plan.backends[Int(slab[slot].backend)].resetsServers
        close(
            slot,
            resetsClient: resetsClient || frontend.resetsClients,
            resetsServer: resetsServer
        )
        generation.sessions -= 1
        generation.frontendSessions[Int(slab[slot].frontend)] -= 1
        channel.sessions.subtract(1, ordering: .relaxed)
        slab[slot].state = .free
        retired.append(slot)
        let backend = Int(slab[slot].backend)
        if backend >= 0, !generation.queues[backend].isEmpty { serveQueue(generation, backend) }
        if generation.sessions == 0, generation !== current {
            generations[generation.plan.generation] = nil
        }
        if isDraining, slab.used == retired.count {
            channel.isDrained.store(true, ordering: .relaxed)
        }
    }

    private mutating func close(_ slot: Int32, resetsClient: Bool, resetsServer: Bool) {
        if let block = unsafe slab[slot].client.pending { unsafe buffers.give(block) }
        if let block = unsafe slab[slot].upstream.pending { unsafe buffers.give(block) }
        unsafe slab[slot].client.pending = nil
        unsafe slab[slot].upstream.pending = nil
        let isClean =
            !resetsServer && slab[slot].client.isShut && slab[slot].upstream.isShut
        if slab[slot].upstream.descriptor >= 0 {
            if isClean {
                _ = Glibc.close(slab[slot].upstream.descriptor)
            } else {
                tandem_reset(slab[slot].upstream.descriptor)
            }
        }
        if resetsClient {
            tandem_reset(slab[slot].client.descriptor)
        } else {
            _ = Glibc.close(slab[slot].client.descriptor)
        }
        slab[slot].client.descriptor = -1
        slab[slot].upstream.descriptor = -1
    }

    /// `option logasap`: the line is written when the server is reached, not when the session ends.
    mutating func logEarly(_ slot: Int32, _ generation: Generation) {
        guard generation.plan.frontends[Int(slab[slot].frontend)].logsEarly else { return }
        log(slot, .normal, .established, generation, isEarly: true)
        slab[slot].wasLogged = true
    }

    private mutating func log(
        _ slot: Int32,
        _ termination: Termination,
        _ state: SessionState,
        _ generation: Generation,
        isEarly: Bool = false
    ) {
        let frontend = generation.plan.frontends[Int(slab[slot].frontend)]
        guard !frontend.logs.isEmpty else { return }
        if frontend.skipsNull, !isEarly, slab[slot].bytesIn == 0, slab[slot].bytesOut == 0,
            termination.cause == .none || termination.cause == .clientAborted
        {
            return
        }
        let client = slab[slot].peer.ip
        guard frontend.logsSessions else {
            let line = "Connect from \(client):\(slab[slot].peer.port) to \(frontend.name)"
            logs.send(line, level: .info, to: frontend.logs)
            return
        }
        let backend = slab[slot].backend >= 0 ? Int(slab[slot].backend) : nil
        let server = slab[slot].server
        let wasEstablished = state == .established
        let hasDispatched = slab[slot].attemptAt > 0 && state != .queued && server >= 0
        let record = SessionRecord(
            client: client,
            clientPort: slab[slot].peer.port,
            accepted: localTime(slab[slot].acceptedWall),
            frontend: frontend.name,
            backend: backend.map { generation.plan.backends[$0].name } ?? frontend.name,
            server: backend.flatMap { index in
                server >= 0 ? generation.plan.backends[index].servers[Int(server)].name : nil
            },
            waitTime: hasDispatched
                ? Int(slab[slot].attemptAt - slab[slot].acceptedAt)
                : state == .queued && slab[slot].attemptAt > 0
                    ? Int(now - slab[slot].acceptedAt) : -1,
            connectTime: wasEstablished ? Int(slab[slot].connectedAt - slab[slot].attemptAt) : -1,
            totalTime: Int(now - slab[slot].acceptedAt),
            bytes: slab[slot].bytesOut,
            termination: termination,
            processConnections: channel.sessions.load(ordering: .relaxed),
            frontendConnections: generation.frontendSessions[Int(slab[slot].frontend)],
            backendConnections: backend.map { generation.backendSessions[$0] } ?? 0,
            serverConnections: backend.flatMap { index in
                server >= 0 ? generation.serverSessions[index][Int(server)] : nil
            } ?? 0,
            retries: slab[slot].attempts.used,
            wasRedispatched: slab[slot].attempts.wasRedispatched,
            isEarly: isEarly
        )
        logs.send(record.tcpLogLine, level: .info, to: frontend.logs)
    }
}
