import ControlClient
import Messages
import Primitives
import VRRP

/// One virtual router of `vrrp --json`; durations are seconds.
struct RouterJSON: Encodable {
    struct Timers: Encodable {
        var advertisement: Double
        var activeAdvertisement: Double
        var skew: Double
        var masterDown: Double
        var next: Double?
    }

    struct Track: Encodable {
        var kind: String
        var name: String
        var outcome: String
        var weight: Int16
        var counts: Int16
    }

    struct Peer: Encodable {
        var address: String
        var priority: UInt8
        var heardSecondsAgo: Double
    }

    var name: String
    var state: String
    var since: String
    var version: UInt8
    var interface: String
    var virtualRouterId: UInt8
    var transport: String
    var source: String?
    var syncGroup: String?
    var basePriority: UInt8
    var priority: UInt8
    var priorityIs: String
    var preempts: Bool
    var preemptDelay: Double
    var timers: Timers
    var addresses: [String]
    var tracks: [Track]
    var faults: [String]
    var awaits: [String]
    var peers: [Peer]
    var counters: [String: UInt64]
    var dropped: [String: UInt64]
    /// What has no field here, by the name that the text form gives it.
    var more: [String: [String]]

    init(_ detail: RouterDetail, _ rows: [RouterRows.Row]) {
        let report = detail.report
        name = report.name
        state = report.state.name
        since = TimeText.iso8601(report.since)
        version = detail.version
        interface = report.interface
        virtualRouterId = report.virtualRouterID
        transport = detail.transport
        source = detail.source?.description
        syncGroup = detail.group.isEmpty ? nil : detail.group
        basePriority = report.basePriority
        priority = report.priority
        priorityIs = detail.arithmetic
        preempts = detail.preempts
        preemptDelay = Double(detail.preemptDelayMilliseconds) / 1000
        timers = Timers(
            advertisement: Self.seconds(detail.timers.advertisement),
            activeAdvertisement: Self.seconds(detail.timers.activeAdvertisement),
            skew: Self.seconds(detail.timers.skew),
            masterDown: Self.seconds(detail.timers.masterDown),
            next: detail.timers.next.map(Self.seconds)
        )
        addresses = report.addresses
        tracks = detail.weights.map { weight in
            Track(
                kind: weight.kind,
                name: weight.name,
                outcome: "\(weight.outcome)",
                weight: weight.weight,
                counts: weight.amount
            )
        }
        faults = detail.faults
        awaits = detail.awaited
        peers = detail.peers.map { peer in
            Peer(
                address: peer.address.description,
                priority: peer.priority,
                heardSecondsAgo: Double(peer.heardMillisecondsAgo) / 1000
            )
        }
        counters = Self.table(detail.counters)
        dropped = Self.table(detail.drops)
        more = Dictionary(grouping: rows, by: \.name).mapValues { $0.map(\.text) }
    }

    private static func seconds(_ microseconds: UInt32) -> Double {
        Double(microseconds) / 1_000_000
    }

    private static func table(_ counts: [RouterDetail.Count]) -> [String: UInt64] {
        Dictionary(counts.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
    }
}
