import Glibc
import Links
import LinuxIO
import Messages
import Primitives

/// The proxy's end of the link to the supervisor: it listens, and one supervisor at a time is listened to; a newer
/// one takes the place of an older.
///
/// Only root gets in, or the user that the proxy was started as.
final class SupervisorLink {
    enum Event {
        case connected(pid: Int32)
        case frame(Frame<SupervisorToProxy>)
        case lost(reason: String)
        case refused(reason: String)
    }

    /// Frames that one turn of the loop reads at most.
    private static let budget = 64

    private final class Connection {
        let token: UInt64
        var link: FrameLink<SupervisorToProxy, ProxyToSupervisor>
        var isWatchedForWriting = false

        init(token: UInt64, link: consuming FrameLink<SupervisorToProxy, ProxyToSupervisor>) {
            self.token = token
            self.link = link
        }
    }

    let listener: FileDescriptor
    private let path: String
    private let allowed: UInt32
    private var current: Connection?
    private var nextToken: UInt64

    /// To be made before privileges are given up, so that nobody else may connect. Where the proxy was
    /// started as another user, a supervisor that is root without capabilities comes in through the group.
    init(directory: RuntimeDirectory, firstToken: UInt64) throws(SystemCallError) {
        path = directory.proxySocket
        allowed = geteuid()
        listener = try UnixSocket.listen(at: path, mode: allowed == 0 ? 0o600 : 0o660)
        nextToken = firstToken
    }

    var isConnected: Bool { current != nil }

    func accept(_ poller: borrowing Poller) -> [Event] {
        var events: [Event] = []
        do throws(SystemCallError) {
            while let socket = try UnixSocket.accept(listener) {
                let peer = try UnixSocket.peer(of: socket)
                guard peer.uid == 0 || peer.uid == allowed else {
                    events.append(.refused(reason: "uid \(peer.uid) is not root"))
                    continue
                }
                nextToken += 1
                let connection = Connection(
                    token: nextToken,
                    link: FrameLink(socket: socket, peer: peer)
                )
                try poller.add(connection.link.socket.rawValue, token: connection.token)
                current = connection
                connection.link.send(
                    .hello(Hello(role: .proxy, pid: UInt32(getpid()), build: Hello.currentBuild))
                )
                events.append(.connected(pid: peer.pid))
            }
        } catch {
            events.append(.refused(reason: "\(error)"))
        }
        return events
    }

    func ready(_ event: ReadyEvent, _ poller: borrowing Poller) -> [Event] {
        guard let connection = current, connection.token == event.token else { return [] }
        if event.readiness.contains(.writable) {
            connection.link.flush()
            watch(connection, poller)
        }
        var events: [Event] = []
        for _ in 0..<Self.budget {
            switch connection.link.receive() {
            case .nothing: return events
            case .frame(let frame): events.append(.frame(frame))
            case .closed(let reason):
                current = nil
                events.append(.lost(reason: reason))
                return events
            }
        }
        return events
    }

    func send(
        _ message: ProxyToSupervisor,
        incident: IncidentID = .none,
        _ poller: borrowing Poller
    ) {
        guard let current else { return }
        current.link.send(message, incident: incident)
        watch(current, poller)
    }

    private func watch(_ connection: Connection, _ poller: borrowing Poller) {
        guard connection.link.wantsToWrite != connection.isWatchedForWriting else { return }
        connection.isWatchedForWriting = connection.link.wantsToWrite
        try? poller.modify(
            connection.link.socket.rawValue,
            token: connection.token,
            for: connection.isWatchedForWriting ? [.readable, .writable] : .readable
        )
    }
}
