import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives

/// A bind line that could not be had.
struct BindFailure: Error, CustomStringConvertible {
    var bind: BindAddress
    var reason: SystemCallError
    /// Who has the address already, if that can be known.
    var holder: String?

    var description: String {
        let mend =
            switch reason.errno {
            case 13: "; a port below 1024 needs root"
            case 98: "; " + rival
            default: ""
            }
        return
            "\(bind.location): cannot bind \(bind.endpoint.text): \(errorText(reason.errno))\(mend)"
    }

    private var rival: String {
        guard case .ip(_, let port) = bind.endpoint else { return "another program listens there" }
        if let holder { return "\(holder) listens there: stop it first" }
        return "another program listens there: `ss -ltnp 'sport = :\(port)'` names it to root"
    }
}

extension BindAddress.Endpoint {
    var text: String {
        switch self {
        case .ip(.v4(let address), let port): "\(address):\(port)"
        case .ip(.v6(let address), let port): "[\(address)]:\(port)"
        case .unix(let path): path
        case .descriptor(let number): "fd@\(number)"
        }
    }
}

extension BindAddress {
    /// The socket's name in the fd store: what makes two bind lines the same socket. Neither colons nor control
    /// characters may be in it (sd_pid_notify_with_fds(3)).
    var storeName: String {
        var text = "listener-\(endpoint.text)"
        if let interface { text += "-\(interface)" }
        if transparent { text += "-transparent" }
        if onlyIPv6 { text += "-v6only" }
        let escaped = text.utf8.map { byte in
            byte == 0x3A ? "_" : byte > 0x20 && byte < 0x7F ? String(UnicodeScalar(byte)) : "?"
        }
        return String(escaped.joined().prefix(255))
    }
}

/// The sockets that the proxy listens on, by the name of their bind line. What an earlier life or an earlier
/// configuration opened is used again.
///
/// Where the system lets several sockets share a port, each worker has its own, and the kernel spreads connections
/// over them (SO_REUSEPORT in socket(7)). The first has the name of the bind line, the others a number behind it.
struct Listeners {
    private var groups: [String: [ListeningSocket]] = [:]
    /// Names of those that the fd store gave back.
    private(set) var kept: [String] = []
    /// From the fd store, not claimed yet.
    private var received: [String: ListeningSocket] = [:]
    let workers: Int

    init(workers: Int) {
        self.workers = workers
    }

    /// By their names.
    var all: [ListeningSocket] {
        groups.values.joined().sorted { $0.name < $1.name }
    }

    /// Takes what the service manager gave back; what is no listening socket is closed.
    mutating func receive(_ descriptors: [(descriptor: Int32, name: String)]) {
        for (descriptor, name) in descriptors {
            let socket = ListeningSocket(
                descriptor: FileDescriptor(owning: descriptor),
                name: name
            )
            guard tandem_is_listening(descriptor), (try? socket.descriptor.setNonBlocking()) != nil
            else { continue }
            received[name] = socket
        }
    }

    /// The sockets of a bind line: open already, given back, or new.
    mutating func open(
        _ bind: BindAddress,
        keepAlive: Bool,
        backlog: Int
    ) throws(BindFailure) {
        let name = bind.storeName
        guard groups[name] == nil else { return }
        var sockets = claim(name, for: bind)
        if sockets.isEmpty {
            let made = try Self.make(
                bind,
                name,
                keepAlive: keepAlive,
                backlog: backlog,
                isFirst: true
            )
            sockets.append(made)
        }
        if case .ip = bind.endpoint {
            for number in 1...max(workers, 1) where sockets.count < workers {
                let name = Self.memberName(name, number)
                guard !sockets.contains(where: { $0.name == name }) else { continue }
                let made = try? Self.make(
                    bind,
                    name,
                    keepAlive: keepAlive,
                    backlog: backlog,
                    isFirst: false
                )
                // One that was kept from a time when it was alone does not share its port.
                guard let made else { break }
                sockets.append(made)
            }
        }
        groups[name] = sockets
    }

    private static func memberName(_ name: String, _ number: Int) -> String {
        number == 1 ? name : "\(name).\(number)"
    }

    /// All that was given back for a bind line, also more than there are workers now: who waits there is served.
    private mutating func claim(_ name: String, for bind: BindAddress) -> [ListeningSocket] {
        let prefix = "\(name)."
        let names = received.keys.filter { candidate in
            candidate == name
                || candidate.hasPrefix(prefix) && Int(candidate.dropFirst(prefix.count)) != nil
        }
        var claimed: [ListeningSocket] = []
        for name in names.sorted() {
            guard let given = received[name], Self.matches(given, bind) else { continue }
            received[name] = nil
            claimed.append(given)
            kept.append(name)
        }
        return claimed
    }

