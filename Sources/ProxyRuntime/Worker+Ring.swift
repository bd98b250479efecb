import CLinux
import Glibc
import LinuxIO
import Primitives
import Sessions

/// The turn of a worker with a ring: hand over, wait, handle what is complete.
extension Worker where E == RingEngine {
    mutating func waitForRing(nanoseconds: Int64) {
        if !engine.isPolling {
            engine.isPolling = true
            unsafe tandem_ring_poll(
                engine.ring,
                RingToken.make(RingToken.socketsReady, 0),
                epoll.rawValue,
                UInt32(POLLIN),
                false
            )
        }
        // What was only sent needs nobody: it is worth no turn of its own.
        let isAwaited = engine.wantsEverySend || !engine.starved.isEmpty
        let completions = isAwaited ? 1 : 1 + engine.quickSends
        engine.wantsEverySend = false
        // 0 would not wait, but neither hand the time over.
        _ = unsafe tandem_ring_enter(engine.ring, completions, nanoseconds > 0 ? nanoseconds : -1)
        now = Clock.now
        if unsafe engine.ring.pointee.failure != 0 {
            fail(unsafe SystemCallError("io_uring_enter", errno: engine.ring.pointee.failure))
            return
        }
        engine.batch = unsafe tandem_ring_ready(engine.ring)
        var completion = tandem_completion()
        var socketsAreReady = false
        // What completes meanwhile is the next turn's: whoever keeps the ring full must not keep everything else waiting.
        for _ in 0..<engine.batch {
            guard unsafe tandem_ring_next(engine.ring, &completion) else { break }
            switch completion.data >> RingToken.kindShift {
            case RingToken.received: received(completion)
            case RingToken.sentQuickly:
                engine.quickSends -= 1
                sent(completion)
            case RingToken.sent: sent(completion)
            case RingToken.accepted: accepted(completion)
            case RingToken.connected: connected(completion)
            case RingToken.connectFailed: connectFailed(completion)
            case RingToken.shutDown: wasShutDown(completion)
            case RingToken.clientSpoke: clientSpoke(completion)
            case RingToken.socketsReady: socketsAreReady = true
            case RingToken.installed:
                // Nobody waits for it any more.
                if completion.result >= 0 { _ = tandem_close(completion.result) }
            default: break
            }
        }
        if !engine.waiting.isEmpty { placeWaiting() }
        if engine.lacksBuffers || !engine.starved.isEmpty && !engine.hasBuffers { freeBuffers() }
        if !engine.starved.isEmpty { feedStarved() }
        if socketsAreReady {
            engine.isPolling = false
            pollSockets(nanoseconds: 0)
            returnToRing()
        }
    }

    /// The session of a completion, with one operation less to wait for.
    @inline(__always)
    func settle(_ completion: tandem_completion, isLast: Bool = true) -> Slot? {
        guard let slot = slab.find(completion.data & RingToken.sessionMask) else { return nil }
        if isLast { slot.pointee.operations -= 1 }
        return slot
    }

    @inline(__always)
    func side(of completion: tandem_completion) -> Side {
        completion.data & 1 == 0 ? .client : .server
    }

    /// True: the session was only waiting for this, and nothing else is to be done with the completion.
    @inline(__always)
    mutating func leaves(_ slot: Slot) -> Bool {
        guard slot.pointee.isClosing || slot.pointee.isMoving else { return false }
        guard slot.pointee.operations == 0 else { return true }
        if slot.pointee.isClosing {
            releaseFromRing(slot)
        } else {
            move(slot)
        }
        return true
    }

    // MARK: Connecting

    mutating func connectInRing(
        _ slot: Slot,
        to server: Pinned<LiveServer>,
        keepsAlive: Bool
    ) -> Session.ConnectFailure? {
        // Entries of the attempt before would look up the descriptor of this one.
        guard !slot.pointee.attemptIsOpen else {
            guard leaveRing(slot) else { return .starved }
            return connectSocket(slot, to: server, keepsAlive: keepsAlive)
        }
        slot.pointee.attempt = (slot.pointee.attempt &+ 1) & 0xF
        slot.pointee.attemptIsOpen = true
        let file = engine.clientFiles + slot.pointee.index
        slot.pointee.server.descriptor = file
        slot.pointee.server.flags = .isDirect
        slot.pointee.server.last = now
        slot.pointee.operations += 1
        unsafe tandem_ring_connect(
            engine.ring,
            attemptData(slot, RingToken.connected),
            attemptData(slot, RingToken.connectFailed),
            UInt32(bitPattern: file),
            &server.pointee.address,
            keepsAlive
        )
        return nil
    }

    @inline(__always)
    func attemptData(_ slot: Slot, _ kind: UInt64) -> UInt64 {
        let attempt = UInt64(slot.pointee.attempt) << RingToken.attemptShift
        return RingToken.make(kind, slot.pointee.token(.server) | attempt)
    }

    /// The session that still waits for this attempt.
    private mutating func attempting(_ completion: tandem_completion) -> Slot? {
        guard let slot = settle(completion) else { return nil }
        slot.pointee.attemptIsOpen = false
        let attempt =
            UInt8(truncatingIfNeeded: completion.data >> RingToken.attemptShift) & 0xF
        guard !leaves(slot), attempt == slot.pointee.attempt, slot.pointee.session.isConnecting
        else { return nil }
        return slot
    }

    private mutating func connected(_ completion: tandem_completion) {
        guard let slot = attempting(completion) else { return }
        switch -completion.result {
        case 0: signal(slot, .connected)
        case EADDRNOTAVAIL, EAGAIN, ENOBUFS, ENOMEM: perform(failed(slot, .exhausted), slot)
        case ENETUNREACH, EACCES, EPERM, EINVAL, EAFNOSUPPORT:
            perform(failed(slot, .immediate), slot)
        default: perform(failed(slot, .answered), slot)
        }
    }

    /// Of the entries before the attempt itself, which does not tell then: no socket, or one without its options.
    private mutating func connectFailed(_ completion: tandem_completion) {
        guard let slot = attempting(completion) else { return }
        let isOfKind = completion.result == -EAFNOSUPPORT
        perform(failed(slot, isOfKind ? .immediate : .exhausted), slot)
    }

    // MARK: The client, before there is a server

    mutating func watchClientInRing(_ slot: Slot) {
        guard !slot.pointee.client.flags.contains(.isWatched) else { return }
        slot.pointee.client.flags.insert(.isWatched)
        slot.pointee.operations += 1
        unsafe tandem_ring_poll(
            engine.ring,
            RingToken.make(RingToken.clientSpoke, slot.pointee.token(.client)),
            slot.pointee.client.descriptor,
            EPOLLRDHUP.rawValue,
            true
        )
    }

    private mutating func clientSpoke(_ completion: tandem_completion) {
        guard let slot = settle(completion) else { return }
        slot.pointee.client.flags.remove(.isWatched)
        guard !leaves(slot), slot.pointee.client.flags.contains(.isDirect), completion.result > 0,
            !slot.pointee.session.isEstablished
        else { return }
        if completion.result & Int32(bitPattern: EPOLLERR.rawValue) != 0 {
            signal(slot, .failed(.client))
        } else {
            reviewLeaving(slot)
        }
    }
}
