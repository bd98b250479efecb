import CLinux
import Glibc

/// One datagram of a Unix socket with the descriptors that came along.
package struct ReceivedDatagram: ~Copyable {
    package var bytes: [UInt8]
    /// Open descriptors, owned by whoever takes them; call `closeAll` if nobody does.
    package var descriptors: [Int32]
    /// Nil where `SO_PASSCRED` is off.
    package var sender: PeerCredentials?
    /// Data or descriptors were cut.
    package var truncated: Bool

    package func closeAll() {
        for descriptor in descriptors { _ = close(descriptor) }
    }
}

/// `SOCK_DGRAM` Unix sockets, which never block: the notify protocol's carrier.
package enum UnixDatagram {
    /// An unbound socket to send from.
    package static func sender() throws(SystemCallError) -> FileDescriptor {
        try make()
    }

    /// A bound socket that tells who sent what.
    package static func receiver(
        at path: String,
        mode: UInt32
    ) throws(SystemCallError)
        -> FileDescriptor
    {
        let socket = try make()
        if !path.hasPrefix("@") { _ = unsafe unlink(path) }
        let before = umask(0o177)
        let bound = unsafe tandem_unix_bind(socket.rawValue, path)
        umask(before)
        try check(bound, "bind", on: path)
        if !path.hasPrefix("@"), unsafe chmod(path, mode) != 0 {
            throw SystemCallError("chmod", on: path, errno: errno)
        }
        try check(
            tandem_setsockopt_int(socket.rawValue, SOL_SOCKET, SO_PASSCRED, 1),
            "setsockopt SO_PASSCRED"
        )
        return socket
    }

    /// `path` begins with `@` in the abstract namespace. Throws `EAGAIN` when the receiver's queue is full.
    package static func send(
        _ bytes: [UInt8],
        descriptors: [Int32] = [],
        from socket: borrowing FileDescriptor,
        to path: String
    ) throws(SystemCallError) {
        let sent = unsafe bytes.withUnsafeBytes { data in
            unsafe descriptors.withUnsafeBufferPointer { list in
                unsafe tandem_send_with_descriptors(
                    socket.rawValue,
                    path,
                    data.baseAddress,
                    data.count,
                    list.baseAddress,
                    Int32(list.count)
                )
            }
        }
        guard sent >= 0 else { throw SystemCallError("sendmsg", on: path, errno: Int32(-sent)) }
    }

    /// Nil when none waits.
    package static func receive(
        from socket: borrowing FileDescriptor,
        limit: Int = 4096,
        descriptorLimit: Int = 253
    ) throws(SystemCallError) -> ReceivedDatagram? {
        var bytes = [UInt8](repeating: 0, count: limit)
        var descriptors = [Int32](repeating: -1, count: max(1, descriptorLimit))
        var count = Int32(descriptorLimit)
        var peer = tandem_peer()
        var truncated = false
        let size = unsafe bytes.withUnsafeMutableBytes { data in
            unsafe descriptors.withUnsafeMutableBufferPointer { list in
                unsafe tandem_receive_with_descriptors(
                    socket.rawValue,
                    data.baseAddress,
                    data.count,
                    list.baseAddress,
                    &count,
                    &peer,
                    &truncated
                )
            }
        }
        if size == -Int64(EAGAIN) || size == -Int64(EINTR) { return nil }
        guard size >= 0 else { throw SystemCallError("recvmsg", errno: Int32(-size)) }
        return ReceivedDatagram(
            bytes: Array(bytes.prefix(Int(size))),
            descriptors: Array(descriptors.prefix(Int(count))),
            sender: peer.pid == 0
                ? nil : PeerCredentials(pid: peer.pid, uid: peer.uid, gid: peer.gid),
            truncated: truncated
        )
    }

    private static func make() throws(SystemCallError) -> FileDescriptor {
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let raw = socket(AF_UNIX, type, 0)
        guard raw >= 0 else { throw SystemCallError("socket", errno: errno) }
        return FileDescriptor(owning: raw)
    }
}
