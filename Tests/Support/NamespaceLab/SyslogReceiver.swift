import CLinux
import Glibc
import LinuxIO
import Primitives
import Synchronization

/// What a node's programs send to 127.0.0.1:514.
package final class SyslogReceiver: Sendable {
    private let socket: FileDescriptor
    private let kept = Mutex<[String]>([])

    package init(in namespace: Namespace) throws {
        let raw = try namespace.onThread { () throws -> Int32 in
            let raw = Glibc.socket(
                AF_INET,
                Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue),
                0
            )
            guard raw >= 0 else { throw SystemCallError("socket", errno: errno) }
            let socket = FileDescriptor(owning: raw)
            _ = tandem_setsockopt_int(raw, SOL_SOCKET, SO_RCVBUF, 4 << 20)
            try check(tandem_ipv4_bind(raw, IPv4Address.loopback.rawValue, 514), "bind", on: "514")
            return socket.relinquish()
        }
        socket = FileDescriptor(owning: raw)
    }

    /// All messages since the lab began, at most 100,000.
    package var messages: [String] {
        var buffer = [UInt8](repeating: 0, count: 65536)
        var fresh: [String] = []
        while let count = try? socket.read(into: &buffer), count > 0 {
            fresh.append(String(decoding: buffer[0..<count], as: UTF8.self))
        }
        return kept.withLock { all in
            all.append(contentsOf: fresh)
            if all.count > 100_000 { all.removeFirst(all.count - 100_000) }
            return all
        }
    }
}
