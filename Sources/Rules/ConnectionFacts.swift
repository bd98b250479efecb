package import Primitives

/// What conditions may ask of a connection, and what rules do to it.
///
/// Proxies go by their place in the configuration, from 0.
package protocol ConnectionFacts {
    /// Nil for a client of a Unix socket.
    var source: IPAddress? { mutating get }
    var sourcePort: Int { mutating get }
    /// The address that the client connected to; nil on a Unix socket.
    var destination: IPAddress? { mutating get }
    var destinationPort: Int { mutating get }
    /// Connections of the address that the client connected to.
    var entranceConnections: Int { get }
    func connections(ofFrontend proxy: Int) -> Int
    func connections(ofBackend proxy: Int) -> Int
    func queued(inBackend proxy: Int) -> Int
    func usableServers(ofBackend proxy: Int) -> Int
    /// Connections that its servers and their queues can still take; -1 where a server has no limit.
    func freeSlots(ofBackend proxy: Int) -> Int
    /// Of the client's address in that proxy's stick table; nil without a table or an entry that counts it.
    mutating func counter(_ counter: TableCounter, ofSourceIn proxy: Int) -> Int?
    /// Of the entry that was tracked at this place; nil without one.
    mutating func counter(_ counter: TableCounter, trackedAt place: Int) -> Int?
    /// `track-sc0`: counts this connection at the key's entry, once.
    mutating func track(_ key: TableKeySource, in proxy: Int, at place: Int)
}

/// `conn_cnt`, `conn_cur` and the like of a stick table (HAProxy configuration manual §11.1).
package enum TableCounter: String, CaseIterable, Sendable {
    case connectionCount = "conn_cnt"
    case connectionsNow = "conn_cur"
    case connectionRate = "conn_rate"
    case sessionCount = "sess_cnt"
    case sessionRate = "sess_rate"
}

/// What of a connection is looked up in a stick table.
package enum TableKeySource: String, CaseIterable, Sendable {
    case source = "src"
    case destination = "dst"
    case destinationPort = "dst_port"
}

/// The answer of a condition: `unknown` while bytes that are yet to come could change it.
///
/// The numbers are HAProxy's, so that "and" and "or" are those of their bits.
package enum Truth: UInt8, Sendable {
    case no = 0
    case unknown = 1
    case yes = 3

    package init(_ value: Bool) { self = value ? .yes : .no }

    package func and(_ other: Truth) -> Truth { rawValue < other.rawValue ? self : other }

    package func or(_ other: Truth) -> Truth { rawValue > other.rawValue ? self : other }

    package var negated: Truth {
        switch self {
        case .no: .yes
        case .unknown: .unknown
        case .yes: .no
        }
    }
}
