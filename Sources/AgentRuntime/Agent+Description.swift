import KeepalivedSyntax
import Links
import LinuxIO
import Messages
import Primitives
import VRRP

/// What `tandemctl vrrp` shows: the machines' numbers, and what they are made of.
extension Agent {
    func describe(_ name: String?, request: UInt64) {
        let names = routers.map(\.settings.name).filter { name == nil || $0 == name }
        descriptions.append(Description(request: request, names: names[...], incident: incident))
        continueDescriptions()
    }

    /// As much as the link takes at once; the rest when it has gone, and whatever else happens comes in between.
    func continueDescriptions() {
        while let next = descriptions.first, supervisor.isConnected,
            supervisor.waiting < Self.descriptionsAtOnce
        {
            guard let name = next.names.first else {
                supervisor.send(
                    .described(request: next.request),
                    incident: next.incident,
                    poller
                )
                descriptions.removeFirst()
                continue
            }
            descriptions[0].names.removeFirst()
            // A reload may have taken it away meanwhile.
            guard let index = routers.firstIndex(where: { $0.settings.name == name }) else {
                continue
            }
            supervisor.send(
                .detail(request: next.request, detail(index, at: Clock.now)),
                incident: next.incident,
                poller
            )
            for page in RouterRows.pages(of: rows(of: index), router: name) {
                supervisor.send(
                    .rows(request: next.request, page),
                    incident: next.incident,
                    poller
                )
            }
        }
        if !supervisor.isConnected { descriptions = [] }
    }

    private static let descriptionsAtOnce = 16

    /// What has no field of its own, or no room in a list.
    private func rows(of index: Int) -> [RouterRows.Row] {
        let router = routers[index]
        let settings = router.settings
        var rows: [RouterRows.Row] = []
        func add(_ name: String, _ texts: some Sequence<String>) {
            rows += texts.map { RouterRows.Row(name, $0) }
        }
        add(
            "addresses",
            settings.addresses.dropFirst(RouterDetail.addressLimit).map(\.prefix.description)
                .joined(upTo: RouterRows.textLimit)
        )
        add(
            "excluded",
            settings.excludedAddresses.map(\.prefix.description).joined(upTo: RouterRows.textLimit)
        )
        let terms = router.machine.priority.description
        if terms.utf8.count > RouterDetail.arithmeticLimit {
            add(
                "priority",
                terms.split(separator: " ").map(String.init).joined(upTo: RouterRows.textLimit)
            )
        }
        add(
            "tracks",
            settings.tracks.dropFirst(RouterDetail.weightLimit).map {
                RouterDetail.Weight($0, of: router.machine).sentence
            }
        )
        add("fault", router.machine.faults.dropFirst(RouterDetail.textLimit).map(\.sentence))
        add(
            "awaits",
            router.machine.awaitedChecks.dropFirst(RouterDetail.textLimit).map {
                "the first report of \($0.name)"
            }
        )
        for case .file(let name) in settings.tracks.map(\.subject) {
            add("file", ["\(name) holds \(readings[name].map(String.init) ?? "no number yet")"])
        }
        if settings.needsGuard {
            let state =
                addressGuard == nil
                ? "none runs" : router.ward == nil ? "nothing is held" : "watches the addresses"
            add("guard", [state])
        }
        switch router.witness {
        case .none: break
        case .nobody: add("gateway", ["none is known, so nothing is asked"])
        case .gateway(let key):
            let known =
                switch witnesses.probes[key]?.known {
                case .answers: "answers"
                case .silent: "is silent"
                case nil: "has not answered yet"
                }
            add("gateway", ["\(key.address) \(known)"])
        }
        add("scheduling", [(realTime?.scheduling).map { "not real-time: \($0)" } ?? "real-time"])
        add("memory", [(realTime?.memory).map { "may be swapped out: \($0)" } ?? "locked"])
        return rows
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
                + [
                    RouterDetail.Count("send-failures", routers[index].unsent),
                    RouterDetail.Count("guard-firings", routers[index].guardFirings),
                ],
            drops: (ports[PortKey(settings)]?.drops(of: routers[index].declared) ?? [])
                .map { RouterDetail.Count($0.reason.name, $0.count) }
        )
    }
}

/// A description that is being given.
struct Description {
    var request: UInt64
    /// The routers that are still to be described.
    var names: ArraySlice<String>
    var incident: IncidentID
}

extension [String] {
    /// In lines of so many bytes at most.
    fileprivate func joined(upTo limit: Int) -> [String] {
        var lines: [String] = []
        for text in self {
            if let last = lines.last, last.utf8.count + 1 + text.utf8.count <= limit {
                lines[lines.count - 1] = last + " " + text
            } else {
                lines.append(text)
            }
        }
        return lines
    }
}

extension RouterDetail.Weight {
    fileprivate var sentence: String {
        let word = "\(outcome)"
        return weight == 0
            ? "\(kind) \(name) \(word): its failure is a FAULT"
            : "\(kind) \(name) \(word): weight \(weight), \(amount < 0 ? "" : "+")\(amount) now"
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
