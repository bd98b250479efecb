import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions

/// Bytes from one end to the other.
///
/// An end is read only while the other can be written to, so that nothing piles up here: what a write does not
/// take is at most one read's worth, and waits in a lent buffer. The sender is held back by its own window.
extension Worker {
    private enum Pumped {
        /// Nothing more can be done until the kernel reports something.
        case waits
        /// There is more, for a later turn.
        case again
        case ended
        case failed(Side)
    }

    // MARK: Events

    @inline(__always)
    mutating func sessionReady(_ index: Int32, _ side: Side, _ events: UInt32) {
        var flags = slab[index][side].flags
        if events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLHUP.rawValue) != 0 {
            flags.insert(.readable)
        }
        if events & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue) != 0 { flags.insert(.ending) }
        if events & EPOLLERR.rawValue != 0 { flags.formUnion([.readable, .broken]) }
        if events & EPOLLOUT.rawValue != 0 { flags.insert(.writable) }
        slab[index][side].flags = flags
        switch slab[index].session.phase {
        case .established: transfer(index)
        case .connecting:
            if side == .server { connectAnswered(index, events) } else { clientSpoke(index) }
        case .choosing, .queued, .turnAround: clientSpoke(index)
        case .closed: break
        }
    }

    /// The kernel knows how the attempt to connect went.
    private mutating func connectAnswered(_ index: Int32, _ events: UInt32) {
        if events & (EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
            let error = tandem_socket_error(slab[index].server.descriptor)
            if error != 0 || events & EPOLLOUT.rawValue == 0 {
                perform(failed(index, .answered), index)
                return
            }
        }
        guard events & EPOLLOUT.rawValue != 0 else { return }
        signal(index, .connected)
    }

    /// Before there is a server, a client can only go away, or say who it is (`accept-proxy`).
    private mutating func clientSpoke(_ index: Int32) {
        if slab[index].client.flags.contains(.broken) {
            signal(index, .failed(.client))
            return
        }
        if slab[index].awaitsProxyHeader {
            readProxyHeader(index)
            return
        }
        // The server's answer may be in the same batch: it comes first.
        if slab[index].client.flags.contains(.ending) { resumeLater(index) }
    }

    private mutating func resumeLater(_ index: Int32) {
        guard !slab[index].isReady else { return }
        slab[index].isReady = true
        ready.append(slab.token(index, .client))
    }

    /// A session whose turn was put off.
    mutating func resume(_ index: Int32) {
        switch slab[index].session.phase {
        case .established: transfer(index)
        case .choosing, .queued, .connecting, .turnAround: reviewLeaving(index)
        case .closed: break
        }
    }

    /// A client that has ended before there is a server is gone, unless it left something to be served
    /// (`option abortonclose`: even then).
    private mutating func reviewLeaving(_ index: Int32) {
        let descriptor = slab[index].client.descriptor
        let waiting = unsafe tandem_stream_peek(descriptor, scratch, 1)
        let abandons =
            frontend(of: index)?.abortsOnClose == true
            || backend(of: index)?.abortsOnClose == true
        if waiting == 0 || abandons { signal(index, .ended(.client)) }
    }

    private mutating func readProxyHeader(_ index: Int32) {
        let descriptor = slab[index].client.descriptor
        let count = unsafe tandem_stream_peek(descriptor, scratch, ProxyHeader.maximumSize)
        guard count > 0 else {
            if count == 0 { signal(index, .ended(.client)) }
            return
        }
        let bytes = unsafe Array(UnsafeRawBufferPointer(start: scratch, count: Int(count)))
        switch ProxyHeader.read(bytes) {
        case .incomplete:
            if slab[index].client.flags.contains(.ending) { signal(index, .ended(.client)) }
        case .malformed: signal(index, .failed(.client))
        case .header(let size, let client):
            _ = unsafe tandem_stream_receive(descriptor, scratch, size)
            if let client { slab[index].peer = client }
            slab[index].awaitsProxyHeader = false
            perform(choose(index, fromQueue: false), index)
        }
    }

    mutating func beginTransfer(_ index: Int32) {
        slab[index].client.last = now
        slab[index].server.last = now
        slab[index].server.flags.insert(.writable)
        slab[index].client.flags.insert(.readable)
        if let frontend = frontend(of: index), frontend.logsAtConnect, frontend.logsSessions {
            logSession(index, frontend, atConnect: true)
            slab[index].isLogged = true
        }
        arm(index)
        announceClient(index)
        transfer(index)
    }

    /// `send-proxy`, `send-proxy-v2`: the first bytes that the server gets.
    private mutating func announceClient(_ index: Int32) {
        guard let backend = backend(of: index),
            let version = backend.servers[Int(slab[index].serverIndex)].line.sendProxyVersion
        else { return }
        var own = SocketAddress()
        _ = unsafe tandem_own_address(slab[index].client.descriptor, &own)
        let header = ProxyHeader.write(version: version, from: slab[index].peer, to: own)
        let buffer = pool.take()
        unsafe header.withUnsafeBytes { bytes in
            unsafe UnsafeMutableRawBufferPointer(
                start: buffer.address(at: 0),
                count: BufferPool.bufferSize
            ).copyMemory(from: bytes)
        }
        slab[index].server.pending = buffer
        slab[index].server.pendingStart = 0
        slab[index].server.pendingEnd = Int32(header.count)
    }

    // MARK: Pumping

    mutating func transfer(_ index: Int32) {
        var hasMore = false
        for side in [Side.client, .server] {
            switch pump(index, from: side) {
            case .waits: break
            case .again: hasMore = true
            case .ended:
                let before = slab[index].generation
                signal(index, .ended(side))
                if slab[index].generation != before { return }
            case .failed(let side):
                signal(index, .failed(side))
                return
            }
        }
        if hasMore {
            resumeLater(index)
            return
        }
        // Reading has not met the error because the other end takes nothing: it counts all the same.
        if slab[index].client.flags.contains(.broken) {
            signal(index, .failed(.client))
        } else if slab[index].server.flags.contains(.broken) {
            signal(index, .failed(.server))
        }
    }

    private mutating func pump(_ index: Int32, from source: Side) -> Pumped {
        let target = source.other
        if slab[index][target].hasPending {
            guard slab[index][target].flags.contains(.writable) else { return .waits }
            switch flush(index, target) {
            case .done: break
            case .blocked: return .waits
            case .broken: return .failed(target)
            }
        }
        if slab[index][source].flags.contains(.ended) { return .waits }
        let from = slab[index][source].descriptor
        let to = slab[index][target].descriptor
        for _ in 0..<Budget.reads {
            guard slab[index][source].flags.contains(.readable),
                slab[index][target].flags.contains(.writable)
            else { return .waits }
            guard pool.hasRoom else { return .again }
            let count = unsafe tandem_stream_receive(from, scratch, BufferPool.bufferSize)
            if count == 0 {
                slab[index][source].flags.insert(.ended)
                return .ended
            }
            guard count > 0 else {
                if count == -Int64(EAGAIN) {
                    slab[index][source].flags.remove(.readable)
                    return .waits
                }
                if count == -Int64(EINTR) { continue }
                return .failed(source)
            }
            slab[index][source].received &+= UInt64(count)
            slab[index][source].last = now
            let sent = unsafe tandem_stream_send(to, scratch, Int(count))
            if sent == count {
                slab[index][target].last = now
            } else if sent >= 0 || sent == -Int64(EAGAIN) || sent == -Int64(EINTR) {
                keep(index, target, from: Int(max(sent, 0)), count: Int(count))
                return .waits
            } else {
                return .failed(target)
            }
            // A short read has emptied the socket: what comes later is a new edge.
            if count < BufferPool.bufferSize, !slab[index][source].flags.contains(.ending) {
                slab[index][source].flags.remove(.readable)
                return .waits
            }
        }
        return .again
    }

    /// Keeps what the target did not take of the scratch.
    private mutating func keep(_ index: Int32, _ target: Side, from start: Int, count: Int) {
        let buffer = pool.take()
        unsafe buffer.address(at: 0).copyMemory(
            from: scratch + start,
            byteCount: count - start
        )
        if start > 0 { slab[index][target].last = now }
        slab[index][target].pending = buffer
        slab[index][target].pendingStart = 0
        slab[index][target].pendingEnd = Int32(count - start)
        slab[index][target].flags.remove(.writable)
    }

    private enum Flushed {
        case done
        case blocked
        case broken
    }

    private mutating func flush(_ index: Int32, _ side: Side) -> Flushed {
        guard let buffer = slab[index][side].pending else { return .done }
        let start = slab[index][side].pendingStart
        let count = slab[index][side].pendingEnd - start
        let sent = unsafe tandem_stream_send(
            slab[index][side].descriptor,
            buffer.address(at: start),
            Int(count)
        )
        guard sent >= 0 else {
            guard sent == -Int64(EAGAIN) || sent == -Int64(EINTR) else { return .broken }
            slab[index][side].flags.remove(.writable)
            return .blocked
        }
        slab[index][side].last = now
        guard sent == Int64(count) else {
            slab[index][side].pendingStart = start + Int32(sent)
            slab[index][side].flags.remove(.writable)
            return .blocked
        }
        dropPending(index, side)
        return .done
    }

    mutating func dropPending(_ index: Int32, _ side: Side) {
        guard let buffer = slab[index][side].pending else { return }
        pool.giveBack(buffer)
        slab[index][side].pending = nil
        slab[index][side].pendingStart = 0
        slab[index][side].pendingEnd = 0
    }
}
