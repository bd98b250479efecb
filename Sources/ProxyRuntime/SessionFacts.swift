import Balancing
import CLinux
import HAProxySyntax
import Primitives
import Rules

/// What conditions ask of a session.
struct SessionFacts: ConnectionFacts {
    let peer: SocketAddress
    let descriptor: Int32
    let live: Pinned<LivePlan>
    let entrance: Gauge?
    let now: Instant
    var notes: SessionNotes
    private var own = SocketAddress()
    private var ownIsKnown = false

    init(
        peer: SocketAddress,
        descriptor: Int32,
        live: Pinned<LivePlan>,
        entrance: Gauge?,
        notes: SessionNotes,
        now: Instant
    ) {
        self.peer = peer
        self.descriptor = descriptor
        self.live = live
        self.entrance = entrance
        self.notes = notes
        self.now = now
    }

    private mutating func ownAddress() -> SocketAddress {
        if let destination = notes.destination { return destination }
        if !ownIsKnown {
            _ = unsafe tandem_own_address(descriptor, &own)
            ownIsKnown = true
        }
        return own
    }

    var source: IPAddress? { peer.ip }
    var sourcePort: Int { Int(peer.port) }
    var destination: IPAddress? { mutating get { ownAddress().ip } }
    var destinationPort: Int { mutating get { Int(ownAddress().port) } }
    var entranceConnections: Int { entrance?.value ?? 0 }

    // MARK: Proxies

    private func place(_ proxy: Int) -> ProxyPlace? {
        let places = live.pointee.plan.places
        return places.indices.contains(proxy) ? places[proxy] : nil
    }

    private func backend(_ proxy: Int) -> Pinned<LiveBackend>? {
        place(proxy)?.backend.map { live.pointee.backends[$0] }
    }

    func connections(ofFrontend proxy: Int) -> Int {
        place(proxy)?.frontendConnections?.value ?? 0
    }

    func connections(ofBackend proxy: Int) -> Int {
        backend(proxy)?.pointee.connections.value ?? 0
    }

    func queued(inBackend proxy: Int) -> Int { backend(proxy)?.pointee.queued.value ?? 0 }

    /// HAProxy's be_usable_srv: of backups only those that would be used.
    func usableServers(ofBackend proxy: Int) -> Int {
        guard let backend = backend(proxy) else { return 0 }
        let active = backend.pointee.lists.pointee.balancer.activeCount
        if active > 0 { return active }
        let backups = backend.pointee.lists.pointee.balancer.backupCount
        return backend.pointee.lists.pointee.balancer.allBackups ? backups : min(backups, 1)
    }

    func freeSlots(ofBackend proxy: Int) -> Int {
        guard let backend = backend(proxy) else { return 0 }
        let balanced = backend.pointee.lists.pointee.balancer.servers
        var sum = 0
        for number in balanced.indices where balanced[number].isUsable {
            let server = backend.pointee.servers[number]
            guard server.pointee.maxconn > 0, server.pointee.maxqueue > 0 else { return -1 }
            sum += server.pointee.maxconn - server.pointee.connections.value
            sum += server.pointee.maxqueue - server.pointee.queued.value
        }
        return max(sum, 0)
    }

    // MARK: Tables

    func key(_ source: TableKeySource, _ settings: StickTableSettings) -> StickKey? {
        var copy = self
        switch source {
        case .source: return copy.source.flatMap(settings.key(of:))
        case .destination: return copy.destination.flatMap(settings.key(of:))
        case .destinationPort: return settings.key(of: copy.destinationPort)
        }
    }

    func counter(_ counter: TableCounter, ofSourceIn proxy: Int) -> Int? {
        guard let table = place(proxy)?.table, let key = key(.source, table.settings) else {
            return nil
        }
        // HAProxy counts a client that has no entry as 0.
        return table.counter(counter, of: key, at: now) ?? 0
    }

    func counter(_ counter: TableCounter, trackedAt place: Int) -> Int? {
        notes[place].flatMap { $0.table.counter(counter, of: $0.key, at: now) }
    }

    mutating func track(_ source: TableKeySource, in proxy: Int, at place: Int) {
        guard notes[place] == nil, let table = self.place(proxy)?.table,
            let key = key(source, table.settings), table.begin(key, at: now)
        else { return }
        notes[place] = SessionNotes.Entry(table: table, key: key)
    }

    /// The server that a key of the session sticks to.
    func server(_ rule: StickRule) -> Int32? {
        guard let table = place(rule.table)?.table, let key = key(rule.key, table.settings) else {
            return nil
        }
        return table.server(of: key, at: now)
    }

    func stick(_ rule: StickRule, to server: Int32) {
        guard let table = place(rule.table)?.table, let key = key(rule.key, table.settings) else {
            return
        }
        table.stick(key, to: server, at: now)
    }
}
