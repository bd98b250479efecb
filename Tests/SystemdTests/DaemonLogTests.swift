import Glibc
import LinuxIO
import Logging
import Primitives
import Testing

@testable import Systemd

@Suite("Whether standard error is the journal's")
struct JournalStreamTests {
    @Test(
        "Only two numbers are an identity",
        arguments: [
            "", ":", "1", "1:", ":2", "1:2:3", "a:b", "-1:2", "+1:2", " 1:2",
            "1:99999999999999999999",
        ]
    )
    func malformed(_ text: String) {
        #expect(JournalStream.Identity(text) == nil)
        #expect(!JournalStream.isConnected(STDERR_FILENO, variable: text))
    }

    @Test("It is the same file or it is not: the variable alone says nothing")
    func same() throws {
        let one = try Pipe()
        let other = try Pipe()
        var status = stat()
        #expect(fstat(one.write.rawValue, &status) == 0)
        let variable = "\(status.st_dev):\(status.st_ino)"
        #expect(JournalStream.isConnected(one.write.rawValue, variable: variable))
        #expect(!JournalStream.isConnected(other.write.rawValue, variable: variable))
        #expect(!JournalStream.isConnected(one.write.rawValue, variable: nil))
        #expect(!JournalStream.isConnected(-1, variable: variable))
    }
}

@Suite("The log of a daemon that has the journal", .timeLimit(.minutes(1)))
struct DaemonLogTests {
    /// Calls `body` with a log whose journal is a socket of ours.
    private func withJournal(
        _ limiter: FloodLimiter = FloodLimiter(),
        _ body: (DaemonLog, borrowing FileDescriptor) throws -> Void
    ) throws {
        let path = "/tmp/tandem-journal-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        let socket = try UnixDatagram.receiver(at: path, mode: 0o600)
        defer { unlink(path) }
        let log = DaemonLog(
            isJournal: true,
            journal: try JournalSocket(path: path),
            limiter: limiter,
            program: "tandem-agent"
        )
        try body(log, socket)
    }

    private func next(_ socket: borrowing FileDescriptor) throws -> [[String]]? {
        guard let datagram = try UnixDatagram.receive(from: socket, limit: 1 << 17) else {
            return nil
        }
        return parsed(datagram.bytes)
    }

    @Test("A line with fields is an entry with fields")
    func fields() throws {
        try withJournal { log, socket in
            let logger = Logger(label: "test", factory: { _ in DaemonLogHandler(log) })
            logger.line(
                .notice,
                "(VI_1) Entering MASTER STATE: x",
                LogFields(
                    .becameMaster,
                    incident: IncidentID(rawValue: 7),
                    instance: "VI_1",
                    state: "MASTER"
                ),
                file: "A/B.swift",
                line: 12
            )
            let entry = try next(socket)
            #expect(
                entry == [
                    ["PRIORITY", "5"], ["SYSLOG_IDENTIFIER", "tandem-agent"],
                    ["MESSAGE", "(VI_1) Entering MASTER STATE: x incident=7"],
                    ["MESSAGE_ID", MessageID.becameMaster.rawValue], ["TANDEM_INCIDENT", "7"],
                    ["TANDEM_INSTANCE", "VI_1"], ["TANDEM_STATE", "MASTER"],
                    ["CODE_FILE", "A/B.swift"], ["CODE_LINE", "12"],
                ]
            )
            logger.line(.info, "two\nlines", LogFields(process: "proxy"))
            let plain = try next(socket) ?? []
            #expect(plain.contains(["MESSAGE", "two\nlines"]))
            #expect(plain.contains(["TANDEM_PROCESS", "proxy"]))
            #expect(!plain.contains { $0[0] == "MESSAGE_ID" || $0[0] == "TANDEM_INCIDENT" })
        }
    }

    @Test(
        "Levels are syslog's",
        arguments: zip(
            [Logger.Level.debug, .info, .notice, .warning, .error, .critical],
            ["7", "6", "5", "4", "3", "2"]
        )
    )
    func levels(_ level: Logger.Level, _ priority: String) throws {
        try withJournal { log, socket in
            var logger = Logger(label: "test", factory: { _ in DaemonLogHandler(log) })
            logger.logLevel = .trace
            logger.line(level, "x", LogFields())
            let entry = try next(socket)
            #expect(entry?.first == ["PRIORITY", priority])
        }
    }

    @Test("A journal that hangs makes the loop lose lines, never time, and is told how many")
    func hanging() throws {
        try withJournal(FloodLimiter(burst: .max)) { log, socket in
            let logger = Logger(label: "test", factory: { _ in DaemonLogHandler(log) })
            let began = Clock.now
            for number in 0..<5000 { logger.notice("line \(number)") }
            #expect(Clock.now - began < .seconds(5))
            var held = 0
            while try next(socket) != nil { held += 1 }
            #expect(held > 0 && held < 5000)
            logger.notice("awake")
            let apology = try next(socket) ?? []
            let text = "\(5000 - held) log lines were lost: the journal did not read them"
            #expect(apology.contains(["MESSAGE", text]))
            let awake = try next(socket)
            #expect(awake?.contains(["MESSAGE", "awake"]) == true)
        }
    }

    @Test("A flood is left out but for its beginning, and told when it is over, also into silence")
    func flood() throws {
        try withJournal(FloodLimiter(burst: 2, interval: .seconds(10))) { log, socket in
            let start = Clock.now
            let site = FloodLimiter.Site(file: "A/B.swift", line: 1, subject: "")
            for number in 0..<50 {
                log.write(
                    DaemonLog.Line(priority: LOG_WARNING, text: "bad packet \(number)", site: site),
                    at: start
                )
            }
            let first = try next(socket)
            #expect(first?.contains(["MESSAGE", "bad packet 0"]) == true)
            let second = try next(socket)
            #expect(second?.contains(["MESSAGE", "bad packet 1"]) == true)
            let entry = try next(socket)
            #expect(entry == nil)
            log.tellFloods(at: start + .seconds(11))
            let report = "48 more lines like this one within 11 s were left out: bad packet 2"
            let told = try next(socket)
            #expect(told?.contains(["MESSAGE", report]) == true)
            let more = try next(socket)
            #expect(more == nil)
        }
    }

    @Test("Without a journal's socket the lines go to the stream, each with its level")
    func stream() async {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent]
        ) {
            let log = DaemonLog(
                isJournal: true,
                journal: try JournalSocket(path: "/nonexistent/journal/socket"),
                limiter: FloodLimiter(),
                program: "tandem-proxy"
            )
            let logger = Logger(label: "test", factory: { _ in DaemonLogHandler(log) })
            logger.warning("one\n<0>two\u{1B}[2J")
            logger.error("three", metadata: ["incident": "4"])
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        let lines = text.split(separator: "\n").filter { $0.hasPrefix("<") }
        #expect(lines == ["<4>one", "<4><0>two\\x1b[2J", "<3>three incident=4"])
    }

    @Test("On a console a line begins with the time, the program and its pid, as it always did")
    func console() async {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardErrorContent]
        ) {
            setenv("JOURNAL_STREAM", "1:1", 1)
            let logger = Logger.daemon("tandem-proxy")
            logger.line(.warning, "text", LogFields(.noServers, instance: "VI_1"))
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        let line = text.split(separator: "\n").first { $0.contains("tandem-proxy[") } ?? ""
        #expect(line.hasSuffix("]: warning: text"))
        #expect(line.hasPrefix("20"))
    }
}
