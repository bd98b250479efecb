import Glibc
import LinuxIO
import Messages
import NamespaceLab
import Primitives
import Supervision
import Testing

@testable import SupervisorRuntime

@Suite("The supervisor's command line")
struct OptionsTests {
    @Test("takes what its usage says")
    func takes() throws {
        let parsed = SupervisorOptions.parse([
            "--standalone", "--keepalived", "/a", "--haproxy=/b", "--haproxy", "/c",
            "--runtime-dir", "/d", "--libexec-dir=/e",
        ])
        guard case .run(let options) = parsed else {
            Issue.record("\(parsed)")
            return
        }
        #expect(options.isStandalone)
        #expect(options.keepalivedFile == "/a")
        #expect(options.haproxyFiles == ["/b", "/c"])
        #expect(options.runtimeDirectory == "/d")
        #expect(options.libexecDirectory == "/e")
    }

    @Test("has the defaults of the package")
    func defaults() {
        guard case .run(let options) = SupervisorOptions.parse([]) else {
            Issue.record("no options are none to refuse")
            return
        }
        #expect(!options.isStandalone)
        #expect(options.keepalivedFile == "/etc/tandem/keepalived.conf")
        #expect(options.haproxyFiles == ["/etc/tandem/haproxy.cfg"])
        #expect(options.runtimeDirectory == "/run/tandem")
    }

    @Test(
        "refuses the rest",
        arguments: [
            ["--frobnicate"], ["--keepalived"], ["--runtime-dir", "relative"],
            ["--libexec-dir", "relative"], ["stray"],
        ]
    )
    func refuses(arguments: [String]) {
        guard case .unusable = SupervisorOptions.parse(arguments) else {
            Issue.record("\(arguments) was taken")
            return
        }
    }

    @Test(
        "ends with the status that scripts expect",
        arguments: [
            (["--frobnicate"], 2), (["--version"], 0), (["-h"], 0),
            (["--runtime-dir", "/nonexistent"], 1),
            (["--standalone", "--keepalived", "/nonexistent/keepalived.conf"], 1),
        ] as [([String], Int32)]
    )
    func status(arguments: [String], status: Int32) throws {
        let spawn = Spawn(
            path: productDirectory() + "/tandem-supervisor",
            arguments: ["tandem-supervisor"] + arguments
        )
        let child = try spawn.start()
        var cause: ExitCause?
        _ = wait(.seconds(10)) {
            cause = cause ?? child.reap()
            return cause != nil
        }
        #expect(cause == .exited(status))
    }

    @Test(
        "A file with an error is told of by line, and nothing is started",
        .timeLimit(.minutes(1))
    )
    func badFile() throws {
        let supervisor = try SupervisorProcess(tandem: "restart_limit many", start: false)
        try supervisor.start()
        #expect(supervisor.end(within: .seconds(10)) == .exited(1))
        #expect(supervisor.log.contains("\(supervisor.keepalivedFile):10"))
        #expect(!entries(of: supervisor.base).contains("run"))
    }
}

@Suite("The journal")
struct JournalTests {
    private func entry(_ number: UInt64) -> JournalEntry {
        JournalEntry(
            wallClock: number,
            incident: IncidentID(rawValue: number),
            event: "event \(number)",
            decision: "decision",
            reason: String(repeating: "r", count: 200)
        )
    }

    private func withFile(_ body: (String) throws -> Void) rethrows {
        let path = "/tmp/tandem-journal-\(getpid())-\(Clock.now.nanoseconds)"
        defer { unlink(path) }
        try body(path)
    }

    @Test("outlives its supervisor")
    func survives() {
        withFile { path in
            let first = Journal(path: path)
            for number in 1...3 { first.append(entry(UInt64(number))) }
            let second = Journal(path: path)
            #expect(second.entries == first.entries)
            #expect(second.lastIncident == 3)
        }
    }

    @Test("holds its last thousand, in a file that does not grow without end")
    func isBounded() throws {
        try withFile { (path: String) throws -> Void in
            let journal = Journal(path: path)
            for number in 1...6000 { journal.append(entry(UInt64(number))) }
            #expect(journal.entries.count == Journal.capacity)
            #expect(journal.entries.last == entry(6000))
            #expect(try readFile(path).count <= Journal.fileLimit + 4096)
            #expect(Journal(path: path).entries.suffix(1000) == journal.entries.suffix(1000))
        }
    }

    @Test("is read up to where it is damaged", arguments: [1, 30, 200, 300])
    func damaged(cut: Int) throws {
        try withFile { (path: String) throws -> Void in
            let journal = Journal(path: path)
            for number in 1...3 { journal.append(entry(UInt64(number))) }
            #expect(truncate(path, off_t(try readFile(path).count - cut)) == 0)
            let read = Journal(path: path).entries
            #expect(read == Array(journal.entries.prefix(read.count)))
            #expect(read.count == (cut < 250 ? 2 : 1))
        }
    }
}
