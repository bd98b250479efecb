import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Synchronization

/// A bind line that could not be had.
struct BindFailure: Error, CustomStringConvertible {
    var bind: BindAddress
    var reason: SystemCallError
    /// Who has the address already, if that can be known.
    var holder: PortHolder?
    /// The capabilities of the start are gone.
    var isReload = false

    var description: String {
        "\(bind.location): cannot bind \(bind.endpoint.text): \(errorText(reason.errno))\(mend)"
    }

    private var mend: String {
        switch (reason.errno, bind.endpoint) {
        case (EACCES, .ip(_, let port)) where port < 1024:
            isReload
                ? "; restart: the right to bind ports below 1024 is given up once they are bound"
                : "; a port below 1024 needs root or CAP_NET_BIND_SERVICE"
        case (EPERM, .ip) where bind.transparent:
            "; 'transparent' needs CAP_NET_ADMIN or CAP_NET_RAW"
                + (isReload ? ", which is given up at the start: restart" : "")
        case (EADDRINUSE, _): "; " + rival
        default: ""
        }
    }

    private var rival: String {
        guard case .ip(_, let port) = bind.endpoint else { return "another program listens there" }
        guard let holder else {
            return "another program listens there: `ss -ltnp 'sport = :\(port)'` names it to root"
        }
        guard holder.pid != getpid() else {
            return "a socket of this proxy's own does not share its port: restart"
        }
        return "\(holder) listens there: stop it first"
    }
}

/// A bind line with what its section gives it.
struct WantedListener {
    var bind: BindAddress
    /// `option clitcpka`.
    var keepAlive: Bool
    var backlog: Int

    /// All of a configuration.
    static func all(of configuration: HAProxyConfiguration, maxconn: Int) -> [WantedListener] {
        configuration.proxies.filter { !$0.disabled && $0.kind != .backend }.flatMap { section in
            section.binds.map { bind in
                WantedListener(
                    bind: bind,
                    keepAlive: section.optionClientKeepAlive,
                    backlog: bind.backlog ?? section.maxconn ?? min(maxconn, 4096)
                )
            }
        }
    }

    fileprivate var options: Int32 {
        var options = Int32(TANDEM_LISTEN_SHARED)
        if bind.transparent { options |= Int32(TANDEM_LISTEN_TRANSPARENT) }
        if bind.onlyIPv6 { options |= Int32(TANDEM_LISTEN_ONLY_IPV6) }
        if bind.deferAccept { options |= Int32(TANDEM_LISTEN_DEFER_ACCEPT) }
        if keepAlive { options |= Int32(TANDEM_KEEP_ALIVE) }
        return options
    }
}

/// The sockets that the proxy listens on, by the name of their bind line. What an earlier life or an earlier
/// configuration opened is used again.
///
/// Where the system lets several sockets share a port, each worker has its own, and the kernel spreads connections
/// over them (SO_REUSEPORT in socket(7)). The first has the name of the bind line, the others a number behind it.
///
/// Which socket belongs to which bind line, the kernel says and not the name under which it was kept: an earlier
/// version named them otherwise, and a socket unit names its own.
struct Listeners {
    private var groups: [String: [ListeningSocket]] = [:]
    /// Names of those that the fd store gave back.
    private(set) var kept: [String] = []
    /// From the fd store or a socket unit, not claimed yet.
    private var received: [(descriptor: Int32, name: String)] = []
    /// Sockets that were there before, which `settle` gives what the file says now.
    private var unsettled: [(wanted: WantedListener, sockets: [ListeningSocket])] = []
    /// Names under which the store keeps what has another one now.
    private var formerNames: [String] = []
    /// What the start could do and a reload can't is over.
    var isReload = false
    let workers: Int

    init(workers: Int) {
        self.workers = workers
    }

    /// By their names.
    var all: [ListeningSocket] {
        groups.values.joined().sorted { $0.name < $1.name }
    }

    /// What the fd store is to hold: all, or the first of each bind line where that would be more than it takes. Those
    /// of `fd@` are given again by whoever gave them.
    func stored(limit: Int) -> [ListeningSocket] {
        let own = all.filter(\.isOwn)
        guard own.count > limit else { return own }
        return groups.values.compactMap(\.first).filter(\.isOwn).sorted { $0.name < $1.name }
    }

    /// Takes what the service manager gave back; what is no listening socket is closed.
    mutating func receive(_ descriptors: [(descriptor: Int32, name: String)]) {
        for (descriptor, name) in descriptors {
            guard tandem_is_listening(descriptor), tandem_set_nonblocking(descriptor) == 0 else {
                tandem_close(descriptor)
                continue
            }
            received.append((descriptor, name))
        }
    }

    /// The sockets of all bind lines: open already, given back, or new. Nothing that was there before changes until
    /// `settle`.
    mutating func open(_ wanted: [WantedListener]) throws(BindFailure) {
        unsettled = []
        // All of them first: what is left over then may stand in the way of what is new.
        for listener in wanted { claim(listener) }
        for listener in wanted { try complete(listener) }
    }

