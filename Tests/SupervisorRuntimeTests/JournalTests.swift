import Glibc
import LinuxIO
import Messages
import NamespaceLab
import Primitives
import Supervision
import Testing

@testable import SupervisorRuntime

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
        defer { for name in [path, path + ".old"] { unlink(name) } }
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

    @Test("holds its last thousand, in files that do not grow without end")
    func isBounded() throws {
        try withFile { (path: String) throws -> Void in
            let journal = Journal(path: path)
            for number in 1...20_000 { journal.append(entry(UInt64(number))) }
            #expect(journal.entries.count == Journal.capacity)
            #expect(journal.entries.last == entry(20_000))
            for name in [path, path + ".old"] {
                #expect(try readFile(name, limit: 8 << 20).count <= Journal.fileLimit + 4096)
            }
            #expect(Journal(path: path).entries == journal.entries)
        }
    }

    @Test("A full file keeps its last thousand entries, however long they are")
    func longestEntries() throws {
        try withFile { (path: String) throws -> Void in
            let journal = Journal(path: path)
            var longest = entry(1)
            longest.event = String(repeating: "e", count: 2000)
            longest.decision = longest.event
            longest.reason = longest.event
            let size = Journal.encode(longest).count
            for _ in 0...Journal.fileLimit / size + 1 { journal.append(longest) }
            #expect(try readFile(path).count < 2 * size)
            #expect(Journal(path: path).entries.count == Journal.capacity)
        }
    }

    /// At any moment a supervisor may end: what another then reads is the past up to the last entry.
    @Test("What was written is never written again, also when a file is full")
    func appendsOnly() throws {
        try withFile { (path: String) throws -> Void in
            var written = 0
            var journal = Journal(path: path)
            while access(path + ".old", F_OK) != 0, written < 20_000 {
                let before = try readFile(path)
                journal.append(entry(UInt64(written)))
                written += 1
                // A look at every entry would take long.
                guard written % 500 == 0 || before.count >= Journal.fileLimit else { continue }
                journal = Journal(path: path)
                let isFull = access(path + ".old", F_OK) == 0
                let after = try readFile(isFull ? path + ".old" : path)
                #expect(after.starts(with: before))
                #expect(journal.lastIncident == UInt64(written - 1))
            }
            #expect(access(path + ".old", F_OK) == 0)
            #expect(written > Journal.capacity)
        }
    }

    /// Frames of a later version, of a payload that this one does not know, and of none that there ever was.
    static let foreign: [(String, [UInt8])] = {
        func change(_ byte: Int, to value: UInt8) -> [UInt8] {
            let entry = JournalEntry(
                incident: IncidentID(rawValue: 9),
                event: "event",
                decision: "decision",
                reason: "reason"
            )
            var bytes = Journal.encode(entry)
            bytes[2 + byte] = value
            return bytes
        }
        return [
            ("another major version", change(4, to: 2)),
            ("a kind of a later minor version", change(6, to: 0xEE)),
            ("a payload that says more than there is", change(24 + 16 + 1, to: 0xFF)),
        ]
    }()

    @Test("An entry of another version is passed over, and stays in the file", arguments: foreign)
    func foreignEntry(_ name: String, _ foreign: [UInt8]) throws {
        try withFile { (path: String) throws -> Void in
            let bytes = Journal.encode(entry(1)) + foreign + Journal.encode(entry(2))
            try write(bytes, to: path)
            let journal = Journal(path: path)
            #expect(journal.entries == [entry(1), entry(2)])
            journal.append(entry(3))
            #expect(try readFile(path) == bytes + Journal.encode(entry(3)))
        }
    }

    @Test("Zeros that a loss of power left cost what stood there, and nothing behind them")
    func zeros() throws {
        try withFile { (path: String) throws -> Void in
            let zeros = [UInt8](repeating: 0, count: 700)
            try write(Journal.encode(entry(1)) + zeros + Journal.encode(entry(2)), to: path)
            #expect(Journal(path: path).entries == [entry(1), entry(2)])
        }
    }

    @Test("A file that can't be read is left as it is")
    func unreadable() throws {
        try withFile { (path: String) throws -> Void in
            let bytes = [UInt8](repeating: 1, count: 4 * Journal.fileLimit + 65536)
            try write(bytes, to: path)
            #expect(Journal(path: path).entries == [])
            #expect(try readFile(path, limit: 2 * bytes.count).count == bytes.count)
        }
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        let raw = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let file = FileDescriptor(owning: try check(raw, "open", on: path))
        #expect(try file.write(bytes) == bytes.count)
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
            // What comes next is found behind what is left.
            Journal(path: path).append(entry(7))
            #expect(Journal(path: path).entries == read + [entry(7)])
        }
    }
}
