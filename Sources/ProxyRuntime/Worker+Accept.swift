import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions

/// Taking connections in, and leaving them in the kernel's queue when there are enough.
extension Worker {
    /// After running out of descriptors nothing is accepted for so long.
    private static let exhaustionPause: Duration = .milliseconds(100)

    mutating func accept(at position: Int) {
        let entrance = entrances[position]
        guard entrance.isArmed, let plan = plans[Int(entrance.plan)]?.plan else { return }
        let listener = entrance.listener
        let frontend = plan.frontends[listener.frontend]
        for _ in 0..<Budget.accepts {
            guard take(listener, frontend) else {
                pause(position)
                return
            }
            var peer = SocketAddress()
            let descriptor = unsafe tandem_stream_accept(
                entrance.socket.descriptor.rawValue,
                &peer
            )
            guard descriptor >= 0 else {
                giveBack(listener, frontend)
                switch -descriptor {
                // The network's errors of a connection that was never ours (accept(2)).
                case EINTR, ECONNABORTED, ENETDOWN, EPROTO, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH:
                    continue
                case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                    pause(position)
                    entrances[position].rest = now + Self.exhaustionPause
                default: break
                }
                return
            }
            begin(descriptor, from: peer, at: entrance, frontend)
        }
    }

    private func take(_ listener: Plan.Listener, _ frontend: Frontend) -> Bool {
        guard limit.take() else { return false }
        guard frontend.connections.take(limit: frontend.maxconn) else {
            limit.connections.add(-1)
            return false
        }
        guard listener.connections.take(limit: listener.maxconn) else {
            limit.connections.add(-1)
            frontend.connections.add(-1)
            return false
        }
        return true
    }

    func giveBack(_ listener: Plan.Listener, _ frontend: Frontend) {
        limit.connections.add(-1)
        frontend.connections.add(-1)
        listener.connections.add(-1)
    }

    private mutating func begin(
        _ descriptor: Int32,
        from peer: SocketAddress,
        at entrance: Entrance,
        _ frontend: Frontend
    ) {
        let index = slab.allocate()
        slab[index].session = Session(acceptedAt: now)
        slab[index].peer = peer
        slab[index].acceptedWall = Clock.wall
        slab[index].plan = entrance.plan
        slab[index].listener = entrance.index
        slab[index].frontend = Int32(entrance.listener.frontend)
        slab[index].client.descriptor = descriptor
        slab[index].client.flags = .writable
        slab[index].client.last = now
        plans[Int(entrance.plan)]?.sessions += 1
        frontend.accepted.add(1)
        watch(descriptor, slab.token(index, .client))
        if !frontend.logsSessions { logConnect(index, frontend) }
        guard let backend = frontend.backend else {
            signal(index, .noServer)
            return
        }
        slab[index].backend = Int32(backend)
        if let backend = self.backend(of: index) {
            backend.connections.add(1)
            backend.total.add(1)
        }
        if entrance.listener.readsProxyHeader {
            slab[index].awaitsProxyHeader = true
            return
        }
        perform(choose(index, fromQueue: false), index)
    }

    /// Once for its whole life; what happens is reported as it happens.
    func watch(_ descriptor: Int32, _ token: UInt64) {
        let interest =
            EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
        _ = tandem_epoll_ctl(epoll.rawValue, EPOLL_CTL_ADD, descriptor, interest, token)
    }

    // MARK: Entrances

    /// Leaves new connections in the kernel's queue.
    private mutating func pause(_ position: Int) {
        guard entrances[position].isArmed else { return }
        entrances[position].isArmed = false
        entrances[position].rest = .zero
        _ = tandem_epoll_ctl(
            epoll.rawValue,
            EPOLL_CTL_DEL,
            entrances[position].socket.descriptor.rawValue,
            0,
            0
        )
    }

    /// Level-triggered; with several workers the kernel wakes one of them for a connection.
    mutating func reopenEntrances() {
        for position in entrances.indices where !entrances[position].isArmed {
            let entrance = entrances[position]
            guard entrance.rest <= now, limit.hasRoom,
                let plan = plans[Int(entrance.plan)]?.plan
            else { continue }
            let frontend = plan.frontends[entrance.listener.frontend]
            guard frontend.connections.value < frontend.maxconn,
                entrance.listener.connections.value < entrance.listener.maxconn
            else { continue }
            let interest = EPOLLIN.rawValue | (isAlone ? 0 : EPOLLEXCLUSIVE.rawValue)
            let result = tandem_epoll_ctl(
                epoll.rawValue,
                EPOLL_CTL_ADD,
                entrance.socket.descriptor.rawValue,
                interest,
                Self.listenerToken | UInt64(position)
            )
            entrances[position].isArmed = result == 0
        }
    }

    mutating func closeEntrances(where matches: (Entrance) -> Bool) {
        for position in entrances.indices where matches(entrances[position]) { pause(position) }
        entrances.removeAll(where: matches)
    }
}
