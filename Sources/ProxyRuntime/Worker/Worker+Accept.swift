import CLinux
import Glibc
import LinuxIO
import Sessions
import Synchronization

/// Taking clients in, and leaving them to the kernel's queue while a limit is reached.
extension Worker {
    mutating func accept(_ index: Int) {
        guard index < listeners.count, isListening[index], let current else { return }
        let frontend = listeners[index].frontend
        for _ in 0..<Self.acceptBurst {
            guard hasRoom(frontend, current) else {
                pauseFull(frontend, current)
                return
            }
            var peer = tandem_address()
            let descriptor = unsafe tandem_accept_from(listeners[index].descriptor, &peer)
            guard descriptor >= 0 else {
                acceptFailed(-descriptor)
                return
            }
            begin(descriptor, from: peer, listener: index, current)
        }
    }

    /// Out of descriptors or memory: the kernel keeps the clients for a moment.
    private mutating func acceptFailed(_ error: Int32) {
        guard [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error) else { return }
        acceptPausedUntil = now + 100
        for index in listeners.indices { pause(index) }
    }

    func hasRoom(_ frontend: Int, _ generation: Generation) -> Bool {
        slab.used < min(slab.capacity, generation.plan.maxconn)
            && generation.frontendSessions[frontend] < generation.plan.frontends[frontend].maxconn
    }

    private mutating func pauseFull(_ frontend: Int, _ generation: Generation) {
        let isProcessFull = slab.used >= min(slab.capacity, generation.plan.maxconn)
        for index in listeners.indices
        where isProcessFull || listeners[index].frontend == frontend {
            pause(index)
        }
    }

    mutating func pause(_ index: Int) {
        guard isListening[index] else { return }
        isListening[index] = false
        _ = tandem_epoll_ctl(epoll.rawValue, EPOLL_CTL_DEL, listeners[index].descriptor, 0, 0)
    }

    /// Several loops share a listener: each connection wakes one of them (`EPOLLEXCLUSIVE`).
    mutating func resume(_ index: Int) {
        guard !isListening[index] else { return }
        let result = tandem_epoll_ctl(
            epoll.rawValue,
            EPOLL_CTL_ADD,
            listeners[index].descriptor,
            EPOLLIN.rawValue | 1 << 28,
            Self.listenerBit | UInt64(index)
        )
        isListening[index] = result == 0
    }

    /// At the end of each turn: listeners whose limit is no longer reached.
    mutating func resumeAccepting() {
        guard !isDraining, now >= acceptPausedUntil, let current else { return }
        for index in listeners.indices
        where !isListening[index] && hasRoom(listeners[index].frontend, current) {
            resume(index)
        }
    }

    private mutating func begin(
        _ descriptor: Int32,
        from peer: tandem_address,
        listener index: Int,
        _ generation: Generation
    ) {
        let frontend = listeners[index].frontend
        guard let slot = slab.take() else {
            _ = close(descriptor)
            return
        }
        let plan = generation.plan.frontends[frontend]
        slab[slot].generation = generation.plan.generation
        slab[slot].frontend = Int32(frontend)
        slab[slot].client.descriptor = descriptor
        slab[slot].client.activeAt = now
        slab[slot].peer = peer
        slab[slot].acceptedWall = Clock.wall
        slab[slot].acceptedAt = now
        slab[slot].clientTimeout = plan.clientTimeout
        slab[slot].tunnelTimeout = plan.tunnelTimeout
        slab[slot].clientFinTimeout = plan.clientFinTimeout
        slab[slot].state = .queued
        generation.sessions += 1
        generation.frontendSessions[frontend] += 1
        channel.sessions.add(1, ordering: .relaxed)
        channel.sessionsEver.add(1, ordering: .relaxed)
        if plan.keepsClientAlive {
            _ = tandem_setsockopt_int(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
        }
        guard watch(slot, .client) else {
            finish(slot, Termination(.resourceExhausted, .connect), resetsClient: true)
            return
        }
        guard let backend = plan.backend else {
            finish(slot, Termination(.serverAborted, .connect))
            return
        }
        let target = generation.plan.backends[backend]
        slab[slot].backend = Int32(backend)
        slab[slot].serverTimeout = target.serverTimeout
        slab[slot].serverFinTimeout = target.serverFinTimeout
        slab[slot].connectTimeout = target.connectTimeout
        slab[slot].queueTimeout = target.queueTimeout
        slab[slot].attempts = ConnectAttempts(
            retries: target.retries,
            redispatch: target.redispatch
        )
        generation.backendSessions[backend] += 1
        guard listeners[index].expectsHeader else {
            dispatch(slot, generation, avoiding: nil)
            return
        }
        slab[slot].state = .introducing
        arm(slot)
    }

    /// `accept-proxy`: who the client is stands in front of what it says.
    mutating func readIntroduction(_ slot: Int32) {
        guard let generation = generations[slab[slot].generation] else { return }
        let descriptor = slab[slot].client.descriptor
        var bytes = [UInt8](repeating: 0, count: ProxyHeader.limit)
        let count = unsafe recv(
            descriptor,
            &bytes,
            bytes.count,
            Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)
        )
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        switch count > 0 ? ProxyHeader.read(Array(bytes.prefix(count))) : .invalid {
        case .incomplete: return
        case .invalid: finish(slot, Termination(.proxyDenied, .connect), resetsClient: true)
        case .header(let header, let length):
            _ = unsafe recv(descriptor, &bytes, length, Int32(MSG_DONTWAIT))
            if let header {
                slab[slot].peer = tandem_address(header.client, port: header.clientPort)
            }
            slab[slot].state = .queued
            wheel.disarm(slot, in: slab)
            dispatch(slot, generation, avoiding: nil)
        }
    }

    /// Once, edge-triggered, for everything: nothing is changed until the descriptor is closed.
    func watch(_ slot: Int32, _ side: Side) -> Bool {
        let descriptor =
            side == .client ? slab[slot].client.descriptor : slab[slot].upstream.descriptor
        let interest =
            EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        let token = token(slot, side)
        return tandem_epoll_ctl(epoll.rawValue, EPOLL_CTL_ADD, descriptor, interest, token) == 0
    }
}