    /// Lets go of all but those of these bind lines; the names of the sockets that are gone.
    mutating func keep(_ names: Set<String>) -> [String] {
        let gone = groups.filter { !names.contains($0.key) }
        for name in gone.keys { groups[name] = nil }
        let unclaimed = Array(received.keys)
        received = [:]
        return (gone.values.joined().map(\.name) + unclaimed).sorted()
    }

    /// Of the plan's listeners, in their order.
    func sockets(of plan: Plan) -> [ListenerSockets] {
        plan.listeners.compactMap { listener in
            groups[listener.name].map { ListenerSockets(sockets: $0, workers: workers) }
        }
    }

    mutating func closeAll() -> [String] { keep([]) }

    /// A socket of that name whose address is another one was stored by somebody else.
    private static func matches(_ socket: ListeningSocket, _ bind: BindAddress) -> Bool {
        var own = SocketAddress()
        guard unsafe tandem_own_address(socket.descriptor.rawValue, &own) == 0 else { return false }
        switch bind.endpoint {
        case .ip(let address, let port): return own.ip == address && own.port == port
        case .unix: return own.family == 1
        case .descriptor: return false
        }
    }

    private static func make(
        _ bind: BindAddress,
        _ name: String,
        keepAlive: Bool,
        backlog: Int,
        isFirst: Bool
    ) throws(BindFailure) -> ListeningSocket {
        var options = Int32(TANDEM_LISTEN_SHARED)
        if bind.transparent { options |= Int32(TANDEM_LISTEN_TRANSPARENT) }
        if bind.onlyIPv6 { options |= Int32(TANDEM_LISTEN_ONLY_IPV6) }
        if bind.deferAccept { options |= Int32(TANDEM_LISTEN_DEFER_ACCEPT) }
        if keepAlive { options |= Int32(TANDEM_KEEP_ALIVE) }
        let length = Int32(clamping: bind.backlog ?? backlog)
        let raw: Int32
        switch bind.endpoint {
        case .ip(let address, let port):
            var address = SocketAddress(address, port: port)
            raw = unsafe withOptionalCString(bind.interface) { interface in
                if isFirst {
                    // A stranger's socket that shares its port, too, would take half of the connections.
                    let free = unsafe tandem_stream_bindable(&address, interface, options)
                    if free < 0 { return free }
                }
                return unsafe tandem_stream_listen(&address, interface, options, length)
            }
        case .unix(let path):
            raw = unsafe tandem_unix_stream_listen(path, length)
            if raw >= 0 {
                do throws(SystemCallError) {
                    try bind.permissions.apply(to: path)
                } catch {
                    tandem_close(raw)
                    throw BindFailure(bind: bind, reason: error)
                }
            }
        case .descriptor(let number):
            // EBADF when it is none of ours to listen on.
            raw = tandem_is_listening(number) ? number : -9
        }
        guard raw >= 0 else {
            var failure = BindFailure(
                bind: bind,
                reason: SystemCallError("bind", on: bind.endpoint.text, errno: -raw)
            )
            if -raw == EADDRINUSE, case .ip(_, let port) = bind.endpoint {
                failure.holder = PortHolder.name(ofPort: port)
            }
            throw failure
        }
        return ListeningSocket(descriptor: FileDescriptor(owning: raw), name: name)
    }
}

private func withOptionalCString<Result>(
    _ text: String?,
    _ body: (UnsafePointer<CChar>?) -> Result
) -> Result {
    guard let text else { return body(nil) }
    return unsafe text.withCString(body)
}

extension SocketPermissions {
    /// Of a socket's file that this process has just made.
    func apply(to path: String) throws(SystemCallError) {
        var owner = uid
        if let user {
            guard let found = UserIdentity.named(user) else {
                throw SystemCallError("getpwnam", on: user, errno: ENOENT)
            }
            owner = found.uid
        }
        var ownerGroup = gid
        if let group {
            guard let found = UserIdentity.groupID(named: group) else {
                throw SystemCallError("getgrnam", on: group, errno: ENOENT)
            }
            ownerGroup = found
        }
        if owner != nil || ownerGroup != nil {
            // The largest number leaves it as it is (chown(2)).
            let result = unsafe lchown(path, owner ?? .max, ownerGroup ?? .max)
            if result < 0 { throw SystemCallError("chown", on: path, errno: errno) }
        }
        if let mode, unsafe chmod(path, mode) < 0 {
            throw SystemCallError("chmod", on: path, errno: errno)
        }
    }
}
