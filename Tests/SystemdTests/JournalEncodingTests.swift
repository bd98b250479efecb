import LinuxIO
import Testing

@testable import Systemd

/// What the journal would make of an entry: its own protocol, read by the letter.
func parsed(_ bytes: [UInt8]) -> [[String]]? {
    var fields: [[String]] = []
    var rest = bytes[...]
    while let end = rest.firstIndex(of: 0x0A) {
        let line = rest[..<end]
        rest = rest[(end + 1)...]
        if let sign = line.firstIndex(of: 0x3D) {
            let value = String(decoding: line[(sign + 1)...], as: UTF8.self)
            fields.append([String(decoding: line[..<sign], as: UTF8.self), value])
            continue
        }
        guard rest.count >= 8 else { return nil }
        let size = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(8)
        guard rest.count > size, rest[rest.startIndex + size] == 0x0A else { return nil }
        let value = String(decoding: rest.prefix(size), as: UTF8.self)
        fields.append([String(decoding: line, as: UTF8.self), value])
        rest = rest.dropFirst(size + 1)
    }
    return rest.isEmpty ? fields : nil
}

@Suite("An entry in the journal's own protocol")
struct JournalEncodingTests {
    @Test("A value in one line is NAME=value; one with line ends has its length before it")
    func goldenBytes() {
        var entry = JournalEncoding()
        entry.append("PRIORITY", "5")
        entry.append("MESSAGE", "a\nb")
        #expect(
            entry.bytes == Array("PRIORITY=5\n".utf8) + Array("MESSAGE\n".utf8)
                + [3, 0, 0, 0, 0, 0, 0, 0] + Array("a\nb\n".utf8)
        )
    }

    @Test(
        "Nothing in a text becomes another field",
        arguments: [
            "plain", "", "PRIORITY=0", "x\nPRIORITY=0", "\nPRIORITY=0\n_SYSTEMD_UNIT=x", "\n",
            "a=b=c",
            "MESSAGE\n\u{1}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}x\n",
        ]
    )
    func hostile(_ text: String) {
        var entry = JournalEncoding()
        entry.append("MESSAGE", text)
        entry.append("CODE_LINE", "7")
        #expect(parsed(entry.bytes) == [["MESSAGE", text.withoutControls], ["CODE_LINE", "7"]])
    }

    @Test(
        "Control characters are spelled out; line ends, tabs and every script stay",
        arguments: [
            ("\u{1B}[2J\u{7}", "\\x1b[2J\\x07"), ("a\u{0}b", "a\\x00b"),
            ("\u{7F}\u{9B}", "\\x7f\\x9b"),
            ("a\r\nb", "a\\x0d\nb"), ("a\tb\nc", "a\tb\nc"), ("Größe 大 🐟", "Größe 大 🐟"),
        ]
    )
    func controls(_ text: String, _ expected: String) {
        #expect(text.withoutControls == expected)
    }

    @Test("A text is cut to a number of bytes between two characters, and shows it")
    func clamped() {
        #expect("abc".clamped(toBytes: 3) == "abc")
        #expect("abcdef".clamped(toBytes: 5) == "ab…")
        #expect("ääääää".clamped(toBytes: 8) == "ää…")
        let long = String(repeating: "x", count: 1 << 20)
        var entry = JournalEncoding()
        entry.append("MESSAGE", long)
        #expect(entry.bytes.count <= JournalEncoding.valueLimit + 32)
        var controls = JournalEncoding()
        controls.append("MESSAGE", String(repeating: "\u{1B}", count: 1 << 20))
        #expect(controls.bytes.count <= 4 * JournalEncoding.valueLimit + 32)
    }

    @Test(
        "Each event has an id of its own, as the journal writes them, and an entry in the catalog"
    )
    func catalog() throws {
        let ids = MessageID.allCases.map(\.rawValue)
        #expect(Set(ids).count == ids.count)
        for id in ids {
            #expect(id.utf8.count == 32)
            #expect(id.allSatisfy { $0.isHexDigit && !$0.isUppercase })
        }
        let path = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        let catalog = try #require(read(path + "/packaging/tandem.catalog"))
        let entries = catalog.split(separator: "\n").map(String.init).filter { $0.hasPrefix("-- ") }
        #expect(Set(entries) == Set(ids.map { "-- " + $0 }))
        #expect(entries.count == ids.count)
        for block in catalog.split(separator: "\n-- ").dropFirst() {
            #expect(block.contains("\nSubject: "))
            #expect(block.contains("\nDefined-By: Tandem\n"))
            #expect(
                block.split(separator: "\n").count > 6,
                "it says what to look at and what to do"
            )
        }
        // A field that no line carries would stand in the text as it is.
        let known = Set(LogFields.Key.allCases.map(\.field))
        for name in catalog.split(separator: "@", omittingEmptySubsequences: false).enumerated()
            .filter({ $0.offset % 2 == 1 }).map({ String($0.element) })
        {
            #expect(known.contains(name))
        }
    }

    private func read(_ path: String) -> String? {
        (try? readFile(path, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    }
}