    private mutating func complete(_ wanted: WantedListener) throws(BindFailure) {
        let name = wanted.bind.storeName
        var sockets = groups[name] ?? []
        if sockets.isEmpty {
            sockets = [try first(wanted, name)]
        } else {
            unsettled.append((wanted, sockets))
        }
        if case .ip = wanted.bind.endpoint, sockets.allSatisfy(\.isOwn) {
            for number in 1...max(workers, 1) where sockets.count < workers {
                let name = Self.memberName(name, number)
                guard !sockets.contains(where: { $0.name == name }) else { continue }
                // One that was kept from a time when it was alone does not share its port.
                guard let made = try? make(wanted, name) else { break }
                sockets.append(made)
            }
        }
        groups[name] = sockets
    }

    private static func memberName(_ name: String, _ number: Int) -> String {
        number == 1 ? name : "\(name)+\(number)"
    }

    /// Takes all that was given back for a bind line, also more than there are workers now: who waits there is served.
    private mutating func claim(_ wanted: WantedListener) {
        let bind = wanted.bind
        let name = bind.storeName
        guard groups[name] == nil else { return }
        var claimed: [ListeningSocket] = []
        var inodes: Set<UInt64> = []
        for (descriptor, formerName) in received
        where SocketIdentity.matches(descriptor, bind) {
            received.removeAll { $0.descriptor == descriptor }
            guard inodes.insert(inode(of: descriptor)).inserted else {
                // The store and a socket unit gave the same one.
                tandem_close(descriptor)
                continue
            }
            let isOwn = if case .descriptor = bind.endpoint { false } else { true }
            let socket = ListeningSocket(
                descriptor: FileDescriptor(owning: descriptor),
                name: Self.memberName(name, claimed.count + 1),
                isOwn: isOwn
            )
            if socket.name != formerName { formerNames.append(formerName) }
            claimed.append(socket)
            kept.append(socket.name)
        }
        if !claimed.isEmpty { groups[name] = claimed }
    }

    /// Gives the sockets that were there before what the file says now; what could not be done.
    mutating func settle() -> [String] {
        var lines: [String] = []
        for (wanted, sockets) in unsettled {
            for socket in sockets {
                let isTCP = if case .unix = wanted.bind.endpoint { false } else { true }
                let result = tandem_adjust_listener(
                    socket.descriptor.rawValue,
                    isTCP ? wanted.options : 0,
                    Int32(clamping: wanted.backlog),
                    isTCP
                )
                guard result < 0 else { continue }
                lines.append("\(wanted.bind.location): \(errorText(-result)): a restart changes it")
            }
            guard case .unix(let path) = wanted.bind.endpoint else { continue }
            do throws(SystemCallError) {
                try wanted.bind.permissions.apply(to: path)
            } catch {
                lines.append("\(wanted.bind.location): \(error): a restart changes it")
            }
        }
        unsettled = []
        return lines
    }

    /// Lets go of all but those of these bind lines; the names of which the fd store holds nothing more.
    mutating func keep(_ names: Set<String>) -> [String] {
        let gone = groups.filter { !names.contains($0.key) }
        for name in gone.keys { groups[name] = nil }
        for socket in gone.values.joined() { socket.isOver.store(true, ordering: .relaxed) }
        for (descriptor, _) in received { tandem_close(descriptor) }
        let unclaimed = received.map(\.name)
        received = []
        defer { formerNames = [] }
        return (gone.values.joined().map(\.name) + unclaimed + formerNames).sorted()
    }

    /// Of the plan's listeners, in their order.
    func sockets(of plan: Plan) -> [ListenerSockets] {
        plan.listeners.compactMap { listener in
            groups[listener.name].map { ListenerSockets(sockets: $0, workers: workers) }
        }
    }

    mutating func closeAll() -> [String] { keep([]) }

    /// To be called while this is root: the sockets of one user only share a port.
    func give(to user: UInt32) {
        for socket in all where socket.isOwn {
            _ = fchown(socket.descriptor.rawValue, user, .max)
        }
    }

    // MARK: New ones

    private mutating func first(
        _ wanted: WantedListener,
        _ name: String
    ) throws(BindFailure) -> ListeningSocket {
        guard case .ip(let address, let port) = wanted.bind.endpoint else {
            return try make(wanted, name)
        }
        // A stranger's socket that shares its port, too, would take half of the connections.
        try lookForStrangers(wanted, address, port)
        do throws(BindFailure) {
            return try make(wanted, name)
        } catch {
            guard error.reason.errno == EADDRINUSE, silence(port) else { throw error }
            return try make(wanted, name)
        }
    }

