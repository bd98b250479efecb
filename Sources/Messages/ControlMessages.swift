package import Primitives
package import Supervision

/// What the supervisor accepts from `tandemctl`: one request, then it answers until `end`.
package enum ControlRequest: LinkMessage {
    /// No names: all. Names are checked by the supervisor, which answers `result` for one it does not know.
    case status(names: [String])
    case start(names: [String])
    case stop(names: [String])
    case restart(names: [String])
    case reload
    case failover
    /// The last `bytes` of a process's output; `follow`: and what comes, until the client goes.
    case tail(name: String, bytes: UInt32, follow: Bool)
    /// No name: the supervisor's own pid.
    case pid(name: String?)
    /// The last `count` decisions; 0: all that are kept.
    case why(count: UInt32)
    case version
    case shutdown
    /// Everything about the virtual routers; no name: all of them.
    case vrrp(name: String?)
    /// What the proxy carries: a proxy by its name, a server as `backend/server`, or everything.
    case proxy(name: String?)

    package static let nameLimit = 16

    package var kind: UInt16 {
        switch self {
        case .status: 1
        case .start: 2
        case .stop: 3
        case .restart: 4
        case .reload: 5
        case .failover: 6
        case .tail: 7
        case .pid: 8
        case .why: 9
        case .version: 10
        case .shutdown: 11
        case .vrrp: 12
        case .proxy: 13
        }
    }

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .status(let names), .start(let names), .stop(let names), .restart(let names):
            writer.texts(names, limit: Self.nameLimit)
        case .tail(let name, let bytes, let follow):
            writer.text(name, limit: 64)
            writer.littleEndian(bytes)
            writer.flag(follow)
        case .pid(let name), .vrrp(let name):
            writer.texts(name.map { [$0] } ?? [], limit: 1)
        case .proxy(let name):
            writer.texts(name.map { [$0] } ?? [], limit: 1, each: 512)
        case .why(let count): writer.littleEndian(count)
        case .reload, .failover, .version, .shutdown: break
        }
    }

    package static func decode(
        kind: UInt16,
        from reader: inout ByteReader
    ) throws(DecodeError) -> ControlRequest? {
        switch kind {
        case 1: .status(names: try reader.texts(limit: nameLimit))
        case 2: .start(names: try reader.texts(limit: nameLimit))
        case 3: .stop(names: try reader.texts(limit: nameLimit))
        case 4: .restart(names: try reader.texts(limit: nameLimit))
        case 5: .reload
        case 6: .failover
        case 7:
            .tail(
                name: try reader.text(),
                bytes: try reader.littleEndian(),
                follow: try reader.flag()
            )
        case 8: .pid(name: try reader.texts(limit: 1).first)
        case 9: .why(count: try reader.littleEndian())
        case 10: .version
        case 11: .shutdown
        case 12: .vrrp(name: try reader.texts(limit: 1).first)
        case 13: .proxy(name: try reader.texts(limit: 1).first)
        default: nil
        }
    }
}

/// What `tandemctl` accepts from the supervisor: any number of answers, then `end`.
package enum ControlReply: LinkMessage {
    case process(ProcessReport)
    case router(RouterReport)
    case journal(JournalEntry)
    /// Raw output of a process, at most 3,500 bytes.
    case output([UInt8])
    /// How a command went for one name; the name is empty where the command has none.
    case result(name: String, outcome: Outcome, text: String)
    case end
    case detail(RouterDetail)
    case proxy(ProxyReport)
    case traffic(TrafficReport)
    /// Behind the detail of its router.
    case rows(RouterRows)

    package enum Outcome: UInt8, Sendable {
        case done = 0
        case failed = 1
        /// The name is none of this node's processes.
        case noSuchName = 2
        /// It makes no sense now; the text says why.
        case refused = 3
    }

    package static let outputLimit = 3500

    package var kind: UInt16 {
        switch self {
        case .process: 1
        case .router: 2
        case .journal: 3
        case .output: 4
        case .result: 5
        case .end: 6
        case .detail: 7
        case .proxy: 8
        case .traffic: 9
        case .rows: 10
        }
    }

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .process(let report): report.encode(into: &writer)
        case .router(let report): report.encode(into: &writer)
        case .journal(let entry): entry.encode(into: &writer)
        case .output(let bytes):
            let kept = bytes.prefix(Self.outputLimit)
            writer.littleEndian(UInt16(kept.count))
            writer.append(kept)
        case .result(let name, let outcome, let text):
            writer.text(name, limit: 64)
            writer.byte(outcome.rawValue)
            writer.text(text, limit: 2048)
        case .end: break
        case .detail(let detail): detail.encode(into: &writer)
        case .proxy(let report): report.encode(into: &writer)
        case .traffic(let report): report.encode(into: &writer)
        case .rows(let rows): rows.encode(into: &writer)
        }
    }

    package static func decode(
        kind: UInt16,
        from reader: inout ByteReader
    ) throws(DecodeError) -> ControlReply? {
        switch kind {
        case 1: return .process(try ProcessReport(from: &reader))
        case 2: return .router(try RouterReport(from: &reader))
        case 3: return .journal(try JournalEntry(from: &reader))
        case 4:
            let count: UInt16 = try reader.littleEndian()
            return .output(Array(try reader.take(Int(count))))
        case 5:
            return .result(
                name: try reader.text(),
                outcome: try reader.choice("outcome"),
                text: try reader.text()
            )
        case 6: return .end
        case 7: return .detail(try RouterDetail(from: &reader))
        case 8: return .proxy(try ProxyReport(from: &reader))
        case 9: return .traffic(try TrafficReport(from: &reader))
        case 10: return .rows(try RouterRows(from: &reader))
        default: return nil
        }
    }
}
