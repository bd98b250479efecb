import CLinux
import Glibc
import LinuxIO
package import Primitives
import Synchronization

/// Where a daemon's log lines go, decided once: to the journal as entries with fields where standard error is
/// the journal's, and else to standard error as text. Neither ever makes a loop wait.
package final class DaemonLog: Sendable {
    struct Line: Sendable {
        /// syslog's, 0 to 7.
        var priority: Int32
        var text: String
        var fields: [(name: String, value: String)] = []
        var site: FloodLimiter.Site
    }

    /// A line of text is cut to this many bytes, so that it always fits into a pipe's page.
    static let textLimit = 3500

    private let program: String
    private let pid = getpid()
    private let isJournal: Bool
    private let journal: JournalSocket?
    private let limiter: Mutex<FloodLimiter>
    let isServing = Atomic<Bool>(false)

    /// The process's.
    private static let current = Mutex<DaemonLog?>(nil)

    static func open(program: String) -> DaemonLog {
        let log = here(program)
        current.withLock { $0 = log }
        atexit { DaemonLog.settle() }
        return log
    }

    private static func here(_ program: String) -> DaemonLog {
        let variable = unsafe getenv("JOURNAL_STREAM").map { unsafe String(cString: $0) }
        let isJournal = JournalStream.isConnected(STDERR_FILENO, variable: variable)
        return DaemonLog(
            isJournal: isJournal,
            journal: isJournal ? try? JournalSocket() : nil,
            limiter: FloodLimiter(),
            program: program
        )
    }

    init(isJournal: Bool, journal: JournalSocket?, limiter: FloodLimiter, program: String) {
        self.program = program
        self.isJournal = isJournal
        self.journal = journal
        self.limiter = Mutex(limiter)
    }

    // MARK: What a loop tells its log

    /// The process is ready: from now on the journal knows its pid.
    static func beginServing() {
        current.withLock(\.self)?.isServing.store(true, ordering: .relaxed)
    }

    /// Tells what was left out of floods that are over. For a loop's tick, so that a flood that is followed by
    /// silence is told as well.
    package static func tellFloods(at now: Instant) {
        current.withLock(\.self)?.tellFloods(at: now)
    }

    func tellFloods(at now: Instant) {
        tell(limiter.withLock { $0.reports(at: now) })
    }

    /// The journal looks up in /proc which unit the sender of an entry is of. A daemon that ends at once, because
    /// it refuses its configuration, would be gone by then and its reason missing from `journalctl -u`.
    private static func settle() {
        guard let log = current.withLock(\.self), !log.isServing.load(ordering: .relaxed) else {
            return
        }
        log.journal?.awaitReader()
    }

    // MARK: Writing

    func write(_ line: Line, at now: Instant) {
        let (admitted, reports) = limiter.withLock { limiter in
            let reports = limiter.reports(at: now)
            return (limiter.admits(line.site, text: line.text, at: now), reports)
        }
        tell(reports)
        if admitted { deliver(line) }
    }

    private func tell(_ reports: [FloodLimiter.Report]) {
        for report in reports {
            deliver(
                Line(
                    priority: LOG_WARNING,
                    text: "\(report)",
                    site: FloodLimiter.Site(file: #fileID, line: #line, subject: "")
                )
            )
        }
    }

    // MARK: Ways out

    private func deliver(_ line: Line) {
        if let journal {
            switch journal.send(entry(of: line), apology: apology) {
            case .sent, .full: return
            case .gone: break
            }
        }
        let prefix =
            isJournal
            ? "<\(line.priority)>"
            : "\(Self.timestamp()) \(program)[\(pid)]: \(Self.word(for: line.priority))"
        for part in line.text.split(separator: "\n") {
            let text = String(part).clamped(toBytes: Self.textLimit).withoutControls
            LogSink.write(prefix + text + "\n")
        }
    }

    private func entry(of line: Line) -> JournalEncoding {
        var entry = JournalEncoding()
        entry.append("PRIORITY", "\(line.priority)")
        entry.append("SYSLOG_IDENTIFIER", program)
        entry.append("MESSAGE", line.text)
        for (name, value) in line.fields { entry.append(name, value) }
        entry.append("CODE_FILE", line.site.file)
        entry.append("CODE_LINE", "\(line.site.line)")
        return entry
    }

    private func apology(_ lost: UInt64) -> JournalEncoding {
        entry(
            of: Line(
                priority: LOG_WARNING,
                text: "\(lost) log lines were lost: the journal did not read them",
                site: FloodLimiter.Site(file: #fileID, line: #line, subject: "")
            )
        )
    }

    private static func word(for priority: Int32) -> String {
        switch priority {
        case ...LOG_ERR: "error: "
        case LOG_WARNING: "warning: "
        case LOG_DEBUG: "debug: "
        default: ""
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
