import Balancing
import Primitives
import Sessions

/// The queue of those who wait for a server.
extension Worker where E: ~Copyable {
    mutating func enqueue(
        _ slot: Slot,
        waitingFor server: Int?,
        _ backend: Pinned<LiveBackend>
    ) {
        let waiter = WaitingRoom.Waiter(worker: handle, token: slot.pointee.token(.client))
        slot.pointee.isQueued = true
        slot.pointee.queuedFor = Int32(server ?? -1)
        let room = backend.pointee.backend.room
        slot.pointee.queuePlace = room.withLines { $0.append(waiter, for: server).place }
        slot.pointee.queuePosition = Int32(clamping: countQueued(backend, server))
        queued += 1
    }

    /// Takes the session out of the queue that it is in, if it is in one.
    @inline(__always)
    mutating func dequeue(_ slot: Slot) {
        if slot.pointee.isQueued { leaveQueue(slot) }
    }

    @inline(never)
    private mutating func leaveQueue(_ slot: Slot) {
        guard let backend = slot.pointee.backend else { return }
        slot.pointee.isQueued = false
        queued -= 1
        let ticket = slot.pointee.ticket
        // Unless a place for it is on its way, which goes on to the next one then.
        let wasThere = backend.pointee.backend.room.withLines { $0.remove(ticket) != nil }
        if wasThere { countServed(backend, ticket.server) }
    }

    private func countServed(_ backend: Pinned<LiveBackend>, _ server: Int32) {
        if server >= 0 {
            backend.pointee.servers[Int(server)].pointee.queued.add(-1)
        } else {
            backend.pointee.waiting.add(-1)
        }
        backend.pointee.queued.add(-1)
    }

    // MARK: Places

    /// Gives free places to those who wait, in their order.
    @inline(never)
    mutating func serveQueues() {
        placesChanged = false
        for plan in plans {
            // Serving the last session of a plan destroys it.
            plan.pointee.sessions += 1
            for backend in plan.pointee.backends where backend.pointee.queued.value > 0 {
                serve(backend)
            }
            plan.pointee.sessions -= 1
            releasePlanIfUnused(plan)
        }
    }

    private mutating func serve(_ backend: Pinned<LiveBackend>) {
        let whole = backend.pointee.backend
        let placements = whole.room.withLines { lines in
            var placements: [Placement] = []
            for server in whole.servers.indices {
                let isCandidate = backend.pointee.isCandidate(server)
                guard isCandidate || backend.pointee.isUsable(server) else { continue }
                while lines.hasWaiter(for: server, orAny: isCandidate),
                    backend.pointee.takePlace(at: server),
                    let (waiter, ticket) = lines.next(for: server, orAny: isCandidate)
                {
                    countServed(backend, ticket.server)
                    placements.append(
                        Placement(backend: whole, server: server, ticket: ticket, waiter: waiter)
                    )
                }
            }
            return placements
        }
        for placement in placements {
            if placement.waiter.worker === handle {
                place(placement)
            } else {
                placement.waiter.worker.post(.place(placement))
            }
        }
    }

    /// A place for a session of this worker.
    mutating func place(_ placement: Placement) {
        let server = placement.server
        guard let slot = slab.find(placement.waiter.token), slot.pointee.isQueued,
            slot.pointee.ticket == placement.ticket, let backend = slot.pointee.backend,
            backend.pointee.backend === placement.backend
        else {
            // It has left meanwhile: the place is for the next one.
            placement.backend.servers[server].connections.add(-1)
            placesChanged = true
            return
        }
        slot.pointee.isQueued = false
        queued -= 1
        let failed = slot.pointee.failedServer
        if failed >= 0 { countAnotherTry(backend, after: Int(failed), at: server) }
        let load = backend.pointee.servers[server].pointee.connections.value
        hold(slot, server, backend, load: load, isByAlgorithm: false)
        guard handle(.slotFree, slot) == .choose else { return }
        let isStuck = backend.pointee.sticks && placement.ticket.server >= 0
        let elsewhere = failed >= 0 && Int(failed) != server
        perform(handle(.assigned(elsewhere: elsewhere, isStuck: isStuck), slot), slot)
    }

    /// The server is not usable any more: `option redispatch` lets those who wait for it go to another one.
    mutating func reviewWaiting(for server: Int, _ backend: Pinned<LiveBackend>) {
        guard queued > 0, backend.pointee.rules.redispatch != nil else { return }
        for index in 0..<Int32(slab.capacity) {
            let slot = slab[index]
            guard slot.pointee.isInUse, slot.pointee.isQueued, slot.pointee.backend == backend,
                Int(slot.pointee.queuedFor) == server
            else { continue }
            dequeue(slot)
            guard handle(.slotFree, slot) == .choose else { continue }
            perform(choose(slot, fromQueue: true), slot)
        }
    }
}

extension SessionSlot {
    /// Where it stands in the queue.
    var ticket: WaitingRoom.Ticket { WaitingRoom.Ticket(server: queuedFor, place: queuePlace) }
}
