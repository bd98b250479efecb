import Glibc
import Links
import LinuxIO
import Messages
import Primitives

/// The agent's end of the link to the supervisor: it listens, and one supervisor at a time is listened to.
///
/// Only root, or the agent's own user, gets in. A newer supervisor takes the place of an older one once it
/// has said who it is.
final class SupervisorLink {
    /// Connections that have not said who they are yet, and the one that has.
    static let connectionLimit = 8
    static let greetingLimit: Duration = .seconds(2)
    /// Frames that one turn of the loop reads at most.
    static let budget = 64

    private final class Connection {
        let token: UInt64
        let openedAt: Instant
        var link: FrameLink<SupervisorToAgent, AgentToSupervisor>
        var wantsToWrite = false

        init(token: UInt64, link: consuming FrameLink<SupervisorToAgent, AgentToSupervisor>) {
            self.token = token
            self.link = link
            openedAt = Clock.now
        }
    }

    /// What a turn brought.
    enum Event {
        /// A supervisor has said who it is.
        case greeted(pid: Int32, build: String)
        case frame(Frame<SupervisorToAgent>)
        /// The supervisor that was listened to is gone.
        case lost(reason: String)
        /// Somebody was sent away, or a connection ended that was not the supervisor's.
        case refused(reason: String)
    }

    let listener: FileDescriptor
    private let path: String
    private var connections: [UInt64: Connection] = [:]
    private var current: Connection?
    private var nextToken: UInt64

    init(directory: RuntimeDirectory, firstToken: UInt64) throws(SystemCallError) {
        path = directory.agentSocket
        listener = try UnixSocket.listen(at: path, mode: 0o600)
        nextToken = firstToken
    }

    var isConnected: Bool { current != nil }

    /// Messages that wait for the supervisor to read.
    var waiting: Int { current?.link.waiting ?? 0 }

    /// Messages that it did not get.
    var dropped: UInt64 { current?.link.dropped ?? 0 }

    func owns(_ token: UInt64) -> Bool { connections[token] != nil }

    func accept(_ poller: borrowing Poller) -> [Event] {
        var events: [Event] = []
        do throws(SystemCallError) {
            while let socket = try UnixSocket.accept(listener) {
                let peer = try UnixSocket.peer(of: socket)
                guard peer.uid == 0 || peer.uid == geteuid() else {
                    events.append(.refused(reason: "uid \(peer.uid) is not root"))
                    continue
                }
                guard connections.count < Self.connectionLimit else {
                    events.append(.refused(reason: "too many connections"))
                    continue
                }
                nextToken += 1
                let connection = Connection(
                    token: nextToken,
                    link: FrameLink(socket: socket, peer: peer)
                )
                try poller.add(connection.link.socket.rawValue, token: connection.token)
                connections[connection.token] = connection
                connection.link.send(
                    .hello(
                        Hello(role: .agent, pid: UInt32(getpid()), build: Hello.currentBuild)
                    )
                )
            }
        } catch {
            events.append(.refused(reason: "\(error)"))
        }
        return events
    }

    func ready(_ event: ReadyEvent, _ poller: borrowing Poller) -> [Event] {
        guard let connection = connections[event.token] else { return [] }
        if event.readiness.contains(.writable) {
            connection.link.flush()
            watch(connection, poller)
        }
        var events: [Event] = []
        for _ in 0..<Self.budget {
            switch connection.link.receive() {
            case .nothing: return events
            case .closed(let reason):
                events.append(close(connection, because: reason))
                return events
            case .frame(let frame):
                guard let event = accept(frame, from: connection) else { continue }
                events.append(event)
                if !owns(connection.token) { return events }
            }
        }
        return events
    }

    private func accept(
        _ frame: Frame<SupervisorToAgent>,
        from connection: Connection
    ) -> Event? {
        if case .hello(let hello) = frame.message {
            guard hello.role == .supervisor else {
                return close(connection, because: "it is no supervisor")
            }
            if let older = current, older !== connection { connections[older.token] = nil }
            current = connection
            return .greeted(pid: connection.link.peer.pid, build: hello.build)
        }
        guard connection === current else {
            return close(connection, because: "it did not say who it is")
        }
        return .frame(frame)
    }

    private func close(_ connection: Connection, because reason: String) -> Event {
        connections[connection.token] = nil
        guard connection === current else { return .refused(reason: reason) }
        current = nil
        return .lost(reason: reason)
    }

    /// Sends to the supervisor, if there is one.
    func send(_ message: AgentToSupervisor, incident: IncidentID, _ poller: borrowing Poller) {
        guard let current else { return }
        current.link.send(message, incident: incident)
        watch(current, poller)
    }

    private func watch(_ connection: Connection, _ poller: borrowing Poller) {
        guard connection.link.wantsToWrite != connection.wantsToWrite else { return }
        connection.wantsToWrite = connection.link.wantsToWrite
        try? poller.modify(
            connection.link.socket.rawValue,
            token: connection.token,
            for: connection.wantsToWrite ? [.readable, .writable] : .readable
        )
    }

    /// Sends away who has not said in time who it is.
    func expire(at now: Instant) {
        for connection in connections.values
        where connection !== current && now - connection.openedAt > Self.greetingLimit {
            connections[connection.token] = nil
        }
    }

    /// Stops listening and takes the socket's path away.
    func close() {
        connections = [:]
        current = nil
        _ = unsafe unlink(path)
    }
}
