import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions

/// The end of a session: its sockets, its log line, its places.
extension Worker {
    mutating func finish(_ index: Int32, reset: Bool) {
        guard let plan = plans[Int(slab[index].plan)]?.plan else { return }
        let frontend = plan.frontends[Int(slab[index].frontend)]
        let listener = plan.listeners[Int(slab[index].listener)]
        wheel.cancel(index, in: &slab)
        leaveServer(index)
        if let backend = backend(of: index) {
            dequeue(index, backend)
            backend.connections.add(-1)
        }
        if frontend.logsSessions, !slab[index].isLogged { logIfWanted(index, frontend) }
        close(index, reset: reset, frontend)
        giveBack(listener, frontend)
        let position = slab[index].plan
        slab.free(index)
        plans[Int(position)]?.sessions -= 1
        releasePlanIfUnused(position)
    }

    private mutating func close(_ index: Int32, reset: Bool, _ frontend: Frontend) {
        dropPending(index, .client)
        dropPending(index, .server)
        let client = slab[index].client.descriptor
        if slab[index].session.connectedAt == nil, !reset {
            // What the client had sent is taken, so that it sees an end and not a reset.
            _ = tandem_stream_discard(client, 1 << 20)
        }
        if frontend.breaksOff || reset { breakOff(client) }
        _ = Glibc.close(client)
        let server = slab[index].server.descriptor
        guard server >= 0 else { return }
        if reset { breakOff(server) }
        _ = Glibc.close(server)
    }

    /// The kernel sends RST, unless bytes are still on their way that the other end may want.
    private func breakOff(_ descriptor: Int32) {
        if tandem_unsent(descriptor) == 0 { _ = tandem_reset_on_close(descriptor) }
    }

    // MARK: Log lines

    private mutating func logIfWanted(_ index: Int32, _ frontend: Frontend) {
        if frontend.logsNothingForSilence, slab[index].client.received == 0 {
            // Before there was a server nothing was read: what waits in the kernel counts as sent.
            let waiting =
                slab[index].session.connectedAt == nil
                ? tandem_unread(slab[index].client.descriptor) : 0
            if waiting <= 0 { return }
        }
        logSession(index, frontend, atConnect: false)
    }

    /// `option tcplog` (HAProxy configuration manual §8.2.2):
    /// `%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq`.
    mutating func logSession(_ index: Int32, _ frontend: Frontend, atConnect: Bool) {
        guard frontend.logs.wants(level: 6) else { return }
        let times = SessionTimes(of: slab[index].session, endedAt: now)
        let termination = slab[index].session.termination
        let backend = backend(of: index)
        let number = Int(slab[index].serverIndex)
        let server = number >= 0 ? backend?.servers[number] : nil
        log.message.removeAll(keepingCapacity: true)
        log.appendAddress(slab[index].peer, listener: Int(slab[index].listener) + 1)
        log.message.append(0x20)
        log.appendAcceptDate(slab[index].acceptedWall)
        log.append(" ", frontend.name, " ")
        log.append(backend?.name ?? frontend.name, "/", server?.name ?? "<NOSRV>")
        log.append(number: times.waiting, after: " ")
        log.append(number: times.connecting, after: "/")
        log.append(number: times.total, after: atConnect ? "/+" : "/")
        log.append(
            number: Int64(clamping: slab[index].server.received),
            after: atConnect ? " +" : " "
        )
        log.message.append(0x20)
        log.message.append(termination.cause.rawValue)
        log.message.append(termination.state.rawValue)
        log.append(number: Int64(limit.connections.value), after: " ")
        log.append(number: Int64(frontend.connections.value), after: "/")
        log.append(number: Int64(backend?.connections.value ?? 0), after: "/")
        log.append(number: Int64(server?.connections.value ?? 0), after: "/")
        let retries = Int64(slab[index].session.attemptsFailed)
        log.append(number: retries, after: slab[index].session.wasRedispatched ? "/+" : "/")
        let position = Int64(slab[index].queuePosition)
        log.append(number: slab[index].queuedFor >= 0 ? position : 0, after: " ")
        log.append(number: slab[index].queuedFor >= 0 ? 0 : position, after: "/")
        log.send(level: 6, to: frontend.logs, at: Clock.wall)
    }

    /// What HAProxy logs of a proxy without `option tcplog`, when a client connects.
    mutating func logConnect(_ index: Int32, _ frontend: Frontend) {
        guard frontend.logs.wants(level: 6) else { return }
        var own = SocketAddress()
        _ = unsafe tandem_own_address(slab[index].client.descriptor, &own)
        slab[index].localPort = own.port
        log.message.removeAll(keepingCapacity: true)
        log.append("Connect from ", slab[index].peer.text, " to ")
        log.append(own.text, " (", frontend.name)
        log.append("/TCP)")
        log.send(level: 6, to: frontend.logs, at: slab[index].acceptedWall)
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
