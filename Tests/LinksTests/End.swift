import Glibc
import Links
import LinuxIO
import Messages
import Primitives

/// One end of a link as an object, which expectations can look at.
final class End<Inbound: LinkMessage, Outbound: LinkMessage> {
    private var link: FrameLink<Inbound, Outbound>

    init(_ socket: Int32, queueLimit: Int = 256) {
        link = FrameLink(
            socket: FileDescriptor(owning: socket),
            peer: PeerCredentials(pid: 1, uid: 0, gid: 0),
            queueLimit: queueLimit
        )
    }

    var dropped: UInt64 { link.dropped }
    var skipped: UInt64 { link.skipped }
    var wantsToWrite: Bool { link.wantsToWrite }

    func receive() -> FrameLink<Inbound, Outbound>.Received { link.receive() }

    @discardableResult
    func send(_ message: Outbound, incident: IncidentID = .none) -> Bool {
        link.send(message, incident: incident)
    }

    func flush() { link.flush() }

    // A process that another test is just starting holds a copy of the descriptor until it executes.
    deinit { shutdown(link.socket.rawValue, Int32(SHUT_RDWR)) }
}

/// The other end, who need not keep to any format; it closes with the object.
final class Stranger {
    private let socket: FileDescriptor

    init(_ socket: Int32) {
        self.socket = FileDescriptor(owning: socket)
    }

    deinit { shutdown(socket.rawValue, Int32(SHUT_RDWR)) }

    /// True when the packet was taken whole.
    @discardableResult
    func send(_ packet: [UInt8]) -> Bool {
        Glibc.send(socket.rawValue, packet, packet.count, Int32(MSG_NOSIGNAL)) == packet.count
    }
}
