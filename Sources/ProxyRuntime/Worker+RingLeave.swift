import CLinux
import Glibc
import LinuxIO
import Primitives
import Sessions

/// How a session leaves the ring: closed, or to go on with epoll.
extension Worker where E == RingEngine {
    // MARK: Closing

    mutating func finishInRing(_ slot: Slot, reset: Bool) {
        // What only system calls do is done on a copy of the client's descriptor, which is closed with it.
        if slot.pointee.session.connectedAt == nil, !reset {
            // What the client had sent is taken, so that it sees an end and not a reset.
            countUnread(slot, tandem_stream_discard(E.clientDescriptor(&self, slot), 1 << 20))
        }
        if reset {
            breakOff(E.clientDescriptor(&self, slot))
            if slot.pointee.server.flags.contains(.isDirect),
                slot.pointee.session.connectedAt != nil
            {
                let copy = install(slot.pointee.server.descriptor)
                if copy >= 0 {
                    breakOff(copy)
                    _ = tandem_close(copy)
                }
            }
        }
        closeCopy(slot)
        slot.pointee.isClosing = true
        endOperations(slot, .client)
        closeInRing(slot, .client)
        if slot.pointee.server.descriptor >= 0 {
            endOperations(slot, .server)
            closeInRing(slot, .server)
        }
        if slot.pointee.operations == 0 { releaseFromRing(slot) }
    }

    /// Operations under way hold a socket open.
    func endOperations(_ slot: Slot, _ side: Side) {
        let flags = slot.end(side).pointee.flags
        if !flags.isDisjoint(with: [.receives, .sends, .isWatched]) {
            let token = slot.pointee.token(side)
            if flags.contains(.receives) { cancel(RingToken.received, token) }
            if flags.contains(.sends), !flags.contains(.sendsQuickly) {
                cancel(RingToken.sent, token)
            }
            if flags.contains(.isWatched) { cancel(RingToken.clientSpoke, token) }
        }
        switch side {
        case .client: break
        case .server:
            guard slot.pointee.attemptIsOpen else { return }
            unsafe tandem_ring_cancel(engine.ring, attemptData(slot, RingToken.connected))
        }
    }

    private func cancel(_ kind: UInt64, _ token: UInt64) {
        unsafe tandem_ring_cancel(engine.ring, RingToken.make(kind, token))
    }

    func closeInRing(_ slot: Slot, _ side: Side) {
        let end = slot.end(side)
        if end.pointee.flags.contains(.shutsDown) {
            end.pointee.flags.insert(.closesLater)
        } else {
            closeFile(end.pointee.descriptor)
        }
    }

    func closeFile(_ file: Int32) {
        unsafe tandem_ring_close_file(engine.ring, file)
    }

    private func closeCopy(_ slot: Slot) {
        guard slot.pointee.clientCopy >= 0 else { return }
        _ = tandem_close(slot.pointee.clientCopy)
        slot.pointee.clientCopy = -1
    }

    /// The kernel has let go of all that was the session's.
    mutating func releaseFromRing(_ slot: Slot) {
        dropChain(slot.end(.client))
        dropChain(slot.end(.server))
        free(slot)
    }

    // MARK: Going on with epoll

    /// A session without a server goes on with an ordinary descriptor of its client; false: there is none to be had.
    mutating func leaveRing(_ slot: Slot) -> Bool {
        let descriptor = ordinaryDescriptor(slot.pointee.client.descriptor)
        guard descriptor >= 0 else { return false }
        endOperations(slot, .client)
        closeFile(slot.pointee.client.descriptor)
        closeCopy(slot)
        slot.pointee.client.descriptor = descriptor
        slot.pointee.client.flags = .writable
        // What is still to come of attempts in the ring is no longer of interest.
        slot.pointee.attempt = (slot.pointee.attempt &+ 1) & 0xF
        return watch(descriptor, slot.pointee.token(.client))
    }

