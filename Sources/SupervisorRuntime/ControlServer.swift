import Glibc
import Links
import LinuxIO
import Messages
import Primitives

/// The socket that `tandemctl` talks to. Who may connect is what the socket's mode says: root, and the
/// group `tandem` where it exists.
final class ControlServer {
    static let group = "tandem"
    static let clientLimit = 32
    /// A client that does not read its answers is sent away when so many wait.
    static let queueLimit = 4096

    private final class Client {
        let token: UInt64
        var link: FrameLink<ControlRequest, ControlReply>
        var wantsToWrite = false

        init(token: UInt64, link: consuming FrameLink<ControlRequest, ControlReply>) {
            self.token = token
            self.link = link
        }
    }

    /// A request and whom to answer.
    struct Asked {
        var client: UInt64
        var request: ControlRequest
    }

    let listener: FileDescriptor
    private let path: String
    private var clients: [UInt64: Client] = [:]
    private var nextToken: UInt64

    init(directory: RuntimeDirectory, firstToken: UInt64) throws(SystemCallError) {
        path = directory.supervisorSocket
        nextToken = firstToken
        let group = UserIdentity.groupID(named: Self.group)
        listener = try UnixSocket.listen(at: path, mode: 0o660, group: group)
    }

    func owns(_ token: UInt64) -> Bool { clients[token] != nil }

    func accept(_ poller: borrowing Poller) {
        while let socket = try? UnixSocket.accept(listener) {
            guard clients.count < Self.clientLimit,
                let peer = try? UnixSocket.peer(of: socket)
            else { continue }
            nextToken += 1
            let descriptor = socket.rawValue
            let client = Client(
                token: nextToken,
                link: FrameLink(socket: socket, peer: peer, queueLimit: Self.queueLimit)
            )
            guard (try? poller.add(descriptor, token: client.token)) != nil else { continue }
            clients[client.token] = client
        }
    }

    /// The requests that have arrived.
    func ready(_ event: ReadyEvent, _ poller: borrowing Poller) -> [Asked] {
        guard let client = clients[event.token] else { return [] }
        if event.readiness.contains(.writable) {
            client.link.flush()
            watch(client, poller)
        }
        var asked: [Asked] = []
        for _ in 0..<8 {
            switch client.link.receive() {
            case .nothing: return asked
            case .closed:
                clients[event.token] = nil
                return asked
            case .frame(let frame):
                asked.append(Asked(client: event.token, request: frame.message))
            }
        }
        return asked
    }

    /// Answers, if the client is still there.
    func send(_ reply: ControlReply, to token: UInt64, _ poller: borrowing Poller) {
        guard let client = clients[token] else { return }
        guard client.link.send(reply) || client.link.dropped == 0 else {
            clients[token] = nil
            return
        }
        watch(client, poller)
    }

    private func watch(_ client: Client, _ poller: borrowing Poller) {
        guard client.link.wantsToWrite != client.wantsToWrite else { return }
        client.wantsToWrite = client.link.wantsToWrite
        try? poller.modify(
            client.link.socket.rawValue,
            token: client.token,
            for: client.wantsToWrite ? [.readable, .writable] : .readable
        )
    }

    /// Stops listening and takes the socket's path away.
    func close() {
        clients = [:]
        _ = unsafe unlink(path)
    }
}
