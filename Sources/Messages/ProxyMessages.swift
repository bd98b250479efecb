package import Primitives

/// What the supervisor accepts from the proxy.
package enum ProxyToSupervisor: GreetingMessage {
    case hello(Hello)
    /// Every event loop has turned since the last beat.
    case beat(Beat)
    /// The state of its servers changed, or it became ready.
    case health(ProxyHealth)
    case reloadFinished(succeeded: Bool, text: String)
    /// All checks of a refresh have answered.
    case refreshFinished(usableServers: UInt16)
    /// It has begun to stop by a signal, and ends within milliseconds.
    case stopping
    /// The first answer to `describe`, with its number.
    case proxy(request: UInt64, ProxyReport)
    /// One of the others.
    case traffic(request: UInt64, TrafficReport)
    /// All answers to that `describe` have been given; the next one asks from `next` on, if that is not 0. `found`:
    /// the name that was asked for is one.
    case described(request: UInt64, next: UInt32, found: Bool)
    /// It takes no new connections, and ends when those that it has have ended, or after that time.
    case draining(sessions: UInt32, limit: Duration)

    package var greeting: Hello? { if case .hello(let hello) = self { hello } else { nil } }

    package var kind: UInt16 {
        switch self {
        case .hello: 1
        case .beat: 2
        case .health: 3
        case .reloadFinished: 4
        case .refreshFinished: 5
        case .stopping: 6
        case .proxy: 7
        case .traffic: 8
        case .described: 9
        case .draining: 10
        }
    }

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .hello(let hello): hello.encode(into: &writer)
        case .beat(let beat): beat.encode(into: &writer)
        case .health(let health): health.encode(into: &writer)
        case .reloadFinished(let succeeded, let text):
            writer.flag(succeeded)
            writer.text(text, limit: 2048)
        case .refreshFinished(let usableServers): writer.littleEndian(usableServers)
        case .stopping: break
        case .proxy(let request, let report):
            writer.littleEndian(request)
            report.encode(into: &writer)
        case .traffic(let request, let report):
            writer.littleEndian(request)
            report.encode(into: &writer)
        case .described(let request, let next, let found):
            writer.littleEndian(request)
            writer.littleEndian(next)
            writer.flag(found)
        case .draining(let sessions, let limit):
            writer.littleEndian(sessions)
            writer.milliseconds(limit)
        }
    }

    package var replaceable: String? {
        switch self {
        case .beat: "beat"
        case .health: "health"
        case .hello, .reloadFinished, .refreshFinished, .stopping, .proxy, .traffic, .described,
            .draining:
            nil
        }
    }

    package static func decode(
        kind: UInt16,
        from reader: inout ByteReader
    ) throws(DecodeError) -> ProxyToSupervisor? {
        switch kind {
        case 1: .hello(try Hello(from: &reader))
        case 2: .beat(try Beat(from: &reader))
        case 3: .health(try ProxyHealth(from: &reader))
        case 4: .reloadFinished(succeeded: try reader.flag(), text: try reader.text())
        case 5: .refreshFinished(usableServers: try reader.littleEndian())
        case 6: .stopping
        case 7:
            .proxy(request: try reader.littleEndian(), try ProxyReport(from: &reader))
        case 8:
            .traffic(request: try reader.littleEndian(), try TrafficReport(from: &reader))
        case 9:
            .described(
                request: try reader.littleEndian(),
                next: try reader.littleEndian(),
                found: try reader.flag()
            )
        case 10: .draining(sessions: try reader.littleEndian(), limit: try reader.milliseconds())
        default: nil
        }
    }
}

/// What the proxy accepts from the supervisor.
package enum SupervisorToProxy: GreetingMessage {
    case hello(Hello)
    /// This node took the VIP: resolve names anew and run all checks now.
    case refresh
    /// Read the configuration anew.
    case reload
    /// Tell what there is and how it fares, from that place of the list on; `request` comes back with the answers.
    /// `name`: a proxy, or `backend/server`; nil: everything.
    case describe(request: UInt64, name: String?, from: UInt32)
    /// This node is about to let go of the VIP: new connections stay in the kernel's queues, for so long at most.
    case pauseAccepting(Duration)
    case resumeAccepting
    /// A stop follows, within that time: what is new is refused, what is there goes on until then.
    case drain(Duration)

    package var greeting: Hello? { if case .hello(let hello) = self { hello } else { nil } }

    package var kind: UInt16 {
        switch self {
        case .hello: 1
        case .refresh: 2
        case .reload: 3
        case .describe: 4
        case .pauseAccepting: 5
        case .resumeAccepting: 6
        case .drain: 7
        }
    }

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .hello(let hello): hello.encode(into: &writer)
        case .refresh, .reload, .resumeAccepting: break
        case .pauseAccepting(let limit), .drain(let limit): writer.milliseconds(limit)
        case .describe(let request, let name, let from):
            writer.littleEndian(request)
            writer.texts(name.map { [$0] } ?? [], limit: 1, each: 512)
            writer.littleEndian(from)
        }
    }

    package static func decode(
        kind: UInt16,
        from reader: inout ByteReader
    ) throws(DecodeError) -> SupervisorToProxy? {
        switch kind {
        case 1: .hello(try Hello(from: &reader))
        case 2: .refresh
        case 3: .reload
        case 4:
            .describe(
                request: try reader.littleEndian(),
                name: try reader.texts(limit: 1).first,
                from: try reader.littleEndian()
            )
        case 5: .pauseAccepting(try reader.milliseconds())
        case 6: .resumeAccepting
        case 7: .drain(try reader.milliseconds())
        default: nil
        }
    }
}

/// Proof of progress: a number that grows only because the event loops turn.
package struct Beat: Equatable, Sendable {
    /// Turns of the slowest event loop since its start.
    package var turns: UInt64
    /// How many event loops there are.
    package var loops: UInt16
    package var sessions: UInt32

    package init(turns: UInt64, loops: UInt16, sessions: UInt32) {
        self.turns = turns
        self.loops = loops
        self.sessions = sessions
    }

    func encode(into writer: inout ByteWriter) {
        writer.littleEndian(turns)
        writer.littleEndian(loops)
        writer.littleEndian(sessions)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        turns = try reader.littleEndian()
        loops = try reader.littleEndian()
        sessions = try reader.littleEndian()
    }
}

/// Whether the proxy could serve a client now.
package struct ProxyHealth: Equatable, Sendable {
    /// Listening, and past its start.
    package var ready: Bool
    package var listeners: UInt16
    package var usableServers: UInt16
    package var servers: UInt16
    /// Proxies that have servers, none of which is usable.
    package var proxiesWithoutServer: UInt16
    package var proxies: UInt16

    package init(
        ready: Bool,
        listeners: UInt16,
        usableServers: UInt16,
        servers: UInt16,
        proxiesWithoutServer: UInt16,
        proxies: UInt16
    ) {
        self.ready = ready
        self.listeners = listeners
        self.usableServers = usableServers
        self.servers = servers
        self.proxiesWithoutServer = proxiesWithoutServer
        self.proxies = proxies
    }

    func encode(into writer: inout ByteWriter) {
        writer.flag(ready)
        writer.littleEndian(listeners)
        writer.littleEndian(usableServers)
        writer.littleEndian(servers)
        writer.littleEndian(proxiesWithoutServer)
        writer.littleEndian(proxies)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        ready = try reader.flag()
        listeners = try reader.littleEndian()
        usableServers = try reader.littleEndian()
        servers = try reader.littleEndian()
        proxiesWithoutServer = try reader.littleEndian()
        proxies = try reader.littleEndian()
    }
}
