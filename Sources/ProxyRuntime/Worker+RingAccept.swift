import CLinux
import Glibc
import LinuxIO
import Primitives
import Sessions

/// An entry that waits for a connection, with the place for its address.
struct Welcome {
    /// Outlives the worker's list of entrances: the kernel writes to the address until the entry is complete.
    let place: Pinned<Place>
    /// Nil: it is free.
    var listener: Pinned<LiveListener>?
    var socket: Int32 = -1
    /// Its entrance is closed: it is not handed over again.
    var isWithdrawn = false

    struct Place {
        var address = sockaddr_storage()
        var size = socklen_t()
    }

    func destroy() { place.destroy() }
}

/// Taking connections in by the ring.
///
/// Each entrance has several entries that wait, each with a place for the client's address: one that goes on for ever
/// (multishot) has a single place, which the next connection overwrites, and takes more than there is room for.
///
/// The ring takes connections before anybody asks whether there is room. So where room is short, an entrance is
/// watched as with `EpollEngine`, and connections without room stay in the kernel's queue.
extension Worker where E == RingEngine {
    private static var welcomesOfEntrance: Int { 32 }
    /// Room for so many more, and an entrance is the ring's; for half of it, and it is not any more.
    private static var plenty: Int { 4 * welcomesOfEntrance }

    mutating func openEntrance(_ position: Int) -> Bool {
        let listener = entrances[position].listener
        guard mayWelcome(at: listener) else { return watchEntrance(position) }
        entrances[position].isInRing = true
        let socket = entrances[position].socket.descriptor.rawValue
        for _ in 0..<Self.welcomesOfEntrance {
            let number: Int32
            if let free = engine.freeWelcomes.popLast() {
                number = free
            } else {
                number = Int32(engine.welcomes.count)
                engine.welcomes.append(Welcome(place: Pinned(Welcome.Place())))
            }
            engine.welcomes[Int(number)].listener = listener
            engine.welcomes[Int(number)].socket = socket
            engine.welcomes[Int(number)].isWithdrawn = false
            // The plan stays as long as a connection may come.
            listener.pointee.frontend.pointee.plan.pointee.sessions += 1
            submit(number)
        }
        return true
    }

    mutating func closeEntrance(_ position: Int) {
        guard entrances[position].isInRing else {
            ignoreEntrance(position)
            return
        }
        entrances[position].isInRing = false
        let listener = entrances[position].listener
        let socket = entrances[position].socket.descriptor.rawValue
        for number in engine.welcomes.indices
        where engine.welcomes[number].listener == listener
            && engine.welcomes[number].socket == socket && !engine.welcomes[number].isWithdrawn
        {
            engine.welcomes[number].isWithdrawn = true
            unsafe tandem_ring_cancel(engine.ring, Self.data(of: Int32(number)))
        }
        // At once: the descriptor may be closed before the turn is over.
        _ = unsafe tandem_ring_enter(engine.ring, 0, -1)
    }

    private func suitsRing(_ listener: Pinned<LiveListener>) -> Bool {
        !listener.pointee.readsProxyHeader && !listener.pointee.frontend.pointee.needsDescriptors
    }

    private func mayWelcome(at listener: Pinned<LiveListener>) -> Bool {
        // Each entry may take a descriptor when all connections that are allowed are there.
        let spare = Int(engine.clientFiles) - limit.maximum + Self.plenty / 2
        return suitsRing(listener) && hasRoom(Self.plenty, listener)
            && engine.welcomesInUse + Self.welcomesOfEntrance <= spare
    }

    @inline(__always)
    private func hasRoom(_ count: Int, _ listener: Pinned<LiveListener>) -> Bool {
        let frontend = listener.pointee.frontend
        return limit.room >= count
            && frontend.pointee.maxconn - frontend.pointee.connections.value >= count
            && listener.pointee.maxconn - listener.pointee.connections.value >= count
    }

