import Balancing
import CLinux
import Glibc
import LinuxIO
import Primitives
import Sessions

/// From an accepted client to a connected server: what the session machine asks for, until it asks to wait.
extension Worker where E: ~Copyable {
    mutating func signal(_ slot: Slot, _ event: Session.Event) {
        perform(handle(event, slot), slot)
    }

    @inline(__always)
    func handle(_ event: Session.Event, _ slot: Slot) -> Session.Effect {
        guard let backend = slot.pointee.backend else {
            return slot.pointee.session.handle(event, at: now, rules: ConnectRules())
        }
        return slot.pointee.session.handle(event, at: now, rules: backend.pointee.rules)
    }

    mutating func perform(_ effect: Session.Effect, _ slot: Slot) {
        var effect = effect
        while true {
            switch effect {
            case .none: return
            case .connect:
                guard let failure = connect(slot) else { return }
                effect = failed(slot, failure)
            case .choose:
                leaveServer(slot)
                effect = choose(slot, fromQueue: false)
            case .wait:
                // Its place at a server that it tries again stays its own, as HAProxy's `served` does.
                if slot.pointee.session.choosesAfterWait { leaveServer(slot) }
                E.closeServer(&self, slot)
                E.watchClient(&self, slot)
                arm(slot)
                return
            case .transfer:
                beginTransfer(slot)
                return
            case .shutDown(let side):
                slot.end(side).pointee.flags.insert(.wasShutDown)
                E.shutDown(&self, slot, side)
                // Otherwise nothing is due sooner than before.
                if slot.pointee.frontend?.pointee.hasEndTimeouts == true { arm(slot) }
                return
            case .finish(let reset):
                finish(slot, reset: reset)
                return
            }
        }
    }

    // MARK: Connecting

    /// Nil: the connection is on its way.
    private mutating func connect(_ slot: Slot) -> Session.ConnectFailure? {
        guard let backend = slot.pointee.backend else { return .immediate }
        let number = Int(slot.pointee.serverIndex)
        let server = backend.pointee.servers[number]
        let tally = server.pointee.tally
        tally.add(.attempts)
        guard server.pointee.address.isSet else { return .immediate }
        if server.pointee.takesPortOfClient {
            guard let port = server.pointee.port.port(client: localPort(of: slot)) else {
                return .immediate
            }
            server.pointee.address.port = port
        }
        let failure = E.connect(&self, slot, to: server, keepsAlive: backend.pointee.keepsAlive)
        guard failure == nil else { return failure }
        tally.add(.sessions)
        tally[.lastSession] = now.nanoseconds
        if let firstLook = E.firstLook {
            wheel.schedule(slot, at: now.advanced(byNanoseconds: firstLook), in: slab)
        }
        arm(slot)
        return nil
    }

    /// The same attempt once more, for a session that had no descriptor for it.
    private mutating func connectAgain(_ slot: Slot) {
        slot.pointee.awaitsDescriptor = false
        guard let backend = slot.pointee.backend else { return }
        let server = backend.pointee.servers[Int(slot.pointee.serverIndex)]
        let failure = E.connect(&self, slot, to: server, keepsAlive: backend.pointee.keepsAlive)
        if let failure {
            perform(failed(slot, failure), slot)
        } else {
            arm(slot)
        }
    }

    @inline(__always)
    mutating func connectSocket(
        _ slot: Slot,
        to server: Pinned<LiveServer>,
        keepsAlive: Bool
    ) -> Session.ConnectFailure? {
        var isDone = false
        let descriptor = unsafe tandem_stream_connect(
            &server.pointee.address,
            &server.pointee.source,
            keepsAlive ? Int32(TANDEM_KEEP_ALIVE) : 0,
            &isDone
        )
        guard descriptor >= 0 else {
            switch -descriptor {
            case EMFILE, ENFILE: return connectLater(slot, to: server, keepsAlive: keepsAlive)
            case EADDRNOTAVAIL, EADDRINUSE, EAGAIN, ENOBUFS, ENOMEM: return .exhausted
            default: return .immediate
            }
        }
        slot.pointee.server.descriptor = descriptor
        slot.pointee.server.last = now
        return watch(descriptor, slot.pointee.token(.server)) ? nil : .exhausted
    }

    /// The spare descriptor gives way; where there is none, or another worker was faster to take its number, the
    /// session waits for one to come free, for as long as a server may take to answer.
    @inline(never)
    private mutating func connectLater(
        _ slot: Slot,
        to server: Pinned<LiveServer>,
        keepsAlive: Bool
    ) -> Session.ConnectFailure? {
        let hadSpare = spare.giveWay()
        restEverywhere()
        if hadSpare { return connectSocket(slot, to: server, keepsAlive: keepsAlive) }
        slot.pointee.awaitsDescriptor = true
        let again = now.advanced(byNanoseconds: 2 * TimerWheel.tickNanoseconds)
        wheel.schedule(slot, at: again, in: slab)
        return nil
    }

    /// The port that the client connected to.
    mutating func localPort(of slot: Slot) -> UInt16 {
        if slot.pointee.localPort == 0 {
            slot.pointee.localPort = ownAddress(of: slot).port
        }
        return slot.pointee.localPort
    }

