import CLinux
import Glibc

/// Who is at the other end of a Unix socket, by the kernel's word (`SO_PEERCRED`).
package struct PeerCredentials: Equatable, Sendable {
    package var pid: Int32
    package var uid: UInt32
    package var gid: UInt32

    package init(pid: Int32, uid: UInt32, gid: UInt32) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
    }
}

/// `SOCK_SEQPACKET` sockets with a path: the links between the processes.
package enum UnixSocket {
    /// A listening socket at `path`, which replaces a stale one; non-blocking.
    /// `mode` is the path's permission bits, and the socket is never reachable with wider ones; `group`
    /// its owner group, nil to leave it.
    package static func listen(
        at path: String,
        mode: UInt32,
        group: UInt32? = nil,
        backlog: Int32 = 16
    ) throws(SystemCallError) -> FileDescriptor {
        let socket = try make()
        _ = unsafe unlink(path)
        let before = umask(0o177)
        let bound = unsafe tandem_unix_bind(socket.rawValue, path)
        umask(before)
        try check(bound, "bind", on: path)
        if let group, unsafe chown(path, uid_t.max, group) != 0 {
            throw SystemCallError("chown", on: path, errno: errno)
        }
        guard unsafe chmod(path, mode) == 0 else {
            throw SystemCallError("chmod", on: path, errno: errno)
        }
        guard Glibc.listen(socket.rawValue, backlog) == 0 else {
            throw SystemCallError("listen", on: path, errno: errno)
        }
        return socket
    }

    /// A connected socket; non-blocking. Where the listener's queue is full: EAGAIN, at once or, with
    /// `patience`, when it still is full then.
    package static func connect(
        to path: String,
        patience: Duration? = nil
    ) throws(SystemCallError) -> FileDescriptor {
        let socket = try make(blocking: patience != nil)
        if let patience {
            // The kernel wakes who waits for room; asking again and again is overtaken by others.
            var limit = timeval(patience)
            let size = socklen_t(MemoryLayout<timeval>.size)
            let raw = socket.rawValue
            guard unsafe setsockopt(raw, SOL_SOCKET, SO_SNDTIMEO, &limit, size) == 0 else {
                throw SystemCallError("setsockopt SO_SNDTIMEO", errno: errno)
            }
        }
        try check(unsafe tandem_unix_connect(socket.rawValue, path), "connect", on: path)
        if patience != nil { try check(tandem_set_nonblocking(socket.rawValue), "fcntl") }
        return socket
    }

    /// Whether somebody listens at `path`, also one whose queue is full.
    package static func isServed(_ path: String) -> Bool {
        do throws(SystemCallError) {
            _ = try connect(to: path)
            return true
        } catch {
            return error.errno == EAGAIN
        }
    }

    /// The next connection, or nil when none waits; non-blocking.
    package static func accept(
        _ listener: borrowing FileDescriptor
    ) throws(SystemCallError)
        -> FileDescriptor?
    {
        let raw = tandem_accept(listener.rawValue)
        switch -raw {
        case EAGAIN, EINTR, ECONNABORTED: return nil
        default: return FileDescriptor(owning: try check(raw, "accept4"))
        }
    }

    /// Of an accepted socket: of who connected; of a connecting one: of who listens.
    package static func peer(
        of socket: borrowing FileDescriptor
    ) throws(SystemCallError)
        -> PeerCredentials
    {
        var peer = tandem_peer()
        try check(unsafe tandem_peer_credentials(socket.rawValue, &peer), "getsockopt SO_PEERCRED")
        return PeerCredentials(pid: peer.pid, uid: peer.uid, gid: peer.gid)
    }

    private static func make(blocking: Bool = false) throws(SystemCallError) -> FileDescriptor {
        let type = SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue
        let raw = socket(AF_UNIX, Int32(blocking ? type : type | SOCK_NONBLOCK.rawValue), 0)
        guard raw >= 0 else { throw SystemCallError("socket", errno: errno) }
        return FileDescriptor(owning: raw)
    }
}

extension timeval {
    fileprivate init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(seconds), tv_usec: Int(attoseconds / 1_000_000_000_000))
    }
}