    /// Entrances that were left to epoll because room was short.
    mutating func returnToRing() {
        for position in entrances.indices
        where entrances[position].isArmed && !entrances[position].isInRing {
            let listener = entrances[position].listener
            guard mayWelcome(at: listener) else { continue }
            ignoreEntrance(position)
            entrances[position].isArmed = openEntrance(position)
            if !entrances[position].isArmed { closedEntrances += 1 }
        }
    }

    private static func data(of number: Int32) -> UInt64 {
        RingToken.make(RingToken.accepted, UInt64(UInt32(bitPattern: number)))
    }

    @inline(__always)
    private func submit(_ number: Int32) {
        let place = engine.welcomes[Int(number)].place
        unsafe tandem_ring_accept(
            engine.ring,
            Self.data(of: number),
            engine.welcomes[Int(number)].socket,
            &place.pointee.address,
            &place.pointee.size
        )
    }

    mutating func accepted(_ completion: tandem_completion) {
        let number = Int(completion.data & 0xFFFF_FFFF)
        guard engine.welcomes.indices.contains(number),
            let listener = engine.welcomes[number].listener
        else { return }
        var mayGoOn = true
        if completion.result >= 0 {
            var peer = SocketAddress()
            unsafe tandem_ring_peer(&engine.welcomes[number].place.pointee.address, &peer)
            let arrival = RingEngine.Arrival(
                descriptor: completion.result,
                peer: peer,
                listener: listener
            )
            let isBehind = engine.waiting.contains { $0.listener == listener }
            if isBehind || !place(arrival) {
                listener.pointee.frontend.pointee.plan.pointee.sessions += 1
                engine.waiting.append(arrival)
            }
            mayGoOn = hasRoom(Self.plenty / 2, listener)
        }
        if !engine.welcomes[number].isWithdrawn {
            switch -completion.result {
            case _ where completion.result >= 0:
                if !mayGoOn, let position = entrance(of: number) { pause(position) }
            // The network's errors of a connection that was never ours (accept(2)).
            case EINTR, EAGAIN, ECONNABORTED, ENETDOWN, EPROTO, EHOSTDOWN, EHOSTUNREACH,
                ENETUNREACH:
                break
            default: if let position = entrance(of: number) { rest(position) }
            }
        }
        if engine.welcomes[number].isWithdrawn {
            retire(number)
        } else {
            submit(Int32(number))
        }
    }

    private func entrance(of number: Int) -> Int? {
        let listener = engine.welcomes[number].listener
        let socket = engine.welcomes[number].socket
        return entrances.firstIndex {
            $0.listener == listener && $0.socket.descriptor.rawValue == socket
        }
    }

    private mutating func retire(_ number: Int) {
        guard let listener = engine.welcomes[number].listener else { return }
        engine.welcomes[number].listener = nil
        engine.freeWelcomes.append(Int32(number))
        let plan = listener.pointee.frontend.pointee.plan
        plan.pointee.sessions -= 1
        releasePlanIfUnused(plan)
    }

    /// Begins its session, if there is room for it.
    private mutating func place(_ arrival: RingEngine.Arrival) -> Bool {
        guard take(arrival.listener) else { return false }
        let slot = begin(arrival.descriptor, from: arrival.peer, at: arrival.listener)
        guard let slot else {
            giveBack(arrival.listener)
            closeFile(arrival.descriptor)
            return true
        }
        slot.pointee.client.flags = [.isDirect, .writable]
        // Each place of the slab has its own descriptor for the server's socket, as far as they go.
        if slot.pointee.index >= engine.serverFiles, !leaveRing(slot) {
            signal(slot, .killed(.resources))
            return true
        }
        welcome(slot)
        return true
    }

    mutating func placeWaiting() {
        let arrivals = engine.waiting
        engine.waiting.removeAll(keepingCapacity: true)
        for arrival in arrivals {
            let isBehind = engine.waiting.contains { $0.listener == arrival.listener }
            guard !isBehind, place(arrival) else {
                engine.waiting.append(arrival)
                continue
            }
            let plan = arrival.listener.pointee.frontend.pointee.plan
            plan.pointee.sessions -= 1
            releasePlanIfUnused(plan)
        }
    }
}
