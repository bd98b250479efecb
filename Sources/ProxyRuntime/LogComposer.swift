import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Primitives

/// Who is named in front of every log line.
struct LogIdentity: Sendable {
    var tag: String
    var pid: Int32
    /// Nil: lines carry no host name, as HAProxy's by default.
    var hostname: String?
}

/// Puts log lines together for one thread. Its buffers are used again and again; the date is kept for a second.
struct LogComposer: ~Copyable {
    /// The line without what comes before it.
    var message: [UInt8] = []
    private var packet: [UInt8] = []
    private var date = Date()
    private let identity: LogIdentity

    init(identity: LogIdentity) {
        self.identity = identity
        message.reserveCapacity(2048)
        packet.reserveCapacity(4096)
    }

    /// Sends `message` to all who want its level.
    mutating func send(level: UInt8, to logs: LogTargets, at wall: UInt64) {
        for target in logs.targets where level <= target.line.maximumLevel {
            compose(level: max(level, target.line.minimumLevel), for: target.line, at: wall)
            logs.send(packet, to: target)
        }
    }

    mutating func send(_ text: String, level: UInt8, to logs: LogTargets) {
        guard logs.wants(level: level) else { return }
        message.removeAll(keepingCapacity: true)
        message.append(contentsOf: text.utf8)
        send(level: level, to: logs, at: Clock.wall)
    }

    // MARK: What comes before the line

    private mutating func compose(level: UInt8, for target: LogTarget, at wall: UInt64) {
        packet.removeAll(keepingCapacity: true)
        date.update(to: wall)
        let priority = Int64(target.facility) * 8 + Int64(level)
        switch target.format {
        case .raw: break
        case .rfc3164, .local:
            packet.bracketed(priority)
            packet.append(contentsOf: date.rfc3164)
            nameHost(in: target.format)
            nameProcess()
        case .rfc5424:
            packet.bracketed(priority)
            packet.append(contentsOf: "1 ".utf8)
            packet.append(contentsOf: date.iso)
            packet.append(contentsOf: " \(identity.hostname ?? "-") ".utf8)
            packet.append(contentsOf: "\(identity.tag) \(identity.pid) - - ".utf8)
        case .iso:
            packet.bracketed(priority)
            packet.append(contentsOf: date.iso)
            nameHost(in: target.format)
            nameProcess()
        case .priority:
            packet.bracketed(priority)
            nameProcess(spaced: false)
        case .short: packet.bracketed(Int64(level))
        case .timed:
            packet.bracketed(Int64(level))
            packet.append(contentsOf: date.iso)
            packet.append(0x20)
        }
        // The line's end counts for the length, as in HAProxy.
        let room = max(target.length - packet.count - 1, 0)
        packet.append(contentsOf: message.prefix(room))
        packet.append(0x0A)
    }

    private mutating func nameHost(in format: LogTarget.Format) {
        guard let hostname = identity.hostname, format != .local else { return }
        packet.append(0x20)
        packet.append(contentsOf: hostname.utf8)
    }

    private mutating func nameProcess(spaced: Bool = true) {
        if spaced { packet.append(0x20) }
        packet.append(contentsOf: identity.tag.utf8)
        packet.append(0x5B)
        packet.decimal(Int64(identity.pid))
        packet.append(contentsOf: "]: ".utf8)
    }

    // MARK: Dates

    /// `[23/Nov/2026:03:20:54.629]`.
    mutating func appendAcceptDate(_ wall: UInt64) {
        date.update(to: wall)
        message.append(contentsOf: date.accept)
        message.padded(Int64(wall / 1_000_000 % 1000), 3)
        message.append(0x5D)
    }
}

/// A second in the three ways that log lines have it.
private struct Date {
    private var second: UInt64 = .max
    private(set) var rfc3164: [UInt8] = []
    private(set) var accept: [UInt8] = []
    private(set) var iso: [UInt8] = []

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    mutating func update(to wall: UInt64) {
        let seconds = wall / 1_000_000_000
        guard seconds != second else { return }
        second = seconds
        var parts = tandem_date()
        unsafe tandem_local_time(Int64(clamping: seconds), &parts)
        let month = Self.months[Int(min(max(parts.month, 0), 11))]
        rfc3164 = Array(month.utf8) + [0x20]
        if parts.day < 10 { rfc3164.append(0x20) }
        rfc3164.decimal(Int64(parts.day))
        rfc3164.append(0x20)
        rfc3164.time(parts)

        accept = [0x5B]
        accept.padded(Int64(parts.day), 2)
        accept.append(contentsOf: "/\(month)/".utf8)
        accept.padded(Int64(parts.year), 4)
        accept.append(0x3A)
        accept.time(parts)
        accept.append(0x2E)

        iso = []
        iso.padded(Int64(parts.year), 4)
        iso.append(0x2D)
        iso.padded(Int64(parts.month + 1), 2)
        iso.append(0x2D)
        iso.padded(Int64(parts.day), 2)
        iso.append(0x54)
        iso.time(parts)
        iso.append(parts.offset < 0 ? 0x2D : 0x2B)
        iso.padded(Int64(abs(parts.offset) / 60), 2)
        iso.append(0x3A)
        iso.padded(Int64(abs(parts.offset) % 60), 2)
    }
}

extension [UInt8] {
    mutating func decimal(_ number: Int64) {
        if number < 0 { append(0x2D) }
        var rest = number.magnitude
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)
        unsafe Swift.withUnsafeMutableBytes(of: &digits) { buffer in
            var position = buffer.count
            repeat {
                position -= 1
                unsafe buffer[position] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            unsafe append(contentsOf: buffer[position...])
        }
    }

    mutating func padded(_ number: Int64, _ width: Int) {
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        for _ in 0..<Swift.max(width - digits, 0) { append(0x30) }
        decimal(number)
    }

    fileprivate mutating func bracketed(_ number: Int64) {
        append(0x3C)
        decimal(number)
        append(0x3E)
    }

    fileprivate mutating func time(_ parts: tandem_date) {
        padded(Int64(parts.hour), 2)
        append(0x3A)
        padded(Int64(parts.minute), 2)
        append(0x3A)
        padded(Int64(parts.second), 2)
    }
}
