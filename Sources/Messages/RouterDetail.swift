package import Primitives

/// One virtual router in full, as `tandemctl vrrp` shows it.
package struct RouterDetail: Equatable, Sendable {
    /// One tracked check and what it adds to the priority.
    package struct Weight: Equatable, Sendable {
        package enum Outcome: UInt8, Sendable {
            case unknown = 0
            case succeeded = 1
            case failed = 2
        }

        package var name: String
        /// `script`, `interface`, `process` or `file`.
        package var kind: String
        /// As configured, its sign turned by `reverse`; 0: a failure is a fault.
        package var weight: Int16
        /// What counts of it now.
        package var amount: Int16
        package var outcome: Outcome

        package init(
            name: String,
            kind: String,
            weight: Int16,
            amount: Int16,
            outcome: Outcome
        ) {
            self.name = name
            self.kind = kind
            self.weight = weight
            self.amount = amount
            self.outcome = outcome
        }
    }

    /// A router other than this one that was heard with this virtual router's ID.
    package struct Peer: Equatable, Sendable {
        package var address: IPAddress
        package var priority: UInt8
        package var heardMillisecondsAgo: UInt32

        package init(address: IPAddress, priority: UInt8, heardMillisecondsAgo: UInt32) {
            self.address = address
            self.priority = priority
            self.heardMillisecondsAgo = heardMillisecondsAgo
        }
    }

    /// A number by the name that `tandemctl` prints.
    package struct Count: Equatable, Sendable {
        package var name: String
        package var value: UInt64

        package init(_ name: String, _ value: UInt64) {
            self.name = name
            self.value = value
        }
    }

    /// In microseconds, which count up to 71 minutes and then stay there.
    package struct Timers: Equatable, Sendable {
        package var advertisement: UInt32
        /// The MASTER's interval where it was learned (RFC 9568 §6.1), else our own.
        package var activeAdvertisement: UInt32
        package var skew: UInt32
        package var masterDown: UInt32
        /// Until the next timer fires; nil: none runs.
        package var next: UInt32?

        package init(
            advertisement: UInt32,
            activeAdvertisement: UInt32,
            skew: UInt32,
            masterDown: UInt32,
            next: UInt32?
        ) {
            self.advertisement = advertisement
            self.activeAdvertisement = activeAdvertisement
            self.skew = skew
            self.masterDown = masterDown
            self.next = next
        }
    }

    package var report: RouterReport
    /// 2 or 3.
    package var version: UInt8
    /// Such as `multicast 224.0.0.18` or `unicast 192.0.2.2`.
    package var transport: String
    /// What advertisements come from; nil: there is no such address.
    package var source: IPAddress?
    /// The sync group; empty: none.
    package var group: String
    /// The sum that the priority comes from, such as `101 + 2 (chk_haproxy) = 103`.
    package var arithmetic: String
    package var preempts: Bool
    package var preemptDelayMilliseconds: UInt32
    package var timers: Timers
    package var weights: [Weight]
    /// Why it is in FAULT, in words.
    package var faults: [String]
    /// Checks that have to report before it takes part.
    package var awaited: [String]
    package var peers: [Peer]
    package var counters: [Count]
    /// Packets dropped on its interface, by the RFC's reason.
    package var drops: [Count]

    package static let addressLimit = 10
    package static let weightLimit = 10
    package static let peerLimit = 8
    package static let countLimit = 24
    package static let textLimit = 4
    package static let arithmeticLimit = 200

    package init(
        report: RouterReport,
        version: UInt8,
        transport: String,
        source: IPAddress?,
        group: String,
        arithmetic: String,
        preempts: Bool,
        preemptDelayMilliseconds: UInt32,
        timers: Timers,
        weights: [Weight],
        faults: [String],
        awaited: [String],
        peers: [Peer],
        counters: [Count],
        drops: [Count]
    ) {
        self.report = report
        self.version = version
        self.transport = transport
        self.source = source
        self.group = group
        self.arithmetic = arithmetic
        self.preempts = preempts
        self.preemptDelayMilliseconds = preemptDelayMilliseconds
        self.timers = timers
        self.weights = weights
        self.faults = faults
        self.awaited = awaited
        self.peers = peers
        self.counters = counters
        self.drops = drops
    }

    func encode(into writer: inout ByteWriter) {
        var head = report
        // A report may fill a frame by itself; here the list of addresses is the part that is cut.
        head.addresses = Array(report.addresses.prefix(Self.addressLimit))
        head.encode(into: &writer)
        writer.byte(version)
        writer.text(transport, limit: 160)
        writer.flag(source != nil)
        if let source { writer.address(source) }
        writer.text(group, limit: 64)
        writer.text(arithmetic, limit: Self.arithmeticLimit)
        writer.flag(preempts)
        writer.littleEndian(preemptDelayMilliseconds)
        timers.encode(into: &writer)
        writer.list(weights, limit: Self.weightLimit) { $1.encode(into: &$0) }
        writer.texts(faults, limit: Self.textLimit)
        writer.texts(awaited, limit: Self.textLimit)
        writer.list(peers, limit: Self.peerLimit) { $1.encode(into: &$0) }
        writer.list(counters, limit: Self.countLimit) { $1.encode(into: &$0) }
        writer.list(drops, limit: Self.countLimit) { $1.encode(into: &$0) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        report = try RouterReport(from: &reader)
        version = try reader.byte()
        transport = try reader.text()
        source = try reader.flag() ? try reader.address() : nil
        group = try reader.text()
        arithmetic = try reader.text()
        preempts = try reader.flag()
        preemptDelayMilliseconds = try reader.littleEndian()
        timers = try Timers(from: &reader)
        weights = try reader.list(limit: Self.weightLimit) { (reader) throws(DecodeError) in
            try Weight(from: &reader)
        }
        faults = try reader.texts(limit: Self.textLimit)
        awaited = try reader.texts(limit: Self.textLimit)
        peers = try reader.list(limit: Self.peerLimit) { (reader) throws(DecodeError) in
            try Peer(from: &reader)
        }
        counters = try reader.list(limit: Self.countLimit) { (reader) throws(DecodeError) in
            try Count(from: &reader)
        }
        drops = try reader.list(limit: Self.countLimit) { (reader) throws(DecodeError) in
            try Count(from: &reader)
        }
    }
}

extension RouterDetail.Weight {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.text(name, limit: 32)
        writer.text(kind, limit: 16)
        writer.littleEndian(UInt16(bitPattern: weight))
        writer.littleEndian(UInt16(bitPattern: amount))
        writer.byte(outcome.rawValue)
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        name = try reader.text()
        kind = try reader.text()
        weight = Int16(bitPattern: try reader.littleEndian())
        amount = Int16(bitPattern: try reader.littleEndian())
        outcome = try reader.choice("outcome")
    }
}

extension RouterDetail.Peer {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.address(address)
        writer.byte(priority)
        writer.littleEndian(heardMillisecondsAgo)
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        address = try reader.address()
        priority = try reader.byte()
        heardMillisecondsAgo = try reader.littleEndian()
    }
}

extension RouterDetail.Count {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.text(name, limit: 24)
        writer.littleEndian(value)
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        name = try reader.text()
        value = try reader.littleEndian()
    }
}

extension RouterDetail.Timers {
    fileprivate func encode(into writer: inout ByteWriter) {
        for value in [advertisement, activeAdvertisement, skew, masterDown] {
            writer.littleEndian(value)
        }
        writer.flag(next != nil)
        if let next { writer.littleEndian(next) }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        advertisement = try reader.littleEndian()
        activeAdvertisement = try reader.littleEndian()
        skew = try reader.littleEndian()
        masterDown = try reader.littleEndian()
        if try reader.flag() {
            let value: UInt32 = try reader.littleEndian()
            next = value
        } else {
            next = nil
        }
    }
}
