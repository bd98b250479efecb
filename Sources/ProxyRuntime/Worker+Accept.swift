import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions

/// Taking connections in, and leaving them in the kernel's queue when there are enough.
extension Worker where E: ~Copyable {
    /// `isLast`: whether or not it takes anybody at present, its socket goes.
    mutating func accept(at position: Int, isLast: Bool = false) {
        let listener = entrances[position].listener
        let socket = entrances[position].socket.descriptor.rawValue
        for _ in 0..<TurnBudget.accepts {
            guard entrances[position].isArmed || isLast else { return }
            guard take(listener) else {
                pause(position)
                return
            }
            var peer = SocketAddress()
            let descriptor = unsafe tandem_stream_accept(socket, &peer)
            guard descriptor >= 0 else {
                giveBack(listener)
                switch -descriptor {
                // The network's errors of a connection that was never ours (accept(2)).
                case EINTR, ECONNABORTED, ENETDOWN, EPROTO, EHOSTDOWN, EHOSTUNREACH, ENETUNREACH:
                    continue
                case EMFILE, ENFILE, ENOBUFS, ENOMEM: rest(position)
                default: break
                }
                return
            }
            guard let slot = begin(descriptor, from: peer, at: listener) else {
                giveBack(listener)
                _ = Glibc.close(descriptor)
                continue
            }
            guard watch(descriptor, slot.pointee.token(.client)) else {
                signal(slot, .killed(.resources))
                continue
            }
            welcome(slot)
        }
    }

    /// A place in the process, the frontend and the listener.
    @inline(__always)
    func take(_ listener: Pinned<LiveListener>) -> Bool {
        guard limit.take() else { return false }
        let frontend = listener.pointee.frontend
        guard frontend.pointee.connections.take(limit: frontend.pointee.maxconn) else {
            limit.connections.add(-1)
            return false
        }
        guard listener.pointee.connections.take(limit: listener.pointee.maxconn) else {
            limit.connections.add(-1)
            frontend.pointee.connections.add(-1)
            return false
        }
        return true
    }

    @inline(__always)
    func giveBack(_ listener: Pinned<LiveListener>) {
        limit.connections.add(-1)
        listener.pointee.frontend.pointee.connections.add(-1)
        listener.pointee.connections.add(-1)
    }

    /// A session for an accepted connection; nil: the slab is full.
    @inline(__always)
    mutating func begin(
        _ descriptor: Int32,
        from peer: SocketAddress,
        at listener: Pinned<LiveListener>
    ) -> Slot? {
        guard let slot = slab.allocate(at: now) else { return nil }
        let frontend = listener.pointee.frontend
        slot.pointee.peer = peer
        slot.pointee.listener = listener
        slot.pointee.frontend = frontend
        slot.pointee.client.descriptor = descriptor
        slot.pointee.client.flags = .writable
        slot.pointee.client.last = now
        if frontend.pointee.wantsLines { slot.pointee.acceptedWall = Clock.wall }
        frontend.pointee.plan.pointee.sessions += 1
        countAccepted(listener)
        return slot
    }

    /// The first step of a session.
    mutating func welcome(_ slot: Slot) {
        guard let listener = slot.pointee.listener else { return }
        let frontend = listener.pointee.frontend
        if let rules = frontend.pointee.rulebook,
            !admits(slot, by: rules, rules.connection, refused: .deniedConnections)
        {
            return
        }
        if frontend.pointee.wantsLines, !frontend.pointee.logsSessions {
            logConnect(slot, frontend)
        }
        if listener.pointee.readsProxyHeader {
            slot.pointee.awaitsProxyHeader = true
            limitWait(slot)
            arm(slot)
            return
        }
        enter(slot)
    }

    /// Once for its whole life; what happens is reported as it happens.
    /// False: the kernel has no room for it.
    func watch(_ descriptor: Int32, _ token: UInt64) -> Bool {
        let interest =
            EPOLLIN.rawValue | EPOLLPRI.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue
            | EPOLLET.rawValue
        return tandem_epoll_ctl(epoll.rawValue, EPOLL_CTL_ADD, descriptor, interest, token) == 0
    }

    // MARK: Entrances

    mutating func pause(_ position: Int) {
        guard entrances[position].isArmed else { return }
        entrances[position].isArmed = false
        entrances[position].rest = .zero
        closedEntrances += 1
        E.close(&self, entrance: position)
    }

    /// The table of descriptors is full: nothing is accepted for a tenth of a second.
    mutating func rest(_ position: Int) {
        pause(position)
        entrances[position].rest = now.advanced(byNanoseconds: 100_000_000)
        pipes.closeSpare(at: now)
    }

    /// The spare descriptor has given way for a server's connection: whoever was accepted now would get none.
    mutating func restEverywhere() {
        for position in entrances.indices { rest(position) }
    }

    mutating func reopenEntrances() {
        guard !isPaused, limit.hasRoom, spare.isThere(copyOf: epoll) else { return }
        for position in entrances.indices where !entrances[position].isArmed {
            guard entrances[position].rest <= now,
                entrances[position].listener.pointee.hasRoom
            else { continue }
            guard E.open(&self, entrance: position) else { continue }
            entrances[position].isArmed = true
            closedEntrances -= 1
        }
    }

    mutating func closeEntrances() {
        for position in entrances.indices { pause(position) }
        entrances.removeAll()
        closedEntrances = 0
    }

    /// Level-triggered; where several workers wait at one socket the kernel wakes one of them for a connection.
    func watchEntrance(_ position: Int) -> Bool {
        let interest =
            EPOLLIN.rawValue | (entrances[position].isShared ? EPOLLEXCLUSIVE.rawValue : 0)
        let result = tandem_epoll_ctl(
            epoll.rawValue,
            EPOLL_CTL_ADD,
            entrances[position].socket.descriptor.rawValue,
            interest,
            WorkerToken.entrance | UInt64(position)
        )
        return result == 0
    }

    func ignoreEntrance(_ position: Int) {
        _ = tandem_epoll_ctl(
            epoll.rawValue,
            EPOLL_CTL_DEL,
            entrances[position].socket.descriptor.rawValue,
            0,
            0
        )
    }
}
