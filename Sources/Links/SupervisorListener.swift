import Glibc
package import LinuxIO
package import Messages
package import Primitives

/// The agent's and the proxy's end of the link to the supervisor: it listens, and one supervisor at a time is listened
/// to.
///
/// Only root, or the user that made it, gets in. A newer supervisor takes the place of an older one once it
/// has said who it is.
package final class SupervisorListener<Inbound: GreetingMessage, Outbound: GreetingMessage> {
    /// Connections that have not said who they are yet, and the one that has.
    package static var connectionLimit: Int { 8 }
    package static var greetingLimit: Duration { .seconds(2) }
    /// Frames that one turn of the loop reads at most.
    private static var budget: Int { 64 }

    private final class Connection {
        let token: UInt64
        let openedAt: Instant
        var link: FrameLink<Inbound, Outbound>
        var wantsToWrite = false

        init(token: UInt64, link: consuming FrameLink<Inbound, Outbound>) {
            self.token = token
            self.link = link
            openedAt = Clock.now
        }
    }

    /// What a turn brought.
    package enum Event {
        /// A supervisor has said who it is.
        case greeted(pid: Int32, build: String)
        case frame(Frame<Inbound>)
        /// The supervisor that was listened to is gone.
        case lost(reason: String)
        /// Somebody was sent away, or a connection ended that was not the supervisor's.
        case refused(reason: String)
    }

    package let listener: FileDescriptor
    private let path: String
    private let allowed: UInt32
    private let greeting: Outbound
    private var connections: [UInt64: Connection] = [:]
    private var current: Connection?
    private var nextToken: UInt64

    /// To be made before privileges are given up, so that nobody else may connect. `mode` is its path's.
    package init(
        path: String,
        mode: UInt32,
        role: Hello.Role,
        firstToken: UInt64
    ) throws(SystemCallError) {
        self.path = path
        allowed = geteuid()
        greeting = .hello(Hello(role: role, pid: UInt32(getpid()), build: Hello.currentBuild))
        listener = try UnixSocket.listen(at: path, mode: mode)
        nextToken = firstToken
    }

    package var isConnected: Bool { current != nil }

    /// Messages that wait for the supervisor to read.
    package var waiting: Int { current?.link.waiting ?? 0 }

    /// Messages that it did not get.
    package var dropped: UInt64 { current?.link.dropped ?? 0 }

    package func owns(_ token: UInt64) -> Bool { connections[token] != nil }

    package func accept(_ poller: borrowing Poller) -> [Event] {
        var events: [Event] = []
        do throws(SystemCallError) {
            while let socket = try UnixSocket.accept(listener) {
                let peer = try UnixSocket.peer(of: socket)
                guard peer.uid == 0 || peer.uid == allowed else {
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
                connection.link.send(greeting)
            }
        } catch {
            events.append(.refused(reason: "\(error)"))
        }
        return events
    }

    package func ready(_ event: ReadyEvent, _ poller: borrowing Poller) -> [Event] {
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
        _ frame: Frame<Inbound>,
        from connection: Connection
    ) -> Event? {
        if let hello = frame.message.greeting {
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
    package func send(_ message: Outbound, incident: IncidentID = .none, _ poller: borrowing Poller)
    {
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
    package func expire(at now: Instant) {
        for connection in connections.values
        where connection !== current && now - connection.openedAt > Self.greetingLimit {
            connections[connection.token] = nil
        }
    }

    /// Stops listening and takes the socket's path away.
    package func close() {
        connections = [:]
        current = nil
        _ = unsafe unlink(path)
    }
}
