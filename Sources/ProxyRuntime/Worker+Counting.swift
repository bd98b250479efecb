import Primitives
import Sessions

/// What sessions leave in the tallies. Where most of them pass, it is an addition; the rest is out of the way.
extension Worker where E: ~Copyable {
    /// As many sessions are looked at in one go, and so long a pause is between one and the next round.
    private static var roundStep: Int32 { 512 }
    private static var roundPeriod: UInt64 { 1_000_000_000 }
    private static var stepPeriod: UInt64 { 20_000_000 }

    @inline(__always)
    func countAccepted(_ listener: Pinned<LiveListener>) {
        let frontend = listener.pointee.frontend
        let process = limit.connections.value
        listener.pointee.process.raise(.mostSessions, to: process)
        frontend.pointee.tally.raise(.mostSessions, to: frontend.pointee.connections.value)
        listener.pointee.tally.raise(.mostSessions, to: listener.pointee.connections.value)
        listener.pointee.tally.add(.connections)
    }

    /// How many wait now for the server, or for any.
    @inline(never)
    func countQueued(_ backend: Pinned<LiveBackend>, _ server: Int?) -> Int {
        backend.pointee.queued.add(1)
        guard let server else {
            let all = backend.pointee.waiting.add(1)
            backend.pointee.tally.raise(.mostQueued, to: all)
            return all
        }
        let own = backend.pointee.servers[server].pointee.queued.add(1)
        backend.pointee.servers[server].pointee.tally.raise(.mostQueued, to: own)
        return own
    }

    // MARK: Attempts

    /// A server was chosen again after one that failed.
    @inline(never)
    func countAnotherTry(_ backend: Pinned<LiveBackend>, after failed: Int, at server: Int) {
        backend.pointee.servers[failed].pointee.tally.add(
            failed == server ? .retries : .redispatches
        )
    }

    /// An attempt has failed, and the same server is tried again, at once or after the turn-around.
    @inline(never)
    func countRetry(_ slot: Slot, _ effect: Session.Effect) {
        switch effect {
        case .connect: break
        case .wait: if slot.pointee.session.choosesAfterWait { return }
        case .none, .choose, .transfer, .shutDown, .finish: return
        }
        tally(of: slot)?.add(.retries)
    }

    // MARK: Bytes and ends

    /// The server's, or the backend's where there is none.
    @inline(__always)
    private func tally(of slot: Slot) -> Tally? {
        guard let backend = slot.pointee.backend else { return nil }
        let server = Int(slot.pointee.serverIndex)
        return server < 0
            ? backend.pointee.tally : backend.pointee.servers[server].pointee.tally
    }

    @inline(__always)
    private func countBytes(_ slot: Slot, _ listener: Pinned<LiveListener>) {
        let bytesIn = slot.pointee.client.received &- slot.pointee.countedIn
        let bytesOut = slot.pointee.server.received &- slot.pointee.countedOut
        listener.pointee.tally.add(.bytesIn, bytesIn)
        listener.pointee.tally.add(.bytesOut, bytesOut)
        guard let tally = tally(of: slot) else { return }
        tally.add(.bytesIn, bytesIn)
        tally.add(.bytesOut, bytesOut)
    }

    /// What a client sent to a session that never had a server, and that nobody reads any more.
    @inline(never)
    func countUnread(_ slot: Slot, _ bytes: Int64) {
        guard bytes > 0 else { return }
        slot.pointee.listener?.pointee.tally.add(.bytesIn, UInt64(bytes))
        tally(of: slot)?.add(.bytesIn, UInt64(bytes))
    }

    @inline(__always)
    func countEnd(_ slot: Slot, _ listener: Pinned<LiveListener>) {
        countBytes(slot, listener)
        switch slot.pointee.session.termination.cause {
        case .none: break
        default: countFailure(slot)
        }
    }

    @inline(never)
    private func countFailure(_ slot: Slot) {
        let termination = slot.pointee.session.termination
        let tally = tally(of: slot)
        switch termination.cause {
        case .client, .clientTimeout:
            tally?.add(.clientAborts)
            if slot.pointee.awaitsProxyHeader {
                slot.pointee.listener?.pointee.tally.add(.withoutHeader)
            } else if termination.state == .request {
                slot.pointee.listener?.pointee.tally.add(.requestErrors)
            }
        case .server, .serverTimeout, .resources:
            guard termination.state == .data else {
                tally?.add(.connectionErrors)
                return
            }
            tally?.add(.serverAborts)
            if termination.cause == .server { tally?.add(.responseErrors) }
        case .none, .proxy, .internal, .serverDown, .activeUp, .killed: break
        }
    }

    /// A part of the sessions that go on, so that a long transfer shows while it lasts.
    mutating func countSome() {
        let end = min(countPlace + Self.roundStep, Int32(clamping: slab.capacity))
        for index in countPlace..<max(end, countPlace) {
            let slot = slab[index]
            guard slot.pointee.isInUse, !slot.pointee.session.isClosed,
                let listener = slot.pointee.listener
            else { continue }
            countBytes(slot, listener)
            slot.pointee.countedIn = slot.pointee.client.received
            slot.pointee.countedOut = slot.pointee.server.received
        }
        let isOver = end >= Int32(clamping: slab.capacity)
        countPlace = isOver ? 0 : end
        nextCount = now.advanced(byNanoseconds: isOver ? Self.roundPeriod : Self.stepPeriod)
    }
}
