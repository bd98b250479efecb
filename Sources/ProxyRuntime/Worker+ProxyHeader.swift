import CLinux
import LinuxIO
import Primitives
import Sessions

/// The PROXY protocol on both sides: who the client is, told to this proxy or by it.
extension Worker where E: ~Copyable {
    /// `accept-proxy`: the first bytes of the client.
    mutating func readProxyHeader(_ slot: Slot) {
        let descriptor = E.clientDescriptor(&self, slot)
        let count = unsafe tandem_stream_peek(descriptor, scratch, ProxyHeader.maximumSize)
        guard count > 0 else {
            if count == 0 { signal(slot, .ended(.client)) }
            return
        }
        let bytes = unsafe Array(UnsafeRawBufferPointer(start: scratch, count: Int(count)))
        switch ProxyHeader.read(bytes) {
        case .incomplete:
            if slot.pointee.client.flags.contains(.ending) { signal(slot, .ended(.client)) }
        case .malformed:
            // As HAProxy: whoever sends that learns that it was not read.
            _ = handle(.failed(.client), slot)
            perform(.finish(reset: true), slot)
        case .header(let size, let addresses):
            _ = unsafe tandem_stream_receive(descriptor, scratch, size)
            if let addresses {
                slot.pointee.peer = SocketAddress(addresses.source, port: addresses.sourcePort)
                slot.pointee.localPort = addresses.destinationPort
                var notes = notes(of: slot)
                notes.destination = SocketAddress(
                    addresses.destination,
                    port: addresses.destinationPort
                )
                keep(notes, of: slot)
            }
            slot.pointee.awaitsProxyHeader = false
            slot.pointee.waitsUntil = .distantFuture
            enter(slot)
        }
    }

    /// `send-proxy`, `send-proxy-v2`: the first bytes that the server gets.
    mutating func announceClient(_ slot: Slot, version: Int) {
        let own = ownAddress(of: slot)
        var addresses: ConnectionAddresses?
        if let source = slot.pointee.peer.ip, let destination = own.ip {
            addresses = ConnectionAddresses(
                source: source,
                sourcePort: slot.pointee.peer.port,
                destination: destination,
                destinationPort: own.port
            )
        }
        let header = ProxyHeader.write(version: version, addresses)
        let buffer = pool.take(header.count)
        unsafe header.withUnsafeBytes { bytes in
            unsafe UnsafeMutableRawBufferPointer(
                start: buffer.address(at: 0),
                count: Int(buffer.capacity)
            ).copyMemory(from: bytes)
        }
        slot.pointee.server.pending = buffer
        slot.pointee.server.pendingStart = 0
        slot.pointee.server.pendingEnd = Int32(header.count)
    }

    /// The address that the client connected to, here or where its PROXY header comes from.
    mutating func ownAddress(of slot: Slot) -> SocketAddress {
        if let destination = notes(of: slot).destination { return destination }
        var own = SocketAddress()
        _ = unsafe tandem_own_address(E.clientDescriptor(&self, slot), &own)
        return own
    }

    // MARK: Notes

    func notes(of slot: Slot) -> SessionNotes {
        let number = Int(slot.pointee.notes)
        return number >= 0 ? notes[number] : SessionNotes()
    }

    mutating func keep(_ new: SessionNotes, of slot: Slot) {
        guard !new.isEmpty else { return }
        if slot.pointee.notes < 0 {
            slot.pointee.notes = freeNotes.popLast() ?? Int32(notes.count)
            if Int(slot.pointee.notes) == notes.count { notes.append(SessionNotes()) }
        }
        notes[Int(slot.pointee.notes)] = new
    }

    /// The session is over: it counts nowhere any more.
    mutating func dropNotes(_ slot: Slot) {
        let number = slot.pointee.notes
        guard number >= 0 else { return }
        slot.pointee.notes = -1
        notes[Int(number)].end(at: now)
        notes[Int(number)] = SessionNotes()
        freeNotes.append(number)
    }
}
