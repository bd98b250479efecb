import CLinux
import LinuxIO
import Logging
import Netlink
import Primitives
import Sessions
import Systemd

/// Addresses that leave this node while sessions are on them.
///
/// An agent that lets go of the VIP in an orderly way has reset its connections before. When nobody does, because the
/// address's lifetime ran out under an agent that hangs or somebody else took it away, the kernel says only that it is
/// gone: clients hear of it from the new owner, and servers would hear of it from nobody.
extension Proxy {
    func readAddressChanges(at now: Instant) {
        while true {
            let received: RouteMonitor.Received?
            do throws(SystemCallError) {
                received = try addressMonitor?.receive()
            } catch {
                log.warning("addresses that leave this node are not watched any more: \(error)")
                addressMonitor = nil
                return
            }
            switch received {
            case .events(let events):
                for case (.addressRemoved(let gone), _) in events {
                    end(sessionsOn: gone.prefix.address)
                }
            // What was lost is found by the sessions' own time limits.
            case .lost: continue
            case .nothing, nil: return
            }
        }
    }

    private func end(sessionsOn address: IPAddress) {
        if case .v6(let v6) = address, v6.isLinkLocal { return }
        var place = SocketAddress(address, port: 0)
        // It may be on another interface, or have come back.
        guard unsafe !tandem_address_is_local(&place) else { return }
        log.notice("\(address) has left this node: sessions on it are ended")
        for worker in workers { worker.post(.addressGone(address)) }
    }
}

/// An address that has left the node, and how far a worker has looked for its sessions.
struct Departure {
    let address: IPAddress
    var place: Int32 = 0

    init(address: IPAddress) { self.address = address }
}

extension Worker where E: ~Copyable {
    /// Slots that are looked at in a turn: a session of the ring costs several system calls, and others wait meanwhile.
    private static var departuresOfTurn: Int32 { 128 }

    /// Ends the sessions whose client had connected to an address that is gone.
    mutating func breakDepartedSessions() {
        guard let departure = departures.first else { return }
        let end = min(departure.place + Self.departuresOfTurn, Int32(slab.capacity))
        for index in departure.place..<end {
            let slot = slab[index]
            guard slot.pointee.isInUse, !slot.pointee.isClosing,
                isConnected(slot, to: departure.address)
            else { continue }
            signal(slot, .killed(.killed))
        }
        departures[0].place = end
        if end >= Int32(slab.capacity) { departures.removeFirst() }
    }

    private mutating func isConnected(_ slot: Slot, to address: IPAddress) -> Bool {
        let hadCopy = slot.pointee.clientCopy >= 0
        var own = SocketAddress()
        let descriptor = E.clientDescriptor(&self, slot)
        let isThere = unsafe tandem_own_address(descriptor, &own) == 0 && own.ip == address
        // One that ends needs it once more.
        if !isThere, !hadCopy, slot.pointee.clientCopy >= 0 {
            _ = tandem_close(slot.pointee.clientCopy)
            slot.pointee.clientCopy = -1
        }
        return isThere
    }
}
