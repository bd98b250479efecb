import CSystemd
import Glibc
package import LinuxIO

/// Reads the machine's journal (sd-journal(3)). For programs that may wait: it reads files and blocks.
@safe package struct JournalReader: ~Copyable {
    /// Fields that an entry must have; each `NAME=value`.
    package typealias Match = [String]

    package struct Entry: Equatable, Sendable {
        /// Microseconds since 1970.
        package var time: UInt64
        package var identifier: String
        package var pid: String
        package var message: String

        package init(time: UInt64, identifier: String, pid: String, message: String) {
            self.time = time
            self.identifier = identifier
            self.pid = pid
            self.message = message
        }
    }

    private let journal: OpaquePointer

    /// Opens what this user may read of the system's journal, which may be nothing: see `canRead`.
    package init() throws(SystemCallError) {
        var opened: OpaquePointer?
        let flags = Int32(SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM)
        let result = unsafe sd_journal_open(&opened, flags)
        guard result >= 0, let journal = unsafe opened else {
            throw SystemCallError("open the journal", errno: result < 0 ? -result : ENOMEM)
        }
        unsafe self.journal = journal
    }

    deinit {
        unsafe sd_journal_close(journal)
    }

    /// False where there is no journal, or none that this user may read.
    package var canRead: Bool {
        unsafe sd_journal_has_runtime_files(journal) > 0
            || sd_journal_has_persistent_files(journal) > 0
    }

    /// From here on only entries of which one of the matches holds.
    package borrowing func restrict(to matches: [Match]) throws(SystemCallError) {
        for match in matches {
            for field in match {
                let bytes = Array(field.utf8)
                let result = unsafe bytes.withUnsafeBytes { raw in
                    unsafe sd_journal_add_match(journal, raw.baseAddress, raw.count)
                }
                try check(result, "match \(field)")
            }
            try check(unsafe sd_journal_add_disjunction(journal), "match")
        }
    }

    /// The last `count` entries, oldest first. What comes afterwards is next.
    package borrowing func last(_ count: UInt64) throws(SystemCallError) -> [Entry] {
        try check(unsafe sd_journal_seek_tail(journal), "seek")
        let found = unsafe sd_journal_previous_skip(journal, max(count, 1))
        try check(found, "read")
        guard found > 0 else {
            // Nothing matches yet, and what will is wanted from its beginning.
            try check(unsafe sd_journal_seek_head(journal), "seek")
            return []
        }
        var entries = count == 0 ? [] : [current]
        while UInt64(entries.count) < count, let entry = try next() { entries.append(entry) }
        return entries
    }

    /// The entry after the one that was read last; nil when there is none yet.
    package borrowing func next() throws(SystemCallError) -> Entry? {
        let found = unsafe sd_journal_next(journal)
        try check(found, "read")
        return found > 0 ? current : nil
    }

    /// Waits until there is something new.
    package borrowing func wait() throws(SystemCallError) {
        let result = unsafe sd_journal_wait(journal, UInt64.max)
        guard result != -EINTR else { return }
        try check(result, "wait")
    }

    private var current: Entry {
        var time: UInt64 = 0
        _ = unsafe sd_journal_get_realtime_usec(journal, &time)
        return Entry(
            time: time,
            identifier: value("SYSLOG_IDENTIFIER") ?? value("_COMM") ?? "",
            pid: value("_PID") ?? "",
            message: (value("MESSAGE") ?? "").withoutControls
        )
    }

    private func value(_ name: String) -> String? {
        var data: UnsafeRawPointer?
        var size = 0
        guard unsafe sd_journal_get_data(journal, name, &data, &size) >= 0, let base = unsafe data
        else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(start: base, count: size)
        // The name and the sign are part of it.
        return unsafe String(decoding: bytes.dropFirst(name.utf8.count + 1), as: UTF8.self)
    }

    private func check(_ result: Int32, _ call: String) throws(SystemCallError) {
        guard result >= 0 else {
            throw SystemCallError(call, on: "the journal", errno: -result)
        }
    }
}
