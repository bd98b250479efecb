import CLinux
import Glibc
import Sessions

/// Moving bytes. Nothing is read from an end before the other one takes it, so that a slow reader slows its
/// writer down and not this process.
extension Worker {
    mutating func handle(_ slot: Int32, _ side: Side, _ flags: UInt32) {
        if side == .upstream, slab[slot].state == .connecting {
            handleConnecting(slot, flags)
            return
        }
        if slab[slot].state == .introducing {
            readIntroduction(slot)
            return
        }
        note(flags, slot, side)
        let isBroken = flags & EPOLLERR.rawValue != 0
        if slab[slot].state == .established {
            transfer(slot)
        } else if side == .client, isBroken {
            finish(slot, Termination(.clientAborted, phaseBeforeData(slot)), resetsClient: true)
        } else if side == .client, slab[slot].client.peerClosed {
            clientClosedEarly(slot)
        }
    }

    private func note(_ flags: UInt32, _ slot: Int32, _ side: Side) {
        let readable =
            EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue
        let writable = EPOLLOUT.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue
        let closed = EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue
        switch side {
        case .client:
            if flags & readable != 0 { slab[slot].client.mayRead = true }
            if flags & writable != 0 { slab[slot].client.mayWrite = true }
            if flags & closed != 0 { slab[slot].client.peerClosed = true }
        case .upstream:
            if flags & readable != 0 { slab[slot].upstream.mayRead = true }
            if flags & writable != 0 { slab[slot].upstream.mayWrite = true }
            if flags & closed != 0 { slab[slot].upstream.peerClosed = true }
        }
    }

    func phaseBeforeData(_ slot: Int32) -> Termination.Phase {
        switch slab[slot].state {
        case .queued: .queue
        case .introducing, .connecting, .waiting: .connect
        case .established, .free: .data
        }
    }

