import CLinux
import Glibc
import LinuxIO
package import Logging

/// Writes log lines to standard error without ever blocking: when the reader does not read, lines are lost
/// and counted in the next one that fits.
///
/// Where standard error is the journal (`JOURNAL_STREAM`), a line begins with its syslog level as
/// sd-daemon(3) has it; elsewhere with the time, the program and its pid.
package struct ConsoleLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level = .info
    private let program: String
    private let pid: Int32
    private let isJournal: Bool

    package init(program: String) {
        self.program = program
        pid = getpid()
        isJournal = unsafe getenv("JOURNAL_STREAM") != nil
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var text = "\(event.message)"
        let fields = metadata.merging(event.metadata ?? [:]) { _, newer in newer }
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            text += " \(key)=\(value)"
        }
        let prefix =
            isJournal
            ? "<\(Self.priority(of: event.level))>"
            : "\(Self.timestamp()) \(program)[\(pid)]: \(Self.word(for: event.level))"
        for line in text.split(separator: "\n") {
            LogSink.write(prefix + line.prefix(3500) + "\n")
        }
    }

    private static func priority(of level: Logger.Level) -> Int32 {
        switch level {
        case .trace, .debug: LOG_DEBUG
        case .info: LOG_INFO
        case .notice: LOG_NOTICE
        case .warning: LOG_WARNING
        case .error: LOG_ERR
        case .critical: LOG_CRIT
        }
    }

    private static func word(for level: Logger.Level) -> String {
        switch level {
        case .warning: "warning: "
        case .error, .critical: "error: "
        case .trace, .debug: "debug: "
        case .info, .notice: ""
        }
    }

    /// `2026-01-31T08:09:10.123Z`.
    private static func timestamp() -> String {
        let now = Clock.wall
        var seconds = time_t(now / 1_000_000_000)
        var parts = unsafe tm()
        unsafe gmtime_r(&seconds, &parts)
        func padded(_ number: Int32, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date =
            unsafe "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
        let clock =
            unsafe "\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec))"
        return "\(date)T\(clock).\(padded(Int32(now / 1_000_000 % 1000), 3))Z"
    }
}
