import Primitives

/// What runs now, at most, and in all.
package struct UsageReport: Equatable, Sendable {
    package var current: UInt32
    /// The most at the same time since the start of the process.
    package var highest: UInt32
    /// 0: none.
    package var limit: UInt32
    package var total: UInt64

    package init(current: UInt32, highest: UInt32, limit: UInt32, total: UInt64) {
        self.current = current
        self.highest = highest
        self.limit = limit
        self.total = total
    }

    func encode(into writer: inout ByteWriter) {
        writer.littleEndian(current)
        writer.littleEndian(highest)
        writer.littleEndian(limit)
        writer.littleEndian(total)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        current = try reader.littleEndian()
        highest = try reader.littleEndian()
        limit = try reader.littleEndian()
        total = try reader.littleEndian()
    }
}

/// How many a second: now, and in the busiest second since the start of the process.
package struct RateReport: Equatable, Sendable {
    package var current: UInt32
    package var highest: UInt32

    package init(current: UInt32 = 0, highest: UInt32 = 0) {
        self.current = current
        self.highest = highest
    }

    func encode(into writer: inout ByteWriter) {
        writer.littleEndian(current)
        writer.littleEndian(highest)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        current = try reader.littleEndian()
        highest = try reader.littleEndian()
    }
}

/// How a reload ended.
package struct ReloadReport: Equatable, Sendable {
    package var succeeded: Bool
    /// What was wrong, or a word that nothing was.
    package var text: String
    /// Nanoseconds since 1970.
    package var wallClock: UInt64

    package init(succeeded: Bool, text: String, wallClock: UInt64) {
        self.succeeded = succeeded
        self.text = text
        self.wallClock = wallClock
    }

    func encode(into writer: inout ByteWriter) {
        writer.flag(succeeded)
        writer.text(text, limit: 1024)
        writer.littleEndian(wallClock)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        succeeded = try reader.flag()
        text = try reader.text()
        wallClock = try reader.littleEndian()
    }
}

/// The proxy as a whole, as `tandemctl proxy` shows it.
package struct ProxyReport: Equatable, Sendable {
    /// `epoll` or `io_uring`.
    package var engine: String
    /// Event loops.
    package var workers: UInt16
    package var uptimeMilliseconds: UInt64
    /// Configurations that it has taken over since its start.
    package var reloads: UInt32
    /// Those that it refused: it went on with what it had.
    package var failedReloads: UInt32
    /// Nil: there was none.
    package var lastReload: ReloadReport?
    /// It waits for the end of its sessions and takes no new ones.
    package var isDraining: Bool
    /// `limit` is `maxconn`, or what the descriptors allow.
    package var connections: UsageReport
    package var rate: RateReport
    package var bytesIn: UInt64
    package var bytesOut: UInt64

    package init(
        engine: String,
        workers: UInt16,
        uptimeMilliseconds: UInt64,
        reloads: UInt32,
        failedReloads: UInt32,
        lastReload: ReloadReport?,
        isDraining: Bool,
        connections: UsageReport,
        rate: RateReport,
        bytesIn: UInt64,
        bytesOut: UInt64
    ) {
        self.engine = engine
        self.workers = workers
        self.uptimeMilliseconds = uptimeMilliseconds
        self.reloads = reloads
        self.failedReloads = failedReloads
        self.lastReload = lastReload
        self.isDraining = isDraining
        self.connections = connections
        self.rate = rate
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(engine, limit: 16)
        writer.littleEndian(workers)
        writer.littleEndian(uptimeMilliseconds)
        writer.littleEndian(reloads)
        writer.flag(isDraining)
        connections.encode(into: &writer)
        rate.encode(into: &writer)
        writer.littleEndian(bytesIn)
        writer.littleEndian(bytesOut)
        writer.littleEndian(failedReloads)
        writer.flag(lastReload != nil)
        lastReload?.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        engine = try reader.text()
        workers = try reader.littleEndian()
        uptimeMilliseconds = try reader.littleEndian()
        reloads = try reader.littleEndian()
        isDraining = try reader.flag()
        connections = try UsageReport(from: &reader)
        rate = try RateReport(from: &reader)
        bytesIn = try reader.littleEndian()
        bytesOut = try reader.littleEndian()
        failedReloads = try reader.littleEndian()
        lastReload = try reader.flag() ? ReloadReport(from: &reader) : nil
    }
}

