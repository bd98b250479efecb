import CLinux
import Glibc
import LinuxIO
import Primitives

/// Two network namespaces joined by a cable: `eth0` in the near one, `peer0` in the far one. What unicast
/// needs, since a packet to an address of the same host never leaves it.
struct TwoHosts: ~Copyable {
    private let near: FileDescriptor
    private let far: FileDescriptor

    /// The caller's namespace is the near one.
    static func make() throws -> TwoHosts {
        let near = try Self.namespace()
        let far = try Self.join(near)
        let hosts = TwoHosts(near: near, far: far)
        try prepare("eth0", "192.0.2.1/24", "fd00:1::1/64")
        try hosts.onFar {
            try prepare("peer0", "192.0.2.2/24", "fd00:1::2/64")
            try PrivateNetwork.waitUntilUp("peer0")
        }
        try PrivateNetwork.waitUntilUp("eth0")
        return hosts
    }

    private init(near: consuming FileDescriptor, far: consuming FileDescriptor) {
        self.near = near
        self.far = far
    }

    /// Runs `body` over there; sockets that it opens stay there.
    func onFar<Value>(_ body: () throws -> Value) throws -> Value {
        try check(tandem_join_network_namespace(far.rawValue), "setns")
        let result = Result { try body() }
        try check(tandem_join_network_namespace(near.rawValue), "setns")
        return try result.get()
    }

    static func addresses(_ family: AddressFamily) -> (near: IPAddress, far: IPAddress) {
        switch family {
        case .v4: (IPAddress(192, 0, 2, 1), IPAddress(192, 0, 2, 2))
        case .v6:
            (
                .v6(IPv6Address(high: 0xFD00_0001_0000_0000, low: 1)),
                .v6(IPv6Address(high: 0xFD00_0001_0000_0000, low: 2))
            )
        }
    }

    /// The far namespace, with the cable in place.
    private static func join(
        _ near: borrowing FileDescriptor
    ) throws -> FileDescriptor {
        try check(tandem_new_network_namespace(), "unshare")
        let far = try Self.namespace()
        try check(tandem_join_network_namespace(near.rawValue), "setns")
        try PrivateNetwork.ip("link add eth0 type veth peer name peer0")
        try PrivateNetwork.ip("link set peer0 netns /proc/\(getpid())/fd/\(far.rawValue)")
        return far
    }

    private static func namespace() throws -> FileDescriptor {
        FileDescriptor(
            owning: try check(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), "open netns")
        )
    }

    private static func prepare(_ name: String, _ v4: String, _ v6: String) throws {
        try PrivateNetwork.ip("link set lo up")
        try PrivateNetwork.ip("link set \(name) up")
        try PrivateNetwork.ip("address add \(v4) dev \(name)")
        try PrivateNetwork.ip("address add \(v6) dev \(name) nodad")
    }
}
