import Glibc
import Links
import LinuxIO
import Messages

/// The supervisor's end of `proxy.sock`: one supervisor at a time, the newest one.
///
/// Made as root before the drop, the socket is 0600. Made as another user, it is 0660: a supervisor that is
/// root without capabilities reaches it through the group. Whoever connects must be root, or this process's
/// own user where nothing runs as root.
final class SupervisorLink {
    typealias Link = FrameLink<SupervisorToProxy, ProxyToSupervisor>

    let listener: FileDescriptor
    private var link: Link?
    private(set) var descriptor: Int32?
    private let owner: UInt32

    init(path: String) throws(SystemCallError) {
        owner = geteuid()
        listener = try UnixSocket.listen(at: path, mode: owner == 0 ? 0o600 : 0o660)
    }

    /// A new connection, whose descriptor has to be watched from now on; nil: none, or one that is refused.
    func accept() -> (descriptor: Int32, refused: String?)? {
        guard let socket = try? UnixSocket.accept(listener) else { return nil }
        guard let peer = try? UnixSocket.peer(of: socket) else { return nil }
        guard peer.uid == 0 || peer.uid == owner else {
            return (-1, "pid \(peer.pid) of uid \(peer.uid) may not supervise this proxy")
        }
        let raw = socket.rawValue
        link = Link(socket: socket, peer: peer)
        descriptor = raw
        send(.hello(Hello(role: .proxy, pid: UInt32(getpid()), build: Hello.currentBuild)))
        return (raw, nil)
    }

    func send(_ message: ProxyToSupervisor) {
        guard link != nil else { return }
        link?.send(message)
    }

    /// The next message; `.closed` also forgets the link.
    func receive() -> Link.Received {
        guard link != nil else { return .nothing }
        guard let received = link?.receive() else { return .nothing }
        if case .closed = received {
            link = nil
            descriptor = nil
        }
        return received
    }

    func flush() {
        link?.flush()
    }
}
