import LinuxIO
import Messages
import Systemd
import Testing

@testable import ControlClient

@Suite("tail, where systemd keeps the output")
struct JournalTailTests {
    @Test("It shows what journalctl --unit shows, and what the supervisor says of the process")
    func matches() {
        let matches = JournalTail.matches("proxy")
        #expect(matches.contains(["_SYSTEMD_UNIT=tandem-proxy.service"]))
        #expect(matches.contains(["_PID=1", "UNIT=tandem-proxy.service"]))
        #expect(
            matches.contains(["_SYSTEMD_UNIT=tandem-supervisor.service", "TANDEM_PROCESS=proxy"])
        )
        #expect(
            !JournalTail.matches("supervisor").contains { $0.contains { $0.hasPrefix("TANDEM") } }
        )
    }

    @Test("A line has the time, who wrote it, and its further lines indented")
    func line() {
        let entry = JournalReader.Entry(
            time: 1_795_410_603_123_456,
            identifier: "tandem-proxy",
            pid: "17",
            message: "one\ntwo"
        )
        #expect(JournalTail.line(entry).hasSuffix(":03.123 tandem-proxy[17]: one\n    two"))
        let strange = JournalReader.Entry(time: .max, identifier: "", pid: "", message: "")
        #expect(JournalTail.line(strange).hasSuffix(" : "))
    }

    @Test("Who may not read the journal is told which group may")
    func refused() {
        let error = ControlError.journal(
            SystemCallError("read", on: "the journal", errno: 13),
            unit: "tandem-proxy.service"
        )
        #expect(error.description.contains("tandem-proxy.service"))
        #expect(error.advice?.contains("usermod -a -G systemd-journal USER") == true)
        #expect(error.advice?.contains("journalctl -u tandem-proxy.service") == true)
    }

    @Test("A supervisor under systemd refuses in the unit's name; any other refusal is one")
    func kept() {
        func answer(_ name: String, _ outcome: ControlReply.Outcome) -> TailAnswer {
            var answer = TailAnswer()
            answer.take(.result(name: name, outcome: outcome, text: ""))
            return answer
        }
        #expect(answer("tandem-proxy.service", .refused).isKeptBySystemd)
        #expect(!answer("proxy", .refused).isKeptBySystemd)
        #expect(!answer("x.service", .noSuchName).isKeptBySystemd)
    }

    @Test(
        "The last lines are counted by their ends",
        arguments: [
            ("a\nb\nc\n", 2, "b\nc\n"), ("a\nb\nc", 2, "b\nc"), ("a\n", 5, "a\n"),
            ("a\nb\n", 0, ""),
            ("", 3, ""), ("\n\n\n", 1, "\n"),
        ]
    )
    func last(_ output: String, _ count: Int, _ expected: String) {
        var answer = TailAnswer()
        for byte in output.utf8 { answer.take(.output([byte])) }
        #expect(String(decoding: answer.last(count), as: UTF8.self) == expected)
    }
}
