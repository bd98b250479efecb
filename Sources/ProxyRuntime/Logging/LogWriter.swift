import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives
import Sessions

/// Syslog's severities.
enum LogLevel: UInt8 {
    case emergency = 0
    case alert = 1
    case critical = 2
    case error = 3
    case warning = 4
    case notice = 5
    case info = 6
    case debug = 7
}

/// Who speaks, in a syslog line.
struct LogTag: Sendable {
    /// `log-tag`, by default `haproxy`: monitoring looks for it.
    var name: String
    var pid: Int32
    /// `log-send-hostname`; nil: none is sent.
    var hostname: String?
}

/// Sends log lines to syslog targets in HAProxy's formats; never blocks, counts what is lost. One belongs to
/// each thread.
struct LogWriter: ~Copyable {
    private struct Socket {
        var destination: LogTarget.Destination
        var descriptor: Int32
    }

    private let tag: LogTag
    private var sockets: [Socket] = []
    private(set) var lost: UInt64 = 0

    init(tag: LogTag) {
        self.tag = tag
    }

    deinit {
        for socket in sockets where socket.descriptor > 2 { _ = close(socket.descriptor) }
    }

    /// Opens the targets' sockets while that is still allowed.
    mutating func open(_ targets: [LogTarget]) {
        for target in targets { _ = descriptor(for: target.destination) }
    }

    mutating func send(_ message: String, level: LogLevel, to targets: [LogTarget]) {
        guard !targets.isEmpty else { return }
        let time = localTime(Clock.wall)
        for target in targets where level.rawValue <= target.maximumLevel {
            let severity = max(level.rawValue, target.minimumLevel)
            let line = format(message, target, severity, time)
            transmit(Array(line.utf8.prefix(max(target.length, 80) - 1)) + [10], target.destination)
        }
    }

    private func format(
        _ message: String,
        _ target: LogTarget,
        _ severity: UInt8,
        _ time: LocalTime
    ) -> String {
        let priority = Int(target.facility) * 8 + Int(severity)
        let host = tag.hostname.map { "\($0) " } ?? ""
        let body = "\(tag.name)[\(tag.pid)]: \(message)"
        return switch target.format {
        case .rfc3164: "<\(priority)>\(time.syslogDate) \(host)\(body)"
        case .local: "<\(priority)>\(time.syslogDate) \(body)"
        case .rfc5424:
            "<\(priority)>1 \(time.isoDate) \(tag.hostname ?? "-") \(tag.name) \(tag.pid) - - "
                + message
        case .raw: message
        case .short: "<\(severity)>\(message)"
        case .timed: "<\(severity)>\(time.isoDate) \(message)"
        case .priority: "<\(priority)>\(message)"
        case .iso: "\(time.isoDate) \(message)"
        }
    }

    private mutating func transmit(_ bytes: [UInt8], _ destination: LogTarget.Destination) {
        guard let descriptor = descriptor(for: destination) else {
            lost &+= 1
            return
        }
        // A datagram that nobody took makes the next send fail once: that one is tried again.
        for _ in 0..<2 {
            let sent = unsafe bytes.withUnsafeBytes { raw in
                switch destination {
                case .standardOutput, .standardError:
                    unsafe Glibc.write(descriptor, raw.baseAddress, raw.count)
                case .udp, .unix:
                    unsafe Glibc.send(
                        descriptor,
                        raw.baseAddress,
                        raw.count,
                        Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
                    )
                }
            }
            if sent >= 0 { return }
            guard errno == ECONNREFUSED else { break }
        }
        lost &+= 1
        if case .unix = destination { forget(destination) }
    }

    /// A log daemon that was restarted has another socket at the same path.
    private mutating func forget(_ destination: LogTarget.Destination) {
        guard let index = sockets.firstIndex(where: { $0.destination == destination }) else {
            return
        }
        _ = close(sockets[index].descriptor)
        sockets.remove(at: index)
    }

    private mutating func descriptor(for destination: LogTarget.Destination) -> Int32? {
        if let known = sockets.first(where: { $0.destination == destination }) {
            return known.descriptor
        }
        guard let opened = Self.open(destination) else { return nil }
        sockets.append(Socket(destination: destination, descriptor: opened))
        return opened
    }

    private static func open(_ destination: LogTarget.Destination) -> Int32? {
        let type = Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor: Int32
        let result: Int32
        switch destination {
        case .standardOutput: return STDOUT_FILENO
        case .standardError: return STDERR_FILENO
        case .udp(let address, let port):
            var target = tandem_address(address, port: port)
            descriptor = socket(Int32(target.family), type, 0)
            result = unsafe descriptor < 0 ? -1 : tandem_connect_to(descriptor, &target)
        case .unix(let path):
            descriptor = socket(AF_UNIX, type, 0)
            result = unsafe descriptor < 0 ? -1 : tandem_unix_connect(descriptor, path)
        }
        guard descriptor >= 0 else { return nil }
        guard result == 0 else {
            _ = close(descriptor)
            return nil
        }
        return descriptor
    }
}

/// The local time of a moment in nanoseconds since 1970.
func localTime(_ wall: UInt64) -> LocalTime {
    var parts = tandem_local_time()
    unsafe tandem_broken_down(Int64(wall / 1_000_000_000), &parts)
    return LocalTime(
        year: Int(parts.year),
        month: Int(parts.month),
        day: Int(parts.day),
        hour: Int(parts.hour),
        minute: Int(parts.minute),
        second: Int(parts.second),
        millisecond: Int(wall / 1_000_000 % 1000)
    )
}
