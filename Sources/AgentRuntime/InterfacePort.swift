import LinuxIO
import Primitives
import RawSockets
import VRRP

/// What a raw socket is opened for.
struct PortKey: Hashable, Sendable {
    var interface: String
    var family: AddressFamily

    init(_ settings: RouterSettings) {
        interface = settings.interface
        family = settings.family
    }
}

/// One interface's socket of one family with the gate behind it, shared by the virtual routers on it.
final class InterfacePort {
    /// Packets that one turn of the loop reads at most; the rest waits for the next.
    static let budget = 64

    let key: PortKey
    let index: Int32
    let token: UInt64
    private var socket: VRRPSocket
    private var gate: PacketGate
    private var routers: [RouterSettings]
    private var dropLog = DropLog()
    /// What each router sent last: it changes with a priority or a file, and not with an advertisement.
    private var prepared: [RouterKey: PreparedAdvertisement] = [:]

    private struct PreparedAdvertisement {
        var settings: RouterSettings
        var priority: UInt8
        var source: IPAddress?
        var payloads: [(destination: IPAddress, bytes: [UInt8])]
    }

    /// `ownAddresses` are this host's on the interface, to which peers may send.
    init(
        _ key: PortKey,
        index: Int32,
        token: UInt64,
        routers: [RouterSettings],
        ownAddresses: Set<IPAddress>
    ) throws(SystemCallError) {
        socket = try VRRPSocket(
            family: key.family,
            interface: (index, key.interface),
            borrowsSource: routers.contains { PortKey(above: $0) == key }
        )
        self.key = key
        self.index = index
        self.token = token
        self.routers = []
        gate = PacketGate(routers: routers)
        try expect(routers, ownAddresses: ownAddresses)
    }

    var descriptor: Int32 { socket.descriptor.rawValue }

    var dropped: UInt64 { gate.counters.total }

    /// Those that concern one router: what is for no router of ours is none of its business.
    func dropped(of settings: RouterSettings) -> UInt64 {
        drops(of: settings).reduce(0) { $1.reason == .virtualRouterID ? $0 : $0 &+ $1.count }
    }

    /// The drops that concern one router: those with its VRID, and those that belong to no router of the
    /// interface.
    func drops(of settings: RouterSettings) -> [(reason: DropReason, count: UInt64)] {
        let others = routers.indices.filter { routers[$0] != settings }.map(gate.counters(of:))
        return gate.counters.map { drop in
            (drop.reason, others.reduce(drop.count) { $0 &- $1[drop.reason] })
        }.filter { $0.count > 0 }
    }

    /// When what the log was told begins to be told again.
    private static let noteAge: Duration = .seconds(3600)
    private var notesAgeAt: Instant?

    func ageNotes(at now: Instant) {
        let due = notesAgeAt ?? now + Self.noteAge
        notesAgeAt = due
        guard due <= now else { return }
        notesAgeAt = now + Self.noteAge
        gate.ageNotes()
    }

    /// What is logged of packets that deserve it, once each.
    func takeNotes() -> [GateNote] { gate.takeNotes() }

    func expect(
        _ routers: [RouterSettings],
        ownAddresses: Set<IPAddress>
    ) throws(SystemCallError) {
        self.routers = routers
        let keys = Set(routers.map { RouterKey($0) })
        prepared = prepared.filter { keys.contains($0.key) }
        gate.expect(routers, ownAddresses: ownAddresses)
        try socket.listen(
            to: Set(routers.flatMap(\.destinations).filter(\.isMulticastGroup))
        )
    }

    /// One advertisement to the router's group or to each of its peers. A peer that can't be reached costs the
    /// others nothing; throws when none could be sent to.
    func send(
        _ priority: UInt8,
        of settings: RouterSettings,
        from source: IPAddress?
    ) throws(SystemCallError) {
        var failure: SystemCallError?
        var sent = false
        for (destination, payload) in prepare(priority, of: settings, from: source).payloads {
            do throws(SystemCallError) {
                try send(payload, of: settings, from: source, to: destination)
                sent = true
            } catch {
                failure = failure ?? error
            }
        }
        if let failure, !sent { throw failure }
    }

    /// To one address beside the router's own destinations.
    func send(
        _ priority: UInt8,
        of settings: RouterSettings,
        from source: IPAddress?,
        to destination: IPAddress
    ) throws(SystemCallError) {
        let payload = encode(priority, of: settings, from: source, to: destination)
        try send(payload, of: settings, from: source, to: destination)
    }

    private func send(
        _ payload: [UInt8],
        of settings: RouterSettings,
        from source: IPAddress?,
        to destination: IPAddress
    ) throws(SystemCallError) {
        try socket.send(
            payload,
            to: destination,
            from: source,
            timeToLive: settings.transport.timeToLive
        )
    }

    private func prepare(
        _ priority: UInt8,
        of settings: RouterSettings,
        from source: IPAddress?
    ) -> PreparedAdvertisement {
        let key = RouterKey(settings)
        if let known = prepared[key], known.priority == priority,
            known.source == source, known.settings == settings
        {
            return known
        }
        let fresh = PreparedAdvertisement(
            settings: settings,
            priority: priority,
            source: source,
            payloads: settings.destinations.map {
                ($0, encode(priority, of: settings, from: source, to: $0))
            }
        )
        prepared[key] = fresh
        return fresh
    }

    private func encode(
        _ priority: UInt8,
        of settings: RouterSettings,
        from source: IPAddress?,
        to destination: IPAddress
    ) -> [UInt8] {
        let unspecified: IPAddress = key.family == .v4 ? .v4(.any) : .v6(.any)
        return settings.advertisement(priority: priority).encode(
            between: Endpoints(source: source ?? unspecified, destination: destination),
            omitsPseudoHeader: settings.omitsPseudoHeader
        )
    }

    /// What one read brought.
    enum Received {
        /// A packet, and the router that it is for.
        case packet(ReceivedPacket, RouterSettings)
        /// It was dropped; the line is worth logging.
        case dropped(line: String?)
        case nothing
    }

    func receive(at now: Instant) throws(SystemCallError) -> Received {
        guard let packet = try socket.receive() else { return .nothing }
        let verdict =
            switch key.family {
            case .v4: gate.admit(packet.bytes)
            case .v6:
                gate.admit(
                    payload: packet.bytes,
                    between: Endpoints(source: packet.source, destination: packet.destination),
                    timeToLive: packet.hopLimit
                )
            }
        switch verdict {
        case .success(let received):
            guard routers.indices.contains(received.router) else { return .dropped(line: nil) }
            return .packet(received, routers[received.router])
        case .failure(let reason): return .dropped(line: dropLog.record(reason, at: now))
        }
    }
}

extension Transport {
    /// What our own packets leave with (RFC 9568 §5.1.1.3; keepalived.conf(5), `unicast_ttl`).
    fileprivate var timeToLive: UInt8 {
        switch self {
        case .multicast: Advertisement.timeToLive
        case .unicast(_, let timeToLive, _): timeToLive
        }
    }
}
