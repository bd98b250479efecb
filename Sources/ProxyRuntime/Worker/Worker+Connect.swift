import Balancing
import CLinux
import Glibc
import HAProxySyntax
import Primitives
import Sessions

/// From an accepted client to a server: choosing, connecting, trying again.
extension Worker {
    /// Chooses a server and connects, or queues, or ends the session.
    mutating func dispatch(_ slot: Int32, _ generation: Generation, avoiding avoided: Int?) {
        let backend = Int(slab[slot].backend)
        let client = slab[slot].peer.hash
        switch generation.choose(backend: backend, client: client, avoiding: avoided, now: now) {
        case .server(let server):
            if let avoided, avoided != server { slab[slot].attempts.changedServer() }
            slab[slot].server = Int32(server)
            connect(slot, generation)
        case .allFull:
            enqueue(slot, generation)
        case .noneUsable:
            slab[slot].server = -1
            finish(slot, Termination(.serverAborted, .connect))
        }
    }

    private mutating func enqueue(_ slot: Int32, _ generation: Generation) {
        let backend = Int(slab[slot].backend)
        slab[slot].state = .queued
        slab[slot].server = -1
        slab[slot].attemptAt = now
        let entry = Generation.QueuedSession(slot: slot, stamp: slab[slot].stamp)
        let limit = generation.plan.backends[backend].queueLimit
        let hasRoom = limit == 0 || generation.queues[backend].count < limit
        guard hasRoom, generation.queues[backend].append(entry) else {
            finish(slot, Termination(.serverAborted, .queue))
            return
        }
        arm(slot)
    }

    /// A server has room again, or has come up.
    mutating func serveQueue(_ generation: Generation, _ backend: Int) {
        while let next = generation.queues[backend].first {
            let isWaiting =
                slab[next.slot].stamp == next.stamp && slab[next.slot].state == .queued
                && slab[next.slot].generation == generation.plan.generation
            guard isWaiting else {
                _ = generation.queues[backend].popFirst()
                continue
            }
            let client = slab[next.slot].peer.hash
            let choice = generation.choose(
                backend: backend,
                client: client,
                avoiding: nil,
                now: now
            )
            guard case .server(let server) = choice else { return }
            _ = generation.queues[backend].popFirst()
            slab[next.slot].server = Int32(server)
            connect(next.slot, generation)
        }
    }

