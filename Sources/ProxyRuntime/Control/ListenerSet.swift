import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives

/// One listening socket and what it was made for.
struct Listener: ~Copyable {
    let descriptor: FileDescriptor
    let bind: BindAddress

    /// The name in the fd store; without colons, which separate names there.
    var name: String { Listener.name(of: bind) }

    static func name(of bind: BindAddress) -> String {
        let device = bind.interface.map { "%\($0)" } ?? ""
        let text =
            switch bind.endpoint {
            case .ip(let address, let port): "listener-\(address)\(device)-\(port)"
            case .unix(let path): "listener-unix-\(path)"
            case .descriptor(let number): "listener-fd-\(number)"
            }
        return String(text.map { $0 == ":" ? "_" : $0 })
    }

    /// Listens; an address that this node does not have now is no obstacle (`IP_FREEBIND`).
    static func open(_ bind: BindAddress, maxconn: Int) throws(SystemCallError) -> Listener {
        let backlog = Int32(clamping: bind.backlog ?? min(max(maxconn, 128), 4096))
        switch bind.endpoint {
        case .ip(let address, let port):
            var local = tandem_address(address, port: port)
            let text = "\(address):\(port)"
            let raw = try check(tandem_stream_socket(Int32(local.family)), "socket", on: text)
            let socket = FileDescriptor(owning: raw)
            try configure(raw, bind, isIPv6: local.family == UInt16(AF_INET6))
            try check(unsafe tandem_bind_to(raw, &local), "bind", on: text)
            guard Glibc.listen(raw, backlog) == 0 else {
                throw SystemCallError("listen", on: text, errno: errno)
            }
            return Listener(descriptor: socket, bind: bind)
        case .unix(let path):
            let raw = try check(tandem_stream_socket(AF_UNIX), "socket", on: path)
            let socket = FileDescriptor(owning: raw)
            _ = unsafe unlink(path)
            try check(unsafe tandem_unix_bind(raw, path), "bind", on: path)
            guard Glibc.listen(raw, backlog) == 0 else {
                throw SystemCallError("listen", on: path, errno: errno)
            }
            return Listener(descriptor: socket, bind: bind)
        case .descriptor(let number):
            try check(tandem_set_nonblocking(number), "use descriptor", on: "fd@\(number)")
            return Listener(descriptor: FileDescriptor(owning: number), bind: bind)
        }
    }

    private static func configure(
        _ raw: Int32,
        _ bind: BindAddress,
        isIPv6: Bool
    ) throws(SystemCallError) {
        try check(tandem_setsockopt_int(raw, SOL_SOCKET, SO_REUSEADDR, 1), "setsockopt")
        // Accepted sockets inherit it.
        try check(tandem_setsockopt_int(raw, Int32(IPPROTO_TCP), TCP_NODELAY, 1), "setsockopt")
        if isIPv6 {
            let only: Int32 = bind.onlyIPv6 ? 1 : 0
            try check(tandem_setsockopt_int(raw, Int32(IPPROTO_IPV6), 26, only), "setsockopt")
            try check(tandem_setsockopt_int(raw, Int32(IPPROTO_IPV6), 78, 1), "setsockopt")
        } else {
            let name: Int32 = bind.transparent ? IP_TRANSPARENT : IP_FREEBIND
            try check(tandem_setsockopt_int(raw, Int32(IPPROTO_IP), name, 1), "setsockopt")
        }
        if bind.deferAccept {
            try check(
                tandem_setsockopt_int(raw, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, 1),
                "setsockopt"
            )
        }
        if let interface = bind.interface {
            try check(unsafe tandem_bind_to_device(raw, interface), "bind to", on: interface)
        }
    }
}

/// All listeners of the process by their name. A reload keeps those whose bind it keeps.
struct ListenerSet: ~Copyable {
    private var names: [String] = []
    private var sockets: [Int32] = []

    deinit {
        for socket in sockets { _ = close(socket) }
    }

    func descriptor(named name: String) -> Int32? {
        names.firstIndex(of: name).map { sockets[$0] }
    }

    mutating func insert(_ name: String, _ descriptor: Int32) {
        names.append(name)
        sockets.append(descriptor)
    }

    /// Takes those out that are not `kept`, for the caller to close once no event loop uses them.
    mutating func removeAll(except kept: Set<String>) -> [(name: String, descriptor: Int32)] {
        var removed: [(String, Int32)] = []
        for index in names.indices.reversed() where !kept.contains(names[index]) {
            removed.append((names[index], sockets[index]))
            names.remove(at: index)
            sockets.remove(at: index)
        }
        return removed
    }

    var all: [(name: String, descriptor: Int32)] {
        names.indices.map { (names[$0], sockets[$0]) }
    }

    var count: Int { sockets.count }
}