    /// A client that sent its FIN before a server was there. With something to say it is still served
    /// (it may have half-closed); with nothing it is gone.
    private mutating func clientClosedEarly(_ slot: Int32) {
        var byte: UInt8 = 0
        let count = unsafe recv(
            slab[slot].client.descriptor,
            &byte,
            1,
            Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)
        )
        let frontend = Int(slab[slot].frontend)
        let aborts =
            generations[slab[slot].generation]?.plan.frontends[frontend].abortsOnClose ?? false
        guard count <= 0 || aborts else { return }
        finish(slot, Termination(.clientAborted, phaseBeforeData(slot)), resetsClient: count < 0)
    }

    /// Moves what can be moved in both directions, and ends the session when both are done.
    mutating func transfer(_ slot: Int32) {
        var budget = Self.readBudget
        guard pump(slot, from: .client, budget: &budget),
            pump(slot, from: .upstream, budget: &budget)
        else { return }
        if slab[slot].client.isShut, slab[slot].upstream.isShut {
            finish(slot, .normal)
            return
        }
        if budget <= 0 { unfinished.append(token(slot, .client)) }
    }

    /// False when the session is no more.
    private mutating func pump(_ slot: Int32, from side: Side, budget: inout Int) -> Bool {
        while true {
            guard flush(slot, to: side) else { return false }
            let source = side == .client ? slab[slot].client : slab[slot].upstream
            let target = side == .client ? slab[slot].upstream : slab[slot].client
            guard !target.hasPending else { return true }
            if source.hasEnded {
                shut(slot, to: side)
                return true
            }
            guard source.mayRead, target.mayWrite, budget > 0 else { return true }
            budget -= 1
            guard read(slot, from: side) else { return false }
        }
    }

    /// Reads once and writes at once. False when the session is no more.
    private mutating func read(_ slot: Int32, from side: Side) -> Bool {
        let descriptor =
            side == .client ? slab[slot].client.descriptor : slab[slot].upstream.descriptor
        let count = unsafe recv(descriptor, scratch, Self.scratchSize, Int32(MSG_DONTWAIT))
        guard count > 0 else {
            guard count < 0 else {
                ended(slot, side)
                return true
            }
            if errno == EAGAIN || errno == EINTR {
                setMayRead(slot, side, errno == EINTR)
                return true
            }
            abort(slot, side)
            return false
        }
        // A short read has emptied the socket, unless the FIN is behind it.
        if count < Self.scratchSize {
            let closed =
                side == .client ? slab[slot].client.peerClosed : slab[slot].upstream.peerClosed
            setMayRead(slot, side, closed)
        }
        touch(slot, side)
        if side == .client {
            slab[slot].bytesIn &+= UInt64(count)
        } else {
            slab[slot].bytesOut &+= UInt64(count)
        }
        return write(slot, from: side, count)
    }

    /// Writes the scratch's first bytes to the other end; what does not fit waits in a buffer.
    private mutating func write(_ slot: Int32, from side: Side, _ count: Int) -> Bool {
        let descriptor =
            side == .client ? slab[slot].upstream.descriptor : slab[slot].client.descriptor
        var sent = unsafe send(
            descriptor,
            scratch,
            count,
            Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        )
        if sent < 0 {
            guard errno == EAGAIN || errno == EINTR || errno == ENOBUFS else {
                abort(slot, side == .client ? .upstream : .client)
                return false
            }
            sent = 0
        } else {
            touch(slot, side == .client ? .upstream : .client)
        }
        guard sent < count else { return true }
        let block = unsafe buffers.take()
        unsafe block.copyMemory(from: scratch + sent, byteCount: count - sent)
        if side == .client {
            unsafe slab[slot].upstream.pending = block
            slab[slot].upstream.pendingStart = 0
            slab[slot].upstream.pendingEnd = Int32(count - sent)
            slab[slot].upstream.mayWrite = false
        } else {
            unsafe slab[slot].client.pending = block
            slab[slot].client.pendingStart = 0
            slab[slot].client.pendingEnd = Int32(count - sent)
            slab[slot].client.mayWrite = false
        }
        return true
    }

    /// Writes what waits for the end opposite to `side`. False when the session is no more.
    private mutating func flush(_ slot: Int32, to side: Side) -> Bool {
        var target = side == .client ? slab[slot].upstream : slab[slot].client
        guard let block = unsafe target.pending, target.mayWrite else { return true }
        while target.pendingStart < target.pendingEnd {
            let sent = unsafe send(
                target.descriptor,
                block + Int(target.pendingStart),
                Int(target.pendingEnd - target.pendingStart),
                Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
            )
            if sent < 0 {
                guard errno == EAGAIN || errno == EINTR || errno == ENOBUFS else {
                    abort(slot, side == .client ? .upstream : .client)
                    return false
                }
                target.mayWrite = false
                break
            }
            target.activeAt = now
            target.pendingStart += Int32(sent)
        }
        if target.pendingStart >= target.pendingEnd {
            unsafe buffers.give(block)
            unsafe target.pending = nil
        }
        if side == .client {
            slab[slot].upstream = target
        } else {
            slab[slot].client = target
        }
        return true
    }

    /// Everything of this end was passed on: the other end is told (RFC 9293 §3.6: half-close).
    private mutating func shut(_ slot: Int32, to side: Side) {
        let target = side == .client ? slab[slot].upstream : slab[slot].client
        guard !target.isShut else { return }
        _ = shutdown(target.descriptor, Int32(SHUT_WR))
        if side == .client {
            slab[slot].upstream.isShut = true
        } else {
            slab[slot].client.isShut = true
        }
        wheel.disarm(slot, in: slab)
        arm(slot)
    }

    private func ended(_ slot: Int32, _ side: Side) {
        touch(slot, side)
        if side == .client {
            slab[slot].client.hasEnded = true
            slab[slot].client.mayRead = false
        } else {
            slab[slot].upstream.hasEnded = true
            slab[slot].upstream.mayRead = false
        }
    }

    private func setMayRead(_ slot: Int32, _ side: Side, _ value: Bool) {
        if side == .client {
            slab[slot].client.mayRead = value
        } else {
            slab[slot].upstream.mayRead = value
        }
    }

    private func touch(_ slot: Int32, _ side: Side) {
        if side == .client {
            slab[slot].client.activeAt = now
        } else {
            slab[slot].upstream.activeAt = now
        }
    }

    /// One end was reset: the other one is reset as well, so that nobody takes it for a clean end.
    private mutating func abort(_ slot: Int32, _ side: Side) {
        let cause: Termination.Cause = side == .client ? .clientAborted : .serverAborted
        finish(slot, Termination(cause, .data), resetsClient: true)
    }
}
