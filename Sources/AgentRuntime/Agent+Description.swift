import KeepalivedSyntax
import LinuxIO
import Messages
import Primitives
import VRRP

/// What `tandemctl vrrp` shows: the machines' numbers, and what they are made of.
extension Agent {
    func describe(_ name: String?, request: UInt64) {
        let now = Clock.now
        for index in routers.indices where name == nil || routers[index].settings.name == name {
            supervisor.send(
                .detail(request: request, detail(index, at: now)),
                incident: incident,
                poller
            )
        }
        supervisor.send(.described(request: request), incident: incident, poller)
    }

    private func detail(_ index: Int, at now: Instant) -> RouterDetail {
        let machine = routers[index].machine
        let settings = routers[index].settings
        return RouterDetail(
            report: routerReport(index, at: now),
            version: settings.version.rawValue,
            transport: settings.transport.sentence(for: settings.family),
            source: machine.source,
            group: group(of: settings.name)?.name ?? "",
            arithmetic: machine.priority.description,
            preempts: settings.preempt,
            preemptDelayMilliseconds: UInt32(clamping: settings.preemptDelay.milliseconds),
            timers: RouterDetail.Timers(of: machine, at: now),
            weights: settings.tracks.map { RouterDetail.Weight($0, of: machine) },
            faults: machine.faults.map(\.sentence),
            awaited: machine.awaitedChecks.map(\.name),
            peers: routers[index].peers.peers.map { RouterDetail.Peer($0, at: now) },
            counters: RouterDetail.Count.list(of: machine.counters)
                + [RouterDetail.Count("send-failures", routers[index].unsent)],
            drops: (ports[PortKey(settings)]?.drops(of: routers[index].declared) ?? [])
                .map { RouterDetail.Count($0.reason.name, $0.count) }
        )
    }
}

extension Transport {
    /// Such as `multicast 224.0.0.18` or `unicast 192.0.2.2 192.0.2.3`.
    func sentence(for family: AddressFamily) -> String {
        switch self {
        case .multicast(let group):
            let usual = family == .v4 ? "224.0.0.18" : "ff02::12"
            return "multicast \(group?.description ?? usual)"
        case .unicast(let peers, _, _):
            return "unicast " + peers.map(\.address.description).joined(separator: " ")
        }
    }
}

extension RouterDetail.Timers {
    fileprivate init(of machine: VirtualRouter, at now: Instant) {
        self.init(
            advertisement: Self.microseconds(machine.settings.advertisementInterval),
            activeAdvertisement: Self.microseconds(machine.activeInterval),
            skew: Self.microseconds(machine.skewTime),
            masterDown: Self.microseconds(machine.activeDownInterval),
            next: machine.nextDeadline.map { Self.microseconds(max(.zero, $0 - now)) }
        )
    }

    private static func microseconds(_ duration: Duration) -> UInt32 {
        UInt32(clamping: duration.nanoseconds / 1000)
    }
}

extension RouterDetail.Peer {
    fileprivate init(_ peer: PeerLedger.Peer, at now: Instant) {
        self.init(
            address: peer.address,
            priority: peer.priority,
            heardMillisecondsAgo: UInt32(clamping: (now - peer.heardAt).milliseconds)
        )
    }
}

extension RouterDetail.Weight {
    fileprivate init(_ track: Track, of machine: VirtualRouter) {
        let contribution = machine.priority.contributions.first { $0.subject == track.subject }
        let outcome: Outcome =
            switch machine.outcome(of: track.subject) {
            case .unknown: .unknown
            case .succeeded: .succeeded
            case .failed: .failed
            // What counts is the amount.
            case .value: .succeeded
            }
        self.init(
            name: track.subject.name,
            kind: track.subject.kind,
            weight: Int16(clamping: track.reversed ? -track.weight : track.weight),
            amount: Int16(clamping: contribution?.amount ?? 0),
            outcome: outcome
        )
    }
}

extension Track.Subject {
    fileprivate var kind: String {
        switch self {
        case .script: "script"
        case .interface: "interface"
        case .process: "process"
        case .file: "file"
        }
    }
}

extension RouterDetail.Count {
    fileprivate static func list(of counters: RouterCounters) -> [RouterDetail.Count] {
        [
            RouterDetail.Count("became-master", counters.becameActive),
            RouterDetail.Count("advertisements-sent", counters.advertisementsSent),
            RouterDetail.Count("advertisements-received", counters.advertisementsReceived),
            RouterDetail.Count("priority-zero-sent", counters.priorityZeroSent),
            RouterDetail.Count("priority-zero-received", counters.priorityZeroReceived),
            RouterDetail.Count("address-list-mismatches", counters.addressListMismatches),
            RouterDetail.Count("addresses-restored", counters.addressesRestored),
            RouterDetail.Count("stalls", counters.stalls),
            RouterDetail.Count("adoptions", counters.adoptions),
            RouterDetail.Count("isolations", counters.isolations),
            RouterDetail.Count("direct-advertisements", counters.directAdvertisements),
            RouterDetail.Count("rival-sightings", counters.rivalSightings),
        ]
    }
}
