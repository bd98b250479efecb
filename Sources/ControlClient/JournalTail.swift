import Glibc
import LinuxIO
package import Systemd

/// What `tail` shows of a unit of systemd: its output, and what systemd and the supervisor say of it.
package enum JournalTail {
    package static func unit(of name: String) -> String { "tandem-\(name).service" }

    /// Whether this machine's systemd may have the output of a process of that name.
    package static func answersFor(_ name: String) -> Bool {
        unsafe ["proxy", "agent", "supervisor"].contains(name)
            && access("/run/systemd/system", F_OK) == 0
    }

    /// The entries that `journalctl --unit` would show, and the supervisor's about that process.
    package static func matches(_ name: String) -> [JournalReader.Match] {
        let unit = unit(of: name)
        var matches: [JournalReader.Match] = [
            ["_SYSTEMD_UNIT=\(unit)"],
            ["_PID=1", "UNIT=\(unit)"],
            ["_UID=0", "OBJECT_SYSTEMD_UNIT=\(unit)"],
            ["_UID=0", "COREDUMP_UNIT=\(unit)", "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1"],
        ]
        if name != "supervisor" {
            matches.append([
                "_SYSTEMD_UNIT=\(Self.unit(of: "supervisor"))", "TANDEM_PROCESS=\(name)",
            ])
        }
        return matches
    }

    /// `Nov 23 05:10:03.123 tandem-proxy[17]: text`; further lines of a text are indented.
    package static func line(_ entry: JournalReader.Entry) -> String {
        let (nanoseconds, overflow) = entry.time.multipliedReportingOverflow(by: 1000)
        let pid = entry.pid.isEmpty ? "" : "[\(entry.pid)]"
        return "\(TimeText.precise(overflow ? 0 : nanoseconds)) \(entry.identifier)\(pid): "
            + entry.message.split(separator: "\n", omittingEmptySubsequences: false)
            .joined(separator: "\n    ")
    }

    /// Shows the last `count` entries, and goes on with what comes if asked to.
    package static func show(
        _ name: String,
        count: UInt64,
        follow: Bool,
        print: (String) -> Void
    ) throws(ControlError) {
        do throws(SystemCallError) {
            let journal = try JournalReader()
            guard journal.canRead else {
                throw SystemCallError("read", on: "the journal", errno: EACCES)
            }
            try journal.restrict(to: matches(name))
            for entry in try journal.last(count) { print(line(entry)) }
            while follow {
                while let entry = try journal.next() { print(line(entry)) }
                try journal.wait()
            }
        } catch {
            throw .journal(error, unit: unit(of: name))
        }
    }
}