    mutating func beginMove(_ slot: Slot) {
        slot.pointee.isMoving = true
        engine.wantsEverySend = true
        endOperations(slot, .client)
        endOperations(slot, .server)
        if slot.pointee.operations == 0 { move(slot) }
    }

    /// Nothing is under way any more.
    mutating func move(_ slot: Slot) {
        slot.pointee.isMoving = false
        let client = ordinaryDescriptor(slot.pointee.client.descriptor)
        let server = ordinaryDescriptor(slot.pointee.server.descriptor)
        let clientBroke = slot.pointee.client.flags.contains(.broken)
        let serverBroke = slot.pointee.server.flags.contains(.broken)
        guard client >= 0, server >= 0 else {
            if client >= 0 { _ = tandem_close(client) }
            if server >= 0 { _ = tandem_close(server) }
            if clientBroke || serverBroke {
                signal(slot, .failed(clientBroke ? .client : .server))
            } else {
                stay(slot)
            }
            return
        }
        goOn(slot, .client, client)
        goOn(slot, .server, server)
        closeCopy(slot)
        if clientBroke || slot.pointee.client.flags.contains(.broken) {
            signal(slot, .failed(.client))
        } else if serverBroke || slot.pointee.server.flags.contains(.broken) {
            signal(slot, .failed(.server))
        } else {
            pump(slot)
        }
    }

    /// There are no descriptors to go on with: the session stays, and receives no more than its ends take.
    private mutating func stay(_ slot: Slot) {
        slot.pointee.client.flags.insert(.paced)
        slot.pointee.server.flags.insert(.paced)
        goOnInRing(slot, from: .client)
        goOnInRing(slot, from: .server)
    }

    /// An ordinary descriptor of a direct one, or a negative number.
    mutating func install(_ file: Int32) -> Int32 {
        engine.installations &+= 1
        let late = RingToken.make(RingToken.installed, UInt64(engine.installations))
        return unsafe tandem_ring_install(engine.ring, late, UInt32(bitPattern: file))
    }

    private mutating func ordinaryDescriptor(_ file: Int32) -> Int32 {
        let descriptor = install(file)
        guard descriptor >= 0, tandem_set_nonblocking(descriptor) < 0 else { return descriptor }
        _ = tandem_close(descriptor)
        return -1
    }

    private mutating func goOn(_ slot: Slot, _ side: Side, _ descriptor: Int32) {
        let end = slot.end(side)
        closeFile(end.pointee.descriptor)
        end.pointee.descriptor = descriptor
        keepChain(end)
        // An end whose news was not handed on yet is met again by reading.
        let hasEnded =
            switch side {
            case .client: slot.pointee.session.clientEnded
            case .server: slot.pointee.session.serverEnded
            }
        var flags = end.pointee.flags.intersection(.wasShutDown)
        flags.formUnion([.readable, .writable])
        if hasEnded { flags.insert(.ended) }
        end.pointee.flags = flags
        if !watch(descriptor, slot.pointee.token(side)) { end.pointee.flags.insert(.broken) }
    }

    /// What is still on its way to the end waits in a buffer of its own.
    private mutating func keepChain(_ end: Pinned<End>) {
        guard !end.pointee.chain.isEmpty else { return }
        var size = 0
        var chain = end.pointee.chain
        while let buffer = chain.removeFirst(in: engine.links) {
            size += Int(engine.links[Int(buffer)].end - engine.links[Int(buffer)].start)
        }
        let kept = pool.take(size)
        var filled: Int32 = 0
        while let buffer = end.pointee.chain.removeFirst(in: engine.links) {
            let link = engine.links[Int(buffer)]
            unsafe kept.address(at: filled).copyMemory(
                from: tandem_ring_buffer(engine.ring, buffer) + Int(link.start),
                byteCount: Int(link.end - link.start)
            )
            filled += link.end - link.start
            recycle(buffer)
        }
        end.pointee.pending = kept
        end.pointee.pendingStart = 0
        end.pointee.pendingEnd = filled
    }
}
