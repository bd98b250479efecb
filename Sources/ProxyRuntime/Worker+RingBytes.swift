import CLinux
import Glibc
import LinuxIO
import Primitives
import Sessions

/// Bytes through the ring: what is received waits in the ring's buffers until it is sent.
extension Worker where E == RingEngine {
    /// Looking through all sessions takes its time.
    private static var seekingPause: UInt64 { 4_000_000 }
    private static var smallMessage: Int32 { 4096 }
    /// More of them for one end, and its session is no longer one of small messages.
    private static var buffersOfEnd: UInt16 { 16 }
    private static var readsOfStream: UInt8 { 16 }

    @inline(__always)
    mutating func receive(_ slot: Slot, _ side: Side) {
        slot.end(side).pointee.flags.insert(.receives)
        slot.pointee.operations += 1
        unsafe tandem_ring_receive(
            engine.ring,
            RingToken.make(RingToken.received, slot.pointee.token(side)),
            slot.end(side).pointee.descriptor,
            !slot.end(side).pointee.flags.contains(.paced)
        )
    }

    /// The next of a `paced` end.
    @inline(__always)
    private mutating func receiveNext(_ slot: Slot, _ side: Side) {
        guard slot.end(side.opposite).pointee.chain.isEmpty,
            slot.end(side).pointee.flags.isDisjoint(with: [.receives, .ended])
        else { return }
        receive(slot, side)
    }

    mutating func received(_ completion: tandem_completion) {
        let continues = tandem_completion_continues(completion.flags)
        let hasBuffer = tandem_completion_has_buffer(completion.flags)
        let buffer = tandem_completion_buffer(completion.flags)
        if hasBuffer { engine.lentBuffers += 1 }
        let side = side(of: completion)
        guard let slot = settle(completion, isLast: !continues) else {
            if hasBuffer { recycle(buffer) }
            return
        }
        let source = slot.end(side)
        if !continues { source.pointee.flags.remove(.receives) }
        if hasBuffer {
            if completion.result > 0, !slot.pointee.isClosing {
                take(slot, side, buffer, size: completion.result)
            } else {
                recycle(buffer)
            }
        }
        if slot.pointee.isMoving, isError(completion) {
            source.pointee.flags.insert(.broken)
        }
        if leaves(slot) { return }
        switch completion.result {
        case 1...:
            if continues { break }
            if source.pointee.flags.contains(.paced) {
                receiveNext(slot, side)
            } else {
                receive(slot, side)
            }
        case 0:
            source.pointee.flags.insert(.ended)
            handOnEnd(slot, side)
        case -ENOBUFS:
            engine.starved.append(slot.pointee.token(side))
            engine.lacksBuffers = true
        case -ECANCELED, -EINTR, -EAGAIN: receive(slot, side)
        default: signal(slot, .failed(side))
        }
    }

    /// The socket's own: the kernel tells it once and never again.
    @inline(__always)
    private func isError(_ completion: tandem_completion) -> Bool {
        switch completion.result {
        case 0..., -ENOBUFS, -ECANCELED, -EINTR, -EAGAIN: false
        default: true
        }
    }

    @inline(__always)
    private mutating func take(_ slot: Slot, _ side: Side, _ buffer: UInt16, size: Int32) {
        let source = slot.end(side)
        let target = slot.end(side.opposite)
        source.pointee.received &+= UInt64(UInt32(bitPattern: size))
        source.pointee.last = now
        target.pointee.chain.append(buffer, size: size, in: engine.links)
        if size < Int32(bitPattern: RingEngine.bufferSize) {
            source.pointee.largeReads = 0
        } else if source.pointee.largeReads < .max {
            source.pointee.largeReads += 1
        }
        if slot.pointee.isMoving { return }
        let isTooMuch =
            target.pointee.chain.count > Self.buffersOfEnd
            || source.pointee.largeReads >= Self.readsOfStream
        if isTooMuch, !source.pointee.flags.contains(.paced) {
            beginMove(slot)
        } else if !target.pointee.flags.contains(.sends) {
            send(slot, side.opposite)
        } else {
            // What follows it is sent when it is complete.
            engine.wantsEverySend = true
        }
    }

    /// What the socket takes at once, mostly all of it; `waits`: until it takes something.
    @inline(__always)
    private mutating func send(_ slot: Slot, _ side: Side, waits: Bool = false) {
        let target = slot.end(side)
        let buffer = target.pointee.chain.first
        let link = engine.links[Int(buffer)]
        let isOnly = target.pointee.chain.count == 1
        let isLast = isOnly && slot.end(side.opposite).pointee.flags.contains(.ended)
        slot.pointee.operations += 1
        if waits {
            target.pointee.flags.insert(.sends)
        } else {
            target.pointee.flags.formUnion([.sends, .sendsQuickly])
            // It is taken as soon as it is handed over, whenever somebody looks.
            target.pointee.last = now
            engine.quickSends += 1
            // Something is to be done when it is complete, or, if it is much, perhaps: the socket may not take it all.
            let isMuch = link.end - link.start > Self.smallMessage
            if !isOnly || isLast || isMuch
                || slot.end(side.opposite).pointee.flags.contains(.paced)
            {
                engine.wantsEverySend = true
            }
        }
        target.pointee.sending = unsafe tandem_ring_send(
            engine.ring,
            RingToken.make(
                waits ? RingToken.sent : RingToken.sentQuickly,
                slot.pointee.token(side)
            ),
            target.pointee.descriptor,
            tandem_ring_buffer(engine.ring, buffer) + Int(link.start),
            UInt32(bitPattern: link.end - link.start),
            waits,
            isLast
        )
    }

