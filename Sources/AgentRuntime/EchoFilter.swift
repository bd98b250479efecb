import Primitives
import VRRP

/// Knows a packet that came to a second socket of this node, too.
struct EchoFilter: Equatable, Sendable {
    /// Both copies are read in one turn of the loop, or in the next one.
    private static let longest: Duration = .milliseconds(50)

    private struct Heard: Equatable, Sendable {
        var packet: ReceivedPacket
        var socket: UInt64
        var at: Instant
    }

    private var last: Heard?

    /// `socket` is any number that differs from socket to socket. Whatever comes to the same one twice was sent twice.
    mutating func isEcho(_ packet: ReceivedPacket, on socket: UInt64, at now: Instant) -> Bool {
        var packet = packet
        // Its place in the list of that socket.
        packet.router = 0
        let limit = min(packet.advertisement.interval / 2, Self.longest)
        if let last, last.socket != socket, last.packet == packet, now < last.at + limit {
            return true
        }
        last = Heard(packet: packet, socket: socket, at: now)
        return false
    }
}
