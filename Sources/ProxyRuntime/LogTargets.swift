import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Synchronization

/// Where the lines of a proxy go. Sending never waits: what a target does not take is lost and counted.
final class LogTargets: Sendable {
    struct Target: Sendable {
        var line: LogTarget
        /// Borrowed from `sockets`, or 1 or 2.
        var descriptor: Int32
        var address = SocketAddress()
        var path: String?
    }

    let targets: [Target]
    private let sockets: LogSockets

    /// The same sockets serve every proxy.
    init(_ lines: [LogTarget], sockets: LogSockets) {
        self.sockets = sockets
        targets = lines.compactMap { line in
            switch line.destination {
            case .udp(let address, let port):
                let to = SocketAddress(address, port: port)
                guard let socket = sockets.descriptor(family: to.family) else { return nil }
                return Target(line: line, descriptor: socket, address: to)
            case .unix(let path):
                guard let socket = sockets.descriptor(family: 1) else { return nil }
                return Target(line: line, descriptor: socket, path: path)
            case .standardOutput: return Target(line: line, descriptor: STDOUT_FILENO)
            case .standardError: return Target(line: line, descriptor: STDERR_FILENO)
            }
        }
    }

    var isEmpty: Bool { targets.isEmpty }

    /// Whether anybody wants lines of this level.
    func wants(level: UInt8) -> Bool {
        targets.contains { level <= $0.line.maximumLevel }
    }

    func send(_ packet: borrowing [UInt8], to target: Target) {
        let result = unsafe packet.withUnsafeBytes { raw -> Int32 in
            switch target.line.destination {
            case .standardOutput, .standardError:
                return unsafe tandem_write_if_ready(target.descriptor, raw.baseAddress, raw.count)
            case .udp:
                var to = target.address
                return unsafe tandem_datagram_send(
                    target.descriptor,
                    &to,
                    nil,
                    raw.baseAddress,
                    raw.count
                )
            case .unix:
                return unsafe tandem_datagram_send(
                    target.descriptor,
                    nil,
                    target.path,
                    raw.baseAddress,
                    raw.count
                )
            }
        }
        if result < 0 { sockets.lost.add(1) }
    }
}

/// The datagram sockets that all log lines leave by, opened before privileges are given up.
final class LogSockets: Sendable {
    private let ipv4: Int32
    private let ipv6: Int32
    private let unix: Int32
    /// Lines that no target took.
    let lost = Gauge()

    init() {
        ipv4 = tandem_datagram_open(4)
        ipv6 = tandem_datagram_open(6)
        unix = tandem_datagram_open(1)
    }

    deinit {
        for descriptor in [ipv4, ipv6, unix] where descriptor >= 0 { _ = close(descriptor) }
    }

    /// Nil where the system does not know the family.
    func descriptor(family: UInt8) -> Int32? {
        let descriptor = family == 4 ? ipv4 : family == 6 ? ipv6 : unix
        return descriptor < 0 ? nil : descriptor
    }
}