    private func lookForStrangers(
        _ wanted: WantedListener,
        _ address: IPAddress,
        _ port: UInt16
    ) throws(BindFailure) {
        let own = ownInodes(onPort: port)
        guard !own.isEmpty else {
            // Nobody shares with a socket that asks to be alone.
            var place = SocketAddress(address, port: port)
            let result = unsafe withOptionalCString(wanted.bind.interface) { interface in
                unsafe tandem_stream_bindable(&place, interface, wanted.options)
            }
            guard result < 0 else { return }
            throw failure(wanted, errno: -result)
        }
        // It would not be alone beside our own. The table does not tell of interfaces.
        guard wanted.bind.interface == nil else { return }
        let stranger = PortHolder.listeners(onPort: port).first {
            !own.contains($0.inode) && $0.meets(address)
        }
        guard let stranger else { return }
        var failure = failure(wanted, errno: EADDRINUSE)
        failure.holder = PortHolder.of([stranger.inode])
        throw failure
    }

    private func ownInodes(onPort port: UInt16) -> Set<UInt64> {
        let open = groups.values.joined().map { $0.descriptor.rawValue }
        return (open + received.map(\.descriptor)).reduce(into: []) { inodes, descriptor in
            if SocketIdentity.port(of: descriptor) == port { inodes.insert(inode(of: descriptor)) }
        }
    }

    /// Ends the listening of what nobody claimed on a port, wherever else it is held; false when there is nothing.
    private func silence(_ port: UInt16) -> Bool {
        let inTheWay = received.filter { SocketIdentity.port(of: $0.descriptor) == port }
        for (descriptor, _) in inTheWay { shutdown(descriptor, Int32(SHUT_RDWR)) }
        return !inTheWay.isEmpty
    }

    private func failure(_ wanted: WantedListener, errno: Int32) -> BindFailure {
        let endpoint = wanted.bind.endpoint
        var failure = BindFailure(
            bind: wanted.bind,
            reason: SystemCallError("bind", on: endpoint.text, errno: errno),
            isReload: isReload
        )
        if errno == EADDRINUSE, case .ip(_, let port) = endpoint {
            let own = ownInodes(onPort: port)
            let listeners = PortHolder.listeners(onPort: port).map(\.inode)
            let strange = listeners.filter { !own.contains($0) }
            failure.holder = PortHolder.of(Set(strange.isEmpty ? listeners : strange))
        }
        return failure
    }

    private func make(
        _ wanted: WantedListener,
        _ name: String
    ) throws(BindFailure) -> ListeningSocket {
        let bind = wanted.bind
        let length = Int32(clamping: wanted.backlog)
        let raw: Int32
        switch bind.endpoint {
        case .ip(let address, let port):
            var address = SocketAddress(address, port: port)
            raw = unsafe withOptionalCString(bind.interface) { interface in
                unsafe tandem_stream_listen(&address, interface, wanted.options, length)
            }
        case .unix(let path):
            raw = unsafe tandem_unix_stream_listen(path, length)
            if raw >= 0 {
                do throws(SystemCallError) {
                    try bind.permissions.apply(to: path)
                } catch {
                    tandem_close(raw)
                    throw BindFailure(bind: bind, reason: error, isReload: isReload)
                }
            }
        case .descriptor(let number):
            // EBADF when it is none to listen on, or one of the proxy's other sockets has that number now.
            let isOurs = groups.values.joined().contains { $0.descriptor.rawValue == number }
            let isUsable =
                !isOurs && tandem_is_listening(number) && tandem_set_nonblocking(number) == 0
            if isUsable { _ = fcntl(number, F_SETFD, FD_CLOEXEC) }
            raw = isUsable ? number : -EBADF
        }
        guard raw >= 0 else { throw failure(wanted, errno: -raw) }
        let isOwn = if case .descriptor = bind.endpoint { false } else { true }
        return ListeningSocket(descriptor: FileDescriptor(owning: raw), name: name, isOwn: isOwn)
    }
}

/// A listening socket that is closed when the last of the threads has let go of it.
final class ListeningSocket: Sendable {
    let descriptor: FileDescriptor
    /// Its name in the fd store.
    let name: String
    /// Made from an address, and not by somebody else who gave it as `fd@`.
    let isOwn: Bool
    /// No bind line asks for it any more: nobody is to wait at a copy of it that the fd store still holds.
    let isOver = Atomic<Bool>(false)

    init(descriptor: consuming FileDescriptor, name: String, isOwn: Bool = true) {
        self.descriptor = descriptor
        self.name = name
        self.isOwn = isOwn
    }

    deinit {
        guard isOwn, isOver.load(ordering: .relaxed) else { return }
        shutdown(descriptor.rawValue, Int32(SHUT_RDWR))
    }
}

/// The sockets of one address: one a worker where the system lets several share a port, else one for all.
struct ListenerSockets: Sendable {
    var sockets: [ListeningSocket]
    var workers: Int

    /// Those that a worker accepts at, and whether others do so too.
    func sockets(for worker: Int) -> (sockets: [ListeningSocket], areShared: Bool) {
        guard sockets.count >= workers else { return ([sockets[worker % sockets.count]], true) }
        let own = sockets.indices.filter { $0 % workers == worker }
        return (own.map { sockets[$0] }, false)
    }
}

private func withOptionalCString<Result>(
    _ text: String?,
    _ body: (UnsafePointer<CChar>?) -> Result
) -> Result {
    guard let text else { return body(nil) }
    return unsafe text.withCString(body)
}
