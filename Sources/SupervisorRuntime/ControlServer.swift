import Glibc
import Links
import LinuxIO
import Messages
import Primitives

/// The socket that `tandemctl` talks to, for root and for the group `tandem` where it exists: the socket's
/// mode says so, and the kernel's word on who has connected has to agree.
final class ControlServer {
    static let group = "tandem"
    /// Who follows an output never becomes idle.
    static let followerLimit = 12
    /// A client that asks nothing for so long is sent away.
    static let idleLimit: Duration = .seconds(30)
    /// Requests that one turn of the loop takes from one client at most.
    private static let budget = 8
    /// A client that does not read its answers is sent away when so many wait.
    static let queueLimit = 4096

    private final class Client {
        let token: UInt64
        let isRoot: Bool
        var link: FrameLink<ControlRequest, ControlReply>
        var wantsToWrite = false
        /// Requests that have no `end` yet.
        var unanswered = 0
        var lastAskedAt = Clock.now

        init(
            token: UInt64,
            isRoot: Bool,
            link: consuming FrameLink<ControlRequest, ControlReply>
        ) {
            self.token = token
            self.isRoot = isRoot
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
    private let groupID: UInt32?
    private var clients: [UInt64: Client] = [:]
    private var nextToken: UInt64

    init(directory: RuntimeDirectory, firstToken: UInt64) throws(SystemCallError) {
        path = directory.supervisorSocket
        nextToken = firstToken
        groupID = UserIdentity.groupID(named: Self.group)
        listener = try UnixSocket.listen(at: path, mode: 0o660, group: groupID)
    }

    func owns(_ token: UInt64) -> Bool { clients[token] != nil }

    func accept(_ poller: borrowing Poller) {
        while let socket = try? UnixSocket.accept(listener) {
            guard let peer = try? UnixSocket.peer(of: socket),
                isTrusted(peer, socket),
                makeRoom(forRoot: peer.uid == 0)
            else { continue }
            nextToken += 1
            let descriptor = socket.rawValue
            let client = Client(
                token: nextToken,
                isRoot: peer.uid == 0,
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
        for _ in 0..<Self.budget {
            switch client.link.receive() {
            case .nothing: return asked
            case .closed:
                clients[event.token] = nil
                return asked
            case .frame(let frame):
                client.unanswered += 1
                client.lastAskedAt = Clock.now
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
        if reply == .end {
            client.unanswered -= 1
            client.lastAskedAt = Clock.now
        }
        watch(client, poller)
    }

    // MARK: Who is let in, and who has to go

    private func isTrusted(
        _ peer: PeerCredentials,
        _ socket: borrowing FileDescriptor
    ) -> Bool {
        if peer.uid == 0 || peer.uid == geteuid() { return true }
        guard let groupID else { return false }
        return peer.gid == groupID || Self.groups(of: socket).contains(groupID)
    }

    /// The supplementary groups of who has connected (`SO_PEERGROUPS`).
    private static func groups(of socket: borrowing FileDescriptor) -> ArraySlice<gid_t> {
        var groups = [gid_t](repeating: 0, count: 1024)
        var size = socklen_t(groups.count * MemoryLayout<gid_t>.stride)
        let result = unsafe getsockopt(
            socket.rawValue,
            SOL_SOCKET,
            SO_PEERGROUPS,
            &groups,
            &size
        )
        return result < 0 ? [] : groups.prefix(Int(size) / MemoryLayout<gid_t>.stride)
    }

    /// False when everybody waits for an answer.
    private func makeRoom(forRoot isRoot: Bool) -> Bool {
        let guests = clients.values.map { client in
            ControlRoom.Guest(
                token: client.token,
                isRoot: client.isRoot,
                idleSince: client.unanswered == 0 ? client.lastAskedAt : nil
            )
        }
        switch ControlRoom.verdict(forRoot: isRoot, among: guests) {
        case .thereIsRoom: return true
        case .full: return false
        case .sendAway(let token):
            clients[token] = nil
            return true
        }
    }

    private var idle: [Client] { clients.values.filter { $0.unanswered == 0 } }

    /// Sends away who asks nothing.
    func expire(at now: Instant) {
        for client in idle where now - client.lastAskedAt >= Self.idleLimit {
            clients[client.token] = nil
        }
    }

    var nextDeadline: Instant? { idle.map { $0.lastAskedAt + Self.idleLimit }.min() }

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
