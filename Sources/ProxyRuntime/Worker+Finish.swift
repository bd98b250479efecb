import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions

/// The end of a session: its log line, its places, its sockets.
extension Worker where E: ~Copyable {
    mutating func finish(_ slot: Slot, reset: Bool) {
        guard let listener = slot.pointee.listener else { return }
        let frontend = listener.pointee.frontend
        wheel.cancel(slot, in: slab)
        leaveServer(slot)
        dequeue(slot)
        if slot.pointee.notes >= 0 { dropNotes(slot) }
        countEnd(slot, listener)
        if let backend = slot.pointee.backend { backend.pointee.connections.add(-1) }
        if frontend.pointee.wantsLines, frontend.pointee.logsSessions, !slot.pointee.isLogged {
            logIfWanted(slot, frontend)
        }
        giveBack(listener)
        E.finish(&self, slot, reset: reset)
    }

    /// The slot has no sockets any more.
    mutating func free(_ slot: Slot) {
        let plan = slot.pointee.listener.map { $0.pointee.frontend.pointee.plan }
        dropPending(slot, .client)
        dropPending(slot, .server)
        dropPipe(slot, .client)
        dropPipe(slot, .server)
        slab.free(slot)
        guard let plan else { return }
        plan.pointee.sessions -= 1
        if plan.pointee.sessions == 0 { releasePlanIfUnused(plan) }
    }

    func closeSockets(_ slot: Slot, reset: Bool) {
        let client = slot.pointee.client.descriptor
        if slot.pointee.session.connectedAt == nil, !reset {
            // What the client had sent is taken, so that it sees an end and not a reset.
            countUnread(slot, tandem_stream_discard(client, 1 << 20))
        }
        var breaksOff = reset
        if let frontend = slot.pointee.frontend, frontend.pointee.breaksOff { breaksOff = true }
        if breaksOff { breakOff(client) }
        _ = tandem_close(client)
        let server = slot.pointee.server.descriptor
        guard server >= 0 else { return }
        if reset || slot.pointee.backend?.pointee.breaksOff == true { breakOff(server) }
        _ = tandem_close(server)
    }

    /// The kernel sends RST, unless bytes are still on their way that the other end may want.
    func breakOff(_ descriptor: Int32) {
        if tandem_unsent(descriptor) == 0 { _ = tandem_reset_on_close(descriptor) }
    }

    // MARK: Log lines

    private mutating func logIfWanted(_ slot: Slot, _ frontend: Pinned<LiveFrontend>) {
        if frontend.pointee.logsNothingForSilence, slot.pointee.client.received == 0 {
            // Before there was a server nothing was read: what waits in the kernel counts as sent.
            guard slot.pointee.session.connectedAt == nil else { return }
            if tandem_unread(E.clientDescriptor(&self, slot)) <= 0 { return }
        }
        logSession(slot, frontend, atConnect: false)
    }

    /// `option tcplog` (HAProxy configuration manual §8.2.2):
    /// `%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq`.
    mutating func logSession(_ slot: Slot, _ frontend: Pinned<LiveFrontend>, atConnect: Bool) {
        let times = SessionTimes(of: slot.pointee.session, endedAt: now)
        let termination = slot.pointee.session.termination
        let name = frontend.pointee.frontend.name
        let backend = slot.pointee.backend?.pointee.backend
        let number = Int(slot.pointee.serverIndex)
        let server = number >= 0 ? backend?.servers[number] : nil
        log.message.removeAll(keepingCapacity: true)
        log.appendAddress(
            slot.pointee.peer,
            listener: Int(slot.pointee.listener?.pointee.number ?? 0) + 1
        )
        log.message.append(0x20)
        log.appendAcceptDate(slot.pointee.acceptedWall)
        log.append(" ", name, " ")
        log.append(backend?.name ?? name, "/", server?.name ?? "<NOSRV>")
        log.append(number: times.waiting, after: " ")
        log.append(number: times.connecting, after: "/")
        log.append(number: times.total, after: atConnect ? "/+" : "/")
        log.append(
            number: Int64(clamping: slot.pointee.server.received),
            after: atConnect ? " +" : " "
        )
        log.message.append(0x20)
        log.message.append(termination.cause.rawValue)
        log.message.append(termination.state.rawValue)
        log.append(number: Int64(limit.connections.value), after: " ")
        log.append(number: Int64(frontend.pointee.connections.value), after: "/")
        log.append(number: Int64(backend?.connections.value ?? 0), after: "/")
        log.append(number: Int64(server?.connections.value ?? 0), after: "/")
        let retries = Int64(slot.pointee.session.attemptsFailed)
        log.append(number: retries, after: slot.pointee.session.wasRedispatched ? "/+" : "/")
        let position = Int64(slot.pointee.queuePosition)
        let waitedForOne = slot.pointee.queuedFor >= 0
        log.append(number: waitedForOne ? position : 0, after: " ")
        log.append(number: waitedForOne ? 0 : position, after: "/")
        log.send(level: 6, to: frontend.pointee.frontend.logs, at: Clock.wall)
    }

    /// What HAProxy logs of a proxy without `option tcplog`, when a client connects.
    mutating func logConnect(_ slot: Slot, _ frontend: Pinned<LiveFrontend>) {
        let own = ownAddress(of: slot)
        slot.pointee.localPort = own.port
        log.message.removeAll(keepingCapacity: true)
        log.append("Connect from ", slot.pointee.peer.text, " to ")
        log.append(own.text, " (", frontend.pointee.frontend.name)
        log.append("/TCP)")
        log.send(level: 6, to: frontend.pointee.frontend.logs, at: slot.pointee.acceptedWall)
    }
}

extension LogComposer {
    mutating func append(_ first: String, _ second: String = "", _ third: String = "") {
        message.append(contentsOf: first.utf8)
        message.append(contentsOf: second.utf8)
        message.append(contentsOf: third.utf8)
    }

    mutating func append(number: Int64, after separator: StaticString) {
        unsafe message.append(
            contentsOf: UnsafeBufferPointer(
                start: separator.utf8Start,
                count: separator.utf8CodeUnitCount
            )
        )
        message.decimal(number)
    }

    /// `192.0.2.1:4711` without making a string of it; a Unix client by its listener's number.
    mutating func appendAddress(_ address: SocketAddress, listener: Int) {
        switch address.family {
        case 4:
            let bytes = address.bytes
            message.decimal(Int64(bytes.0))
            message.append(0x2E)
            message.decimal(Int64(bytes.1))
            message.append(0x2E)
            message.decimal(Int64(bytes.2))
            message.append(0x2E)
            message.decimal(Int64(bytes.3))
            message.append(0x3A)
            message.decimal(Int64(address.port))
        case 6: message.append(contentsOf: address.text.utf8)
        default:
            message.append(contentsOf: "unix:".utf8)
            message.decimal(Int64(listener))
        }
    }
}
