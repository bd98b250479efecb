import LinuxIO
import Primitives
import RawSockets

/// Hears who says on any interface that an address is his: of IPv4, and of IPv6 where the kernel has it.
struct NeighbourWatch: ~Copyable {
    private var v4: NeighbourListener
    private var v6: NeighbourListener?
    /// What a poller waits for.
    let sockets: [Int32]

    init() throws(SystemCallError) {
        let v4 = try NeighbourListener(family: .v4)
        var sockets = [v4.descriptor.rawValue]
        self.v4 = v4
        do throws(SystemCallError) {
            let v6 = try NeighbourListener(family: .v6)
            sockets.append(v6.descriptor.rawValue)
            self.v6 = consume v6
        } catch {
            self.v6 = nil
        }
        self.sockets = sockets
    }

    mutating func watch(_ addresses: Set<IPAddress>) throws(SystemCallError) {
        try v4.watch(addresses)
        try v6?.watch(addresses)
    }

    /// The next sighting of either family; nil when none is there.
    mutating func receive() throws(SystemCallError) -> Sighting? {
        if let sighting = try v4.receive() { return sighting }
        return try v6?.receive()
    }
}