    mutating func connect(_ slot: Int32, _ generation: Generation) {
        let backend = Int(slab[slot].backend)
        let server = Int(slab[slot].server)
        slab[slot].attemptAt = now
        guard let address = address(of: server, for: slot, generation) else {
            connectFailed(slot, ECONNREFUSED)
            return
        }
        let descriptor = tandem_stream_socket(Int32(address.family))
        guard descriptor >= 0 else {
            finish(slot, Termination(.resourceExhausted, .connect), resetsClient: true)
            return
        }
        _ = tandem_setsockopt_int(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        if generation.plan.backends[backend].keepsServerAlive {
            _ = tandem_setsockopt_int(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
        }
        if let source = generation.plan.backends[backend].servers[server].source {
            _ = tandem_setsockopt_int(descriptor, Int32(IPPROTO_IP), 24, 1)
            var local = tandem_address(source, port: 0)
            _ = unsafe tandem_bind_to(descriptor, &local)
        }
        slab[slot].upstream = End()
        slab[slot].upstream.descriptor = descriptor
        slab[slot].upstream.activeAt = now
        slab[slot].state = .connecting
        generation.serverSessions[backend][server] += 1
        slab[slot].isCountedAtServer = true
        var target = address
        let result = unsafe tandem_connect_to(descriptor, &target)
        guard result == 0 || result == -EINPROGRESS else {
            connectFailed(slot, -result)
            return
        }
        guard watch(slot, .upstream) else {
            finish(slot, Termination(.resourceExhausted, .connect), resetsClient: true)
            return
        }
        arm(slot)
    }

    private func address(
        of server: Int,
        for slot: Int32,
        _ generation: Generation
    ) -> tandem_address? {
        let standing = generation.servers[Int(slab[slot].backend)][server]
        guard standing.isUsable else { return nil }
        var address = standing.address
        guard let offset = standing.portOffset else { return address }
        var local = tandem_address()
        guard unsafe tandem_local_address(slab[slot].client.descriptor, &local) == 0 else {
            return nil
        }
        address.port = UInt16(clamping: Int32(local.port) + offset)
        return address
    }

    /// Something happened on a connection that is not established yet.
    mutating func handleConnecting(_ slot: Int32, _ flags: UInt32) {
        if flags & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
            let error = tandem_socket_error(slab[slot].upstream.descriptor)
            connectFailed(slot, error == 0 ? ECONNREFUSED : error)
            return
        }
        guard flags & EPOLLOUT.rawValue != 0 else { return }
        slab[slot].state = .established
        slab[slot].connectedAt = now
        slab[slot].upstream.activeAt = now
        slab[slot].client.activeAt = now
        slab[slot].upstream.mayWrite = true
        slab[slot].upstream.mayRead = true
        slab[slot].client.mayRead = true
        slab[slot].client.mayWrite = true
        wheel.disarm(slot, in: slab)
        arm(slot)
        if let generation = generations[slab[slot].generation] {
            introduceClient(slot, generation)
            logEarly(slot, generation)
        }
        transfer(slot)
    }

    /// `send-proxy`: the header waits like bytes that did not fit, and so goes first.
    private mutating func introduceClient(_ slot: Int32, _ generation: Generation) {
        let line = generation.plan.backends[Int(slab[slot].backend)].servers[Int(slab[slot].server)]
        guard let version = line.sendProxyVersion else { return }
        var local = tandem_address()
        _ = unsafe tandem_local_address(slab[slot].client.descriptor, &local)
        let header = ProxyHeader(
            client: slab[slot].peer.ip,
            clientPort: slab[slot].peer.port,
            destination: local.ip,
            destinationPort: local.port
        ).encode(version: version)
        let block = unsafe buffers.take()
        unsafe block.copyMemory(from: header, byteCount: header.count)
        unsafe slab[slot].upstream.pending = block
        slab[slot].upstream.pendingStart = 0
        slab[slot].upstream.pendingEnd = Int32(header.count)
    }

    /// The attempt failed at once, by the network's answer, or by `timeout connect` (`ETIMEDOUT`).
    mutating func connectFailed(_ slot: Int32, _ error: Int32) {
        guard let generation = generations[slab[slot].generation] else { return }
        let backend = Int(slab[slot].backend)
        leaveServer(slot, generation)
        closeUpstream(slot)
        let timedOut = error == ETIMEDOUT
        let timeout = slab[slot].connectTimeout
        switch slab[slot].attempts.failed(
            wasRefused: !timedOut,
            canChoose: generation.hasChoice(backend: backend),
            connectTimeout: timeout > 0 ? .milliseconds(Int64(timeout)) : nil
        ) {
        case .giveUp:
            let cause: Termination.Cause = timedOut ? .serverTimedOut : .serverAborted
            finish(slot, Termination(cause, .connect))
        case .anotherServer(let delay):
            guard delay > .zero else {
                dispatch(slot, generation, avoiding: Int(slab[slot].server))
                return
            }
            wait(slot, delay, thenChoose: true)
        case .sameServer(let delay): wait(slot, delay, thenChoose: false)
        }
    }

    private mutating func wait(_ slot: Int32, _ delay: Duration, thenChoose: Bool) {
        slab[slot].state = .waiting
        slab[slot].choosesAgain = thenChoose
        slab[slot].retryAt = now + UInt64(max(delay.milliseconds, 0))
        wheel.disarm(slot, in: slab)
        arm(slot)
    }

    /// The pause between two attempts is over.
    mutating func tryAgain(_ slot: Int32) {
        guard let generation = generations[slab[slot].generation] else { return }
        if slab[slot].choosesAgain {
            dispatch(slot, generation, avoiding: Int(slab[slot].server))
        } else {
            connect(slot, generation)
        }
    }

    mutating func leaveServer(_ slot: Int32, _ generation: Generation) {
        guard slab[slot].isCountedAtServer else { return }
        slab[slot].isCountedAtServer = false
        let backend = Int(slab[slot].backend)
        generation.serverSessions[backend][Int(slab[slot].server)] -= 1
        if !generation.queues[backend].isEmpty { serveQueue(generation, backend) }
    }

    func closeUpstream(_ slot: Int32) {
        let descriptor = slab[slot].upstream.descriptor
        guard descriptor >= 0 else { return }
        _ = close(descriptor)
        slab[slot].upstream.descriptor = -1
    }
}