/// A frontend, a listener, a backend or a server, as `tandemctl proxy` shows it: what HAProxy's statistics tell of
/// it (management manual §9.1), under its names for it where they are words.
package struct TrafficReport: Equatable, Sendable {
    /// HAProxy's numbers.
    package enum Kind: UInt8, Sendable {
        case frontend = 0
        case backend = 1
        case server = 2
        case listener = 3
    }

    package enum State: UInt8, Sendable {
        /// A frontend or a listener that takes connections.
        case open = 0
        case stopped = 1
        case up = 2
        case down = 3
        /// A server that is not checked.
        case unchecked = 4
        case maintenance = 5
        /// A server whose name has no address.
        case unresolved = 6
    }

    /// Since the start of the process; a reload goes on counting.
    package struct Counts: Equatable, Sendable {
        package var deniedConnections: UInt64 = 0
        package var deniedSessions: UInt64 = 0
        package var deniedRequests: UInt64 = 0
        package var requestErrors: UInt64 = 0
        package var connectionErrors: UInt64 = 0
        package var responseErrors: UInt64 = 0
        package var retries: UInt64 = 0
        package var redispatches: UInt64 = 0
        package var clientAborts: UInt64 = 0
        package var serverAborts: UInt64 = 0
        /// Sessions that the balancing algorithm placed there.
        package var chosen: UInt64 = 0

        package init() {}

        private var all: [UInt64] {
            [
                deniedConnections, deniedSessions, deniedRequests, requestErrors,
                connectionErrors, responseErrors, retries, redispatches, clientAborts,
                serverAborts, chosen,
            ]
        }

        func encode(into writer: inout ByteWriter) {
            for count in all { writer.littleEndian(count) }
        }

        init(from reader: inout ByteReader) throws(DecodeError) {
            deniedConnections = try reader.littleEndian()
            deniedSessions = try reader.littleEndian()
            deniedRequests = try reader.littleEndian()
            requestErrors = try reader.littleEndian()
            connectionErrors = try reader.littleEndian()
            responseErrors = try reader.littleEndian()
            retries = try reader.littleEndian()
            redispatches = try reader.littleEndian()
            clientAborts = try reader.littleEndian()
            serverAborts = try reader.littleEndian()
            chosen = try reader.littleEndian()
        }
    }

    package var kind: Kind
    /// The proxy that it is or belongs to.
    package var proxy: String
    /// A server's name or a listener's address; empty for the others.
    package var name: String
    package var sessions: UsageReport
    package var rate: RateReport
    /// Of a frontend or listener, those that were accepted; else those that were begun to servers.
    package var connections: UInt64
    package var connectionRate: RateReport
    /// `total` is always 0: HAProxy does not count it.
    package var queue: UsageReport
    package var bytesIn: UInt64
    package var bytesOut: UInt64
    package var counts: Counts
    package var state: State
    /// Of a backend or server only.
    package var service: ServiceReport?

    package init(
        kind: Kind,
        proxy: String,
        name: String,
        sessions: UsageReport,
        rate: RateReport,
        connections: UInt64,
        connectionRate: RateReport,
        queue: UsageReport,
        bytesIn: UInt64,
        bytesOut: UInt64,
        counts: Counts,
        state: State,
        service: ServiceReport?
    ) {
        self.kind = kind
        self.proxy = proxy
        self.name = name
        self.sessions = sessions
        self.rate = rate
        self.connections = connections
        self.connectionRate = connectionRate
        self.queue = queue
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.counts = counts
        self.state = state
        self.service = service
    }

    func encode(into writer: inout ByteWriter) {
        writer.byte(kind.rawValue)
        writer.text(proxy, limit: 256)
        writer.text(name, limit: 256)
        sessions.encode(into: &writer)
        rate.encode(into: &writer)
        writer.littleEndian(connections)
        connectionRate.encode(into: &writer)
        queue.encode(into: &writer)
        writer.littleEndian(bytesIn)
        writer.littleEndian(bytesOut)
        counts.encode(into: &writer)
        writer.byte(state.rawValue)
        writer.flag(service != nil)
        service?.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        kind = try reader.choice("kind")
        proxy = try reader.text()
        name = try reader.text()
        sessions = try UsageReport(from: &reader)
        rate = try RateReport(from: &reader)
        connections = try reader.littleEndian()
        connectionRate = try RateReport(from: &reader)
        queue = try UsageReport(from: &reader)
        bytesIn = try reader.littleEndian()
        bytesOut = try reader.littleEndian()
        counts = try Counts(from: &reader)
        state = try reader.choice("state")
        service = try reader.flag() ? try ServiceReport(from: &reader) : nil
    }
}
