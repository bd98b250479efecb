package import Primitives
package import Supervision
package import VRRP

/// One virtual router, as `tandemctl status` shows it.
package struct RouterReport: Equatable, Sendable {
    package var name: String
    package var state: VisibleState
    package var interface: String
    package var virtualRouterID: UInt8
    package var basePriority: UInt8
    /// The priority that is advertised now.
    package var priority: UInt8
    /// At most 60, each `ADDRESS/LENGTH`.
    package var addresses: [String]
    /// When the state began, nanoseconds since 1970.
    package var since: UInt64
    /// The last MASTER other than this node that was heard; nil: none yet.
    package var peer: IPAddress?
    package var peerPriority: UInt8
    package var peerHeardMillisecondsAgo: UInt32
    /// Packets for this router that were dropped, all reasons together.
    package var dropped: UInt64

    package static let addressLimit = 60

    package init(
        name: String,
        state: VisibleState,
        interface: String,
        virtualRouterID: UInt8,
        basePriority: UInt8,
        priority: UInt8,
        addresses: [String],
        since: UInt64,
        peer: IPAddress? = nil,
        peerPriority: UInt8 = 0,
        peerHeardMillisecondsAgo: UInt32 = 0,
        dropped: UInt64 = 0
    ) {
        self.name = name
        self.state = state
        self.interface = interface
        self.virtualRouterID = virtualRouterID
        self.basePriority = basePriority
        self.priority = priority
        self.addresses = addresses
        self.since = since
        self.peer = peer
        self.peerPriority = peerPriority
        self.peerHeardMillisecondsAgo = peerHeardMillisecondsAgo
        self.dropped = dropped
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(name, limit: 64)
        writer.byte(state.rawValue)
        writer.text(interface, limit: 16)
        writer.byte(virtualRouterID)
        writer.byte(basePriority)
        writer.byte(priority)
        writer.texts(addresses, limit: Self.addressLimit, each: 48)
        writer.littleEndian(since)
        writer.flag(peer != nil)
        if let peer { writer.address(peer) }
        writer.byte(peerPriority)
        writer.littleEndian(peerHeardMillisecondsAgo)
        writer.littleEndian(dropped)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        name = try reader.text()
        state = try reader.choice("state")
        interface = try reader.text()
        virtualRouterID = try reader.byte()
        basePriority = try reader.byte()
        priority = try reader.byte()
        addresses = try reader.texts(limit: Self.addressLimit)
        since = try reader.littleEndian()
        peer = try reader.flag() ? try reader.address() : nil
        peerPriority = try reader.byte()
        peerHeardMillisecondsAgo = try reader.littleEndian()
        dropped = try reader.littleEndian()
    }
}

/// One supervised process, as `tandemctl status` shows it.
package struct ProcessReport: Equatable, Sendable {
    package var name: String
    package var state: ProcessState
    /// 0: none.
    package var pid: UInt32
    /// Milliseconds since it entered this state.
    package var uptimeMilliseconds: UInt64
    /// Restarts that nobody asked for since the supervisor began.
    package var restarts: UInt32
    /// What the third column says, such as `exit status 1`; empty: the shape of the state.
    package var detail: String

    package init(
        name: String,
        state: ProcessState,
        pid: UInt32,
        uptimeMilliseconds: UInt64,
        restarts: UInt32,
        detail: String = ""
    ) {
        self.name = name
        self.state = state
        self.pid = pid
        self.uptimeMilliseconds = uptimeMilliseconds
        self.restarts = restarts
        self.detail = detail
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(name, limit: 64)
        writer.byte(state.rawValue)
        writer.littleEndian(pid)
        writer.littleEndian(uptimeMilliseconds)
        writer.littleEndian(restarts)
        writer.text(detail)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        name = try reader.text()
        state = try reader.choice("process state")
        pid = try reader.littleEndian()
        uptimeMilliseconds = try reader.littleEndian()
        restarts = try reader.littleEndian()
        detail = try reader.text()
    }
}

extension JournalEntry {
    func encode(into writer: inout ByteWriter) {
        writer.littleEndian(wallClock)
        writer.littleEndian(incident.rawValue)
        writer.text(event)
        writer.text(decision)
        writer.text(reason, limit: 1024)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            wallClock: try reader.littleEndian(),
            incident: IncidentID(rawValue: try reader.littleEndian()),
            event: try reader.text(),
            decision: try reader.text(),
            reason: try reader.text()
        )
    }
}