    mutating func sent(_ completion: tandem_completion) {
        let side = side(of: completion)
        guard let slot = settle(completion) else { return }
        let target = slot.end(side)
        let wasQuick = target.pointee.flags.contains(.sendsQuickly)
        target.pointee.flags.subtract([.sends, .sendsQuickly])
        var tookAll = false
        if completion.result > 0 {
            if !wasQuick { target.pointee.last = now }
            let buffer = Int(target.pointee.chain.first)
            engine.links[buffer].start += completion.result
            tookAll = engine.links[buffer].start >= engine.links[buffer].end
            if tookAll { dropFirst(target) }
        }
        if slot.pointee.isMoving, isError(completion) {
            target.pointee.flags.insert(.broken)
        }
        if leaves(slot) { return }
        if isError(completion) {
            signal(slot, .failed(side))
        } else if !target.pointee.chain.isEmpty {
            send(slot, side, waits: !tookAll)
        } else if slot.end(side.opposite).pointee.flags.contains(.ended) {
            handOnEnd(slot, side.opposite)
        } else if slot.end(side.opposite).pointee.flags.contains(.paced) {
            receiveNext(slot, side.opposite)
        }
    }

    /// Nothing is under way: what was received is sent, and what follows received.
    mutating func goOnInRing(_ slot: Slot, from side: Side) {
        if !slot.end(side.opposite).pointee.chain.isEmpty {
            send(slot, side.opposite)
        } else if slot.end(side).pointee.flags.contains(.ended) {
            handOnEnd(slot, side)
        } else {
            receiveNext(slot, side)
        }
    }

    /// A side has ended: the other is told once it has all that came before.
    @inline(__always)
    private mutating func handOnEnd(_ slot: Slot, _ side: Side) {
        let target = slot.end(side.opposite)
        guard !target.pointee.chain.isEmpty else {
            signal(slot, .ended(side))
            return
        }
        engine.wantsEverySend = true
        if target.pointee.chain.count == 1, target.pointee.flags.contains(.sends) {
            unsafe tandem_ring_send_last(engine.ring, target.pointee.sending)
        }
    }

    // MARK: Ends

    /// Waking the kernel's thread that shuts down is dear where it has nothing else to do.
    private static var batchOfLightLoad: UInt32 { 2 }

    mutating func shutDownInRing(_ slot: Slot, _ side: Side) {
        let end = slot.end(side)
        if engine.batch <= Self.batchOfLightLoad {
            let copy = install(end.pointee.descriptor)
            if copy >= 0 {
                _ = shutdown(copy, Int32(SHUT_WR))
                _ = tandem_close(copy)
                return
            }
        }
        end.pointee.flags.insert(.shutsDown)
        slot.pointee.operations += 1
        unsafe tandem_ring_shutdown(
            engine.ring,
            RingToken.make(RingToken.shutDown, slot.pointee.token(side)),
            end.pointee.descriptor
        )
    }

    mutating func wasShutDown(_ completion: tandem_completion) {
        let side = side(of: completion)
        guard let slot = settle(completion) else { return }
        let end = slot.end(side)
        end.pointee.flags.remove(.shutsDown)
        if end.pointee.flags.contains(.closesLater) {
            end.pointee.flags.remove(.closesLater)
            closeFile(end.pointee.descriptor)
        }
        _ = leaves(slot)
    }

    // MARK: Buffers

    @inline(__always)
    mutating func recycle(_ buffer: UInt16) {
        engine.lentBuffers -= 1
        unsafe tandem_ring_recycle(engine.ring, buffer)
    }

    @inline(__always)
    private mutating func dropFirst(_ end: Pinned<End>) {
        guard let buffer = end.pointee.chain.removeFirst(in: engine.links) else { return }
        recycle(buffer)
    }

    mutating func dropChain(_ end: Pinned<End>) {
        while !end.pointee.chain.isEmpty { dropFirst(end) }
    }

    /// There are too few: sessions with an end that takes nothing leave the ring. What came in this turn is on its way
    /// and is no sign of that: it is looked at again in a later one, as long as an end waits for a buffer.
    mutating func freeBuffers() {
        engine.lacksBuffers = false
        guard engine.buffersSought < now else { return }
        engine.buffersSought = now.advanced(byNanoseconds: Self.seekingPause)
        for index in 0..<Int32(slab.capacity) {
            let slot = slab[index]
            guard slot.pointee.isInUse, slot.pointee.session.isEstablished,
                !slot.pointee.isMoving, !slot.pointee.isClosing,
                slot.pointee.client.flags.contains(.isDirect)
            else { continue }
            let toClient = !slot.pointee.client.chain.isEmpty && slot.pointee.server.last < now
            let toServer = !slot.pointee.server.chain.isEmpty && slot.pointee.client.last < now
            if toClient || toServer { beginMove(slot) }
        }
    }

    /// Ends that found no buffer receive again when there are some.
    mutating func feedStarved() {
        guard engine.hasBuffers else { return }
        let tokens = engine.starved
        engine.starved.removeAll(keepingCapacity: true)
        for token in tokens {
            guard let slot = slab.find(token), slot.pointee.session.isEstablished,
                !slot.pointee.isMoving, !slot.pointee.isClosing
            else { continue }
            let side: Side = token & 1 == 0 ? .client : .server
            let end = slot.end(side)
            guard end.pointee.flags.contains(.isDirect),
                end.pointee.flags.isDisjoint(with: [.receives, .ended])
            else { continue }
            receive(slot, side)
        }
    }
}
