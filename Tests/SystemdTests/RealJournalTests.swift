import CLinux
import Glibc
import LinuxIO
import Logging
import Primitives
import Testing

@testable import Systemd

/// A systemd-journald of one's own: in a mount namespace with an empty /run, which it fills.
private struct PrivateJournal: ~Copyable {
    static let program = "/lib/systemd/systemd-journald"
    static var isPossible: Bool { geteuid() == 0 && access(program, X_OK) == 0 }

    private let process: ChildProcess

    init() throws {
        try Self.hideMachine()
        mkdir("/run/systemd", 0o755)
        mkdir("/run/systemd/journal", 0o755)
        let null = open("/dev/null", O_RDWR)
        var spawn = Spawn(path: Self.program, arguments: [])
        spawn.standardInput = null
        spawn.standardOutput = null
        spawn.standardError = null
        spawn.dieWithParent = true
        process = try spawn.start()
        for _ in 0..<500 where access(JournalSocket.path, F_OK) != 0 { usleep(10_000) }
    }

    /// A /run and a /var/log of one's own, empty.
    static func hideMachine() throws {
        try check(tandem_new_mount_namespace(), "unshare")
        for directory in ["/run", "/var/log"] where mount("tmpfs", directory, "tmpfs", 0, nil) != 0
        {
            throw SystemCallError("mount", on: directory, errno: errno)
        }
    }

    /// What it has, once there are so many of the program's.
    func entries(_ count: Int, of program: String) throws -> [JournalReader.Entry] {
        for _ in 0..<500 {
            let reader = try JournalReader()
            if reader.canRead {
                try reader.restrict(to: [["SYSLOG_IDENTIFIER=\(program)"]])
                let entries = try reader.last(100)
                if entries.count >= count { return entries }
            }
            usleep(10_000)
        }
        return []
    }

    consuming func stop() {
        _ = process.signal(SIGTERM)
        for _ in 0..<500 where process.reap() == nil { usleep(10_000) }
    }
}

@Suite(
    "A real journal",
    .enabled(if: PrivateJournal.isPossible, "needs root and systemd-journald"),
    .timeLimit(.minutes(1))
)
struct RealJournalTests {
    @Test("It takes our entries as they are, hostile ones too, and finds them by their fields")
    func roundTrip() async {
        await #expect(processExitsWith: .success) {
            let journal = try PrivateJournal()
            let log = DaemonLog(
                isJournal: true,
                journal: try JournalSocket(),
                limiter: FloodLimiter(),
                program: "tandem-test"
            )
            let logger = Logger(label: "test", factory: { _ in DaemonLogHandler(log) })
            let texts = ["plain", "x\nPRIORITY=0\n_SYSTEMD_UNIT=evil.service", "Größe 🐟"]
            for (number, text) in texts.enumerated() {
                let incident = IncidentID(rawValue: UInt64(number + 1))
                logger.line(.notice, text, LogFields(.becameMaster, incident: incident))
            }
            let entries = try journal.entries(3, of: "tandem-test")
            #expect(entries.count == 3)
            for (number, entry) in entries.enumerated() {
                #expect(entry.message == texts[number] + " incident=\(number + 1)")
                #expect(entry.pid == "\(getpid())")
                #expect(entry.time > 0)
            }
            let byField: [(JournalReader.Match, Int)] = [
                (["TANDEM_INCIDENT=2"], 1), (["TANDEM_INCIDENT=9"], 0),
                (["MESSAGE_ID=\(MessageID.becameMaster.rawValue)"], 3),
                (["MESSAGE_ID=\(MessageID.becameMaster.rawValue)", "TANDEM_INCIDENT=3"], 1),
                (["PRIORITY=0"], 0), (["_SYSTEMD_UNIT=evil.service"], 0),
            ]
            for (match, count) in byField {
                let reader = try JournalReader()
                try reader.restrict(to: [match])
                let found = try reader.last(10).count
                #expect(found == count, "\(match)")
            }
            journal.stop()
        }
    }

    @Test("The last entries come oldest first, then what is new, and nothing twice")
    func follow() async {
        await #expect(processExitsWith: .success) {
            let journal = try PrivateJournal()
            let log = DaemonLog(
                isJournal: true,
                journal: try JournalSocket(),
                limiter: FloodLimiter(),
                program: "tandem-test"
            )
            let logger = Logger(label: "test", factory: { _ in DaemonLogHandler(log) })
            for number in 1...5 { logger.notice("line \(number)") }
            _ = try journal.entries(5, of: "tandem-test")
            let reader = try JournalReader()
            try reader.restrict(to: [["SYSLOG_IDENTIFIER=tandem-test"], ["MESSAGE=nobody's"]])
            let last = try reader.last(2).map(\.message)
            #expect(last == ["line 4", "line 5"])
            let none = try reader.next()
            #expect(none == nil)
            logger.notice("line 6")
            _ = try journal.entries(6, of: "tandem-test")
            try reader.wait()
            let fresh = try reader.next()?.message
            let end = try reader.next()
            #expect(fresh == "line 6")
            #expect(end == nil)
            let later = try JournalReader()
            try later.restrict(to: [["SYSLOG_IDENTIFIER=tandem-test"]])
            let nothing = try later.last(0)
            let behind = try later.next()
            #expect(nothing == [])
            #expect(behind == nil)
            journal.stop()
        }
    }

    @Test("Where there is no journal, nothing can be read, and that is known")
    func none() async {
        await #expect(processExitsWith: .success) {
            try PrivateJournal.hideMachine()
            let reader = try JournalReader()
            let canRead = reader.canRead
            #expect(!canRead)
        }
    }
}