    /// An attempt has failed: the server's end is closed and the session decides.
    mutating func failed(_ slot: Slot, _ failure: Session.ConnectFailure) -> Session.Effect {
        E.closeServer(&self, slot)
        switch failure {
        case .answered, .immediate: observe(slot, connected: false)
        case .exhausted: complain(slot)
        // This process had no descriptor left.
        case .starved: break
        }
        let facts = serverFacts(slot)
        let effect = handle(
            .connectFailed(failure, active: facts.active, serverIsUsable: facts.isUsable),
            slot
        )
        countRetry(slot, effect)
        return effect
    }

    /// As HAProxy logs it: whoever looks for the reason is told where it is.
    @inline(never)
    private mutating func complain(_ slot: Slot) {
        guard let backend = slot.pointee.backend else { return }
        let server = backend.pointee.servers[Int(slot.pointee.serverIndex)]
        let why =
            server.pointee.source.isSet
            ? "Cannot bind to source address before connect() for backend "
            : "Connect() failed for backend "
        log.message.removeAll(keepingCapacity: true)
        log.append(why, backend.pointee.backend.name)
        log.append(server.pointee.source.isSet ? "." : ": no free ports.")
        log.send(
            level: server.pointee.source.isSet ? 0 : 3,
            to: backend.pointee.backend.logs,
            at: Clock.wall
        )
    }

    func observe(_ slot: Slot, connected: Bool) {
        let number = Int(slot.pointee.serverIndex)
        guard number >= 0, let backend = slot.pointee.backend else { return }
        backend.pointee.servers[number].pointee.observe(connected: connected)
    }

    func serverFacts(_ slot: Slot) -> (active: Int, isUsable: Bool) {
        guard let backend = slot.pointee.backend else { return (0, false) }
        let number = Int(slot.pointee.serverIndex)
        let isUsable =
            number >= 0 && backend.pointee.lists.pointee.balancer.servers[number].isUsable
        return (backend.pointee.lists.pointee.balancer.activeCount, isUsable)
    }

    func closeServerSocket(_ slot: Slot) {
        guard slot.pointee.server.descriptor >= 0 else { return }
        _ = tandem_close(slot.pointee.server.descriptor)
        slot.pointee.server = End()
    }

    // MARK: Deadlines

    /// Puts the session where its next deadline is looked at.
    @inline(__always)
    mutating func arm(_ slot: Slot) {
        // Without one, a place in the wheel from before costs one look.
        guard let deadline = nextDeadline(of: slot)?.instant else { return }
        wheel.schedule(slot, at: deadline, in: slab)
    }

    @inline(__always)
    private func nextDeadline(of slot: Slot) -> (instant: Instant, side: Side)? {
        guard let frontend = slot.pointee.frontend else { return nil }
        guard slot.pointee.session.isEstablished else {
            let wait = slot.pointee.waitsUntil
            if wait < .distantFuture { return (wait, .client) }
            // A client that has ended, and left something to be served, has nothing more to say.
            if !slot.pointee.client.flags.contains(.ending) {
                let last = max(slot.pointee.session.acceptedAt, slot.pointee.client.last)
                if let end = frontend.pointee.timeouts.clientDeadline(from: last),
                    end < slot.pointee.session.deadline ?? .distantFuture
                {
                    return (end, .client)
                }
            }
            return slot.pointee.session.deadline.map { ($0, .server) }
        }
        return frontend.pointee.timeouts.deadline(
            client: slot.pointee.client.activity,
            server: slot.pointee.server.activity
        )
    }

    /// The wheel has come to a session: its time may be over, or was put off by activity since.
    mutating func expire(_ slot: Slot) {
        let next = nextDeadline(of: slot)
        guard let deadline = next, deadline.instant <= now else {
            if slot.pointee.session.isConnecting {
                if slot.pointee.awaitsDescriptor {
                    connectAgain(slot)
                    return
                }
                E.watchClient(&self, slot)
            }
            if let next { wheel.schedule(slot, at: next.instant, in: slab) }
            return
        }
        switch slot.pointee.session.phase {
        case .established: signal(slot, .idle(deadline.side))
        case .queued where deadline.side == .client, .connecting where deadline.side == .client,
            .turnAround where deadline.side == .client:
            signal(slot, .idle(.client))
        case .connecting:
            // Nothing that the server is to blame for.
            if slot.pointee.awaitsDescriptor {
                perform(failed(slot, .starved), slot)
                return
            }
            let facts = serverFacts(slot)
            E.closeServer(&self, slot)
            observe(slot, connected: false)
            let effect = handle(
                .deadline(active: facts.active, serverIsUsable: facts.isUsable),
                slot
            )
            countRetry(slot, effect)
            perform(effect, slot)
        case .queued, .turnAround:
            let facts = serverFacts(slot)
            signal(slot, .deadline(active: facts.active, serverIsUsable: facts.isUsable))
        case .choosing: waitIsOver(slot)
        case .closed: break
        }
    }
}

extension End {
    var activity: SideActivity {
        @inline(__always) get {
            SideActivity(
                last: last,
                hasEnded: flags.contains(.ended),
                wasShutDown: flags.contains(.wasShutDown),
                owesRoom: hasPending || piped > 0 || !chain.isEmpty
            )
        }
    }
}
