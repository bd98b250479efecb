import ControlClient
import FoundationEssentials
import Messages
import Primitives
import Supervision
import VRRP

/// The JSON of `status --json` and `why --json`: fields are added, never renamed or removed.
enum JSONText {
    private struct Status: Encodable {
        var processes: [Process]
        var instances: [Instance]
        var errors: [String]
    }

    private struct Process: Encodable {
        var name: String
        var state: String
        /// 0: none.
        var pid: UInt32
        /// 0 while it does not run.
        var uptimeSeconds: Double
        var restarts: UInt32
        var detail: String
    }

    private struct Instance: Encodable {
        var name: String
        var state: String
        var interface: String
        var virtualRouterId: UInt8
        var basePriority: UInt8
        var priority: UInt8
        var addresses: [String]
        var since: String
        var peer: String?
        var peerPriority: UInt8?
        var droppedPackets: UInt64
        /// Null: no advertisement of another router, ever.
        var heard: OrNull<Heard>
    }

    /// The MASTER other than this node that was heard last.
    private struct Heard: Encodable {
        var address: String
        var priority: UInt8
        var secondsAgo: Double
    }

    /// Stands there as `null` where there is nothing.
    private struct OrNull<Value: Encodable>: Encodable {
        var value: Value?

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            if let value { try container.encode(value) } else { try container.encodeNil() }
        }
    }

    private struct Decision: Encodable {
        var time: String
        var event: String
        var decision: String
        var reason: String
        var incident: UInt64
    }

    static func status(_ answer: StatusAnswer, error: String? = nil) throws -> String {
        let processes = answer.processes.map { process in
            Process(
                name: process.name,
                state: process.state.name,
                pid: process.pid,
                uptimeSeconds: process.pid == 0 ? 0 : Double(process.uptimeMilliseconds) / 1000,
                restarts: process.restarts,
                detail: process.detail
            )
        }
        let instances = answer.routers.map { router in
            Instance(
                name: router.name,
                state: router.state.name,
                interface: router.interface,
                virtualRouterId: router.virtualRouterID,
                basePriority: router.basePriority,
                priority: router.priority,
                addresses: router.addresses,
                since: TimeText.iso8601(router.since),
                peer: router.peer.map { "\($0)" },
                peerPriority: router.peer.map { _ in router.peerPriority },
                droppedPackets: router.dropped,
                heard: OrNull(
                    value: router.peer.map {
                        Heard(
                            address: "\($0)",
                            priority: router.peerPriority,
                            secondsAgo: Double(router.peerHeardMillisecondsAgo) / 1000
                        )
                    }
                )
            )
        }
        let errors =
            (error.map { [$0] } ?? []) + answer.results.filter { $0.outcome != .done }.map(\.line)
        return try text(Status(processes: processes, instances: instances, errors: errors))
    }

    static func journal(_ entries: [JournalEntry]) throws -> String {
        try text(
            entries.map { entry in
                Decision(
                    time: TimeText.iso8601(entry.wallClock),
                    event: entry.event,
                    decision: entry.decision,
                    reason: entry.reason,
                    incident: entry.incident.rawValue
                )
            }
        )
    }

    static func routers(_ answer: RouterAnswer, error: String? = nil) throws -> String {
        let errors =
            (error.map { [$0] } ?? []) + answer.results.filter { $0.outcome != .done }.map(\.line)
        return try text(
            RouterList(
                instances: answer.details.map {
                    RouterJSON($0, answer.rows[$0.report.name] ?? [])
                },
                errors: errors
            )
        )
    }

    static func proxy(_ answer: ProxyAnswer, error: String? = nil) throws -> String {
        let errors =
            (error.map { [$0] } ?? []) + answer.results.filter { $0.outcome != .done }.map(\.line)
        return try text(ProxyJSON(answer, errors: errors))
    }

    private struct RouterList: Encodable {
        var instances: [RouterJSON]
        var errors: [String]
    }

    private static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
