import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions

/// How far moving bytes from one end to the other has come.
enum Pumped {
    /// Nothing more can be done until the kernel reports something.
    case waits
    /// There is more, for a later turn.
    case again
    case ended
    case failed(Side)
}

/// What a session does when the kernel reports something of its sockets.
extension Worker where E: ~Copyable {
    @inline(__always)
    mutating func socketReady(_ slot: Slot, _ side: Side, _ events: UInt32) {
        let before = slot.end(side).pointee.flags
        var flags = before
        flags.insert(epoll: events)
        slot.end(side).pointee.flags = flags
        switch slot.pointee.session.phase {
        case .established:
            pump(slot, after: side, flags.subtracting(before.intersection(.writable)))
        case .connecting:
            switch side {
            case .server: connectAnswered(slot, events)
            case .client: clientSpoke(slot)
            }
        case .choosing, .queued, .turnAround: clientSpoke(slot)
        case .closed: break
        }
    }

    /// The kernel knows how the attempt to connect went.
    private mutating func connectAnswered(_ slot: Slot, _ events: UInt32) {
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
            let error = tandem_socket_error(slot.pointee.server.descriptor)
            if error != 0 || events & EPOLLOUT.rawValue == 0 {
                perform(failed(slot, .answered), slot)
                return
            }
        }
        guard events & EPOLLOUT.rawValue != 0 else { return }
        signal(slot, .connected)
    }

    /// Before there is a server, a client can only go away, or say who it is (`accept-proxy`).
    private mutating func clientSpoke(_ slot: Slot) {
        if slot.pointee.client.flags.contains(.broken) {
            signal(slot, .failed(.client))
            return
        }
        if slot.pointee.client.flags.contains(.readable) { slot.pointee.client.last = now }
        if slot.pointee.awaitsProxyHeader {
            readProxyHeader(slot)
            return
        }
        if slot.pointee.step != .none {
            inspect(slot, isFinal: false)
            return
        }
        // The server's answer may be in the same batch: it comes first.
        if slot.pointee.client.flags.contains(.ending) { resumeLater(slot) }
    }

    mutating func resumeLater(_ slot: Slot) {
        guard !slot.pointee.isReady else { return }
        slot.pointee.isReady = true
        ready.append(slot.pointee.token(.client))
    }

    /// A session whose turn was put off.
    mutating func resume(_ slot: Slot) {
        switch slot.pointee.session.phase {
        case .established: pump(slot)
        case .choosing, .queued, .connecting, .turnAround: reviewLeaving(slot)
        case .closed: break
        }
    }

    /// A client that has ended before there is a server is gone, unless it left something to be served
    /// (`option abortonclose`: even then).
    mutating func reviewLeaving(_ slot: Slot) {
        let descriptor = E.clientDescriptor(&self, slot)
        let waiting = unsafe tandem_stream_peek(descriptor, scratch, 1)
        let abandons =
            slot.pointee.frontend?.pointee.frontend.abortsOnClose == true
            || slot.pointee.backend?.pointee.backend.abortsOnClose == true
        if waiting == 0 || abandons { signal(slot, .ended(.client)) }
    }

    mutating func beginTransfer(_ slot: Slot) {
        slot.pointee.client.last = now
        slot.pointee.server.last = now
        slot.pointee.server.flags.insert(.writable)
        slot.pointee.client.flags.insert(.readable)
        if let frontend = slot.pointee.frontend, frontend.pointee.wantsLines,
            frontend.pointee.logsAtConnect, frontend.pointee.logsSessions
        {
            logSession(slot, frontend, atConnect: true)
            slot.pointee.isLogged = true
        }
        if let backend = slot.pointee.backend, backend.pointee.remembers {
            remember(slot, backend)
        }
        // Both sides count from now: nothing is due before the shortest of the timeouts.
        if let frontend = slot.pointee.frontend, frontend.pointee.shortestTimeout < .max {
            let first = now.advanced(byNanoseconds: frontend.pointee.shortestTimeout)
            wheel.schedule(slot, at: first, in: slab)
        }
        announceClient(slot)
        E.transfer(&self, slot)
    }

    /// `send-proxy`, `send-proxy-v2`: the first bytes that the server gets.
    @inline(__always)
    private mutating func announceClient(_ slot: Slot) {
        guard let backend = slot.pointee.backend else { return }
        let version = backend.pointee.servers[Int(slot.pointee.serverIndex)].pointee
            .proxyHeaderVersion
        if version > 0 { announceClient(slot, version: Int(version)) }
    }

    func shutDownSocket(_ slot: Slot, _ side: Side) {
        _ = shutdown(slot.end(side).pointee.descriptor, Int32(SHUT_WR))
    }
}
