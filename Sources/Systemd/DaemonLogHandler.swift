import CLinux
import Glibc
import LinuxIO
package import Logging

/// The log of a daemon: what is too much of the same is left out (`FloodLimiter`), the rest goes to `DaemonLog`.
///
/// On a console and in a pipe a line begins with the time, the program and its pid; in the journal an entry has
/// a field for what the line is about (`LogFields`).
package struct DaemonLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level = .info
    private let log: DaemonLog

    init(_ log: DaemonLog) {
        self.log = log
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { _, newer in newer }
        func value(_ key: LogFields.Key) -> String? { fields[key.rawValue].map { "\($0)" } }
        var text = "\(event.message)"
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            switch LogFields.Key(rawValue: key) {
            case .incident, nil: text += " \(key)=\(value)"
            // The text has them.
            case .messageID, .instance, .state, .process, .server: continue
            }
        }
        log.write(
            DaemonLog.Line(
                priority: Self.priority(of: event.level),
                text: text,
                fields: LogFields.Key.allCases.compactMap { key in
                    value(key).map { (key.field, $0) }
                },
                site: FloodLimiter.Site(
                    file: event.file,
                    line: event.line,
                    subject: value(.instance) ?? value(.server) ?? value(.process) ?? ""
                )
            ),
            at: Clock.now
        )
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
}
