import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives

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
    /// characters may be in it (sd_pid_notify_with_fds(3)); the plus sign is between its parts and nowhere else.
    var storeName: String {
        var text = "listener-"
        switch endpoint {
        case .ip: text += endpoint.text.replacing(":", with: "_")
        case .unix, .descriptor: text += Self.escaped(endpoint.text)
        }
        if let interface { text += "+interface=\(Self.escaped(interface))" }
        if transparent { text += "+transparent" }
        if onlyIPv6 { text += "+v6only" }
        guard text.utf8.count > Self.longestName else { return text }
        let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325) { (hash: UInt64, byte) in
            (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return "\(text.prefix(Self.longestName - 20))+\(String(hash, radix: 16))"
    }

    /// systemd takes 255 bytes; a worker's number is behind it.
    private static let longestName = 240

    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain = byte > 0x20 && byte < 0x7F && !Array("%+:".utf8).contains(byte)
            guard !isPlain else { return String(UnicodeScalar(byte)) }
            return (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
        }.joined()
    }
}

/// What the kernel tells of a listening socket.
enum SocketIdentity {
    /// Whether the socket is one that this bind line would make.
    static func matches(_ descriptor: Int32, _ bind: BindAddress) -> Bool {
        if case .descriptor(let number) = bind.endpoint { return descriptor == number }
        var own = SocketAddress()
        guard unsafe tandem_own_address(descriptor, &own) == 0 else { return false }
        switch bind.endpoint {
        case .ip(let address, let port):
            let isIPv6 = own.family == 6
            guard own.ip == address, own.port == port, interface(of: descriptor) == bind.interface
            else { return false }
            let transparent =
                isIPv6
                ? tandem_getsockopt_int(descriptor, Int32(IPPROTO_IPV6), Int32(IPV6_TRANSPARENT))
                : tandem_getsockopt_int(descriptor, Int32(IPPROTO_IP), Int32(IP_TRANSPARENT))
            guard (transparent > 0) == bind.transparent else { return false }
            guard isIPv6 else { return true }
            let only = tandem_getsockopt_int(descriptor, Int32(IPPROTO_IPV6), Int32(IPV6_V6ONLY))
            return (only > 0) == bind.onlyIPv6
        case .unix(let path):
            var status = stat()
            // A socket whose file is gone is one that nobody can reach.
            guard unsafe own.family == 1 && lstat(path, &status) == 0 else { return false }
            return self.path(of: descriptor) == path && status.st_mode & S_IFMT == S_IFSOCK
        case .descriptor: return false
        }
    }

    /// Nil for a Unix socket.
    static func port(of descriptor: Int32) -> UInt16? {
        var own = SocketAddress()
        guard unsafe tandem_own_address(descriptor, &own) == 0, own.family != 1 else { return nil }
        return own.port
    }

    private static func interface(of descriptor: Int32) -> String? {
        unsafe text(of: 16) { buffer in unsafe tandem_bound_interface(descriptor, buffer) }
    }

    private static func path(of descriptor: Int32) -> String? {
        unsafe text(of: 128) { buffer in unsafe tandem_own_path(descriptor, buffer) }
    }

    /// Nil when it is empty.
    private static func text(
        of size: Int,
        _ fill: (UnsafeMutablePointer<CChar>) -> Int32
    ) -> String? {
        var buffer = [CChar](repeating: 0, count: size)
        let count = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.map { unsafe fill($0) } ?? -1
        }
        guard count > 0 else { return nil }
        let bytes = buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The number by which the kernel's tables call an open socket.
func inode(of descriptor: Int32) -> UInt64 {
    var status = stat()
    return unsafe fstat(descriptor, &status) == 0 ? UInt64(status.st_ino) : 0
}

extension SocketPermissions {
    /// Of a socket's file that this process, or an earlier one, has made. What is so already is left alone, as a
    /// process without privileges may not even say it again.
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
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            throw SystemCallError("stat", on: path, errno: errno)
        }
        let isOwner =
            (owner ?? status.st_uid) == status.st_uid
            && (ownerGroup ?? status.st_gid) == status.st_gid
        // The largest number leaves it as it is (chown(2)).
        if !isOwner, unsafe lchown(path, owner ?? .max, ownerGroup ?? .max) < 0 {
            throw SystemCallError("chown", on: path, errno: errno)
        }
        let hasMode = mode.map { $0 == status.st_mode & 0o777 } ?? true
        if !hasMode, let mode, unsafe chmod(path, mode) < 0 {
            throw SystemCallError("chmod", on: path, errno: errno)
        }
    }
}
