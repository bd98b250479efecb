import Glibc
import Testing

@testable import KeepalivedSyntax

/// The tables of the parser are the tables of the document, and what they call done is done.
@Suite struct KeywordDocumentationTests {
    private static let document = "../../docs/keywords-keepalived.md"
    private static let marker = "<!-- tables -->\n"

    private static let tables = Keywords.all

    private var generated: String {
        Self.tables.map { title, table in
            let rows = table.rows.map { row in
                "| `\(row.name)` | \(row.verdict.rawValue) | \(row.note) |\n"
            }
            return
                "\n## \(title == "top level" ? "Top level" : title)\n\n| keyword | | |\n|---|---|---|\n"
                + rows.joined()
        }.joined()
    }

    @Test("docs/keywords-keepalived.md shows every keyword and what becomes of it")
    func document() {
        let text = String(decoding: fixture(Self.document), as: UTF8.self)
        let parts = text.split(
            separator: Self.marker,
            maxSplits: 1,
            omittingEmptySubsequences: false
        )
        #expect(parts.count == 2)
        guard unsafe getenv("TANDEM_UPDATE") == nil else {
            write(parts[0] + Self.marker + generated, to: Self.document)
            return
        }
        #expect(parts.last.map(String.init) == generated)
    }

    /// `Fixtures/keepalived/KEYWORDS.txt` lists what the manual of keepalived 2.2.7 has in its global and VRRP parts.
    @Test("Every keyword of keepalived's manual is in a table")
    func complete() {
        let names = String(decoding: fixture("keepalived/KEYWORDS.txt"), as: UTF8.self)
            .split(separator: "\n").map(String.init)
        #expect(names.count > 180)
        let missing = names.filter { name in !Keywords.all.contains { $0.table[name] != nil } }
        #expect(missing == [])
    }

    @Test("No keyword stands twice in a table")
    func unique() {
        for (title, table) in Self.tables {
            let names = table.rows.map(\.name)
            let twice = Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.keys
            #expect(twice.isEmpty, "\(title): \(twice.sorted())")
        }
    }

    @Test("A keyword that is called done has a reader")
    func readers() {
        for (title, table) in Self.tables where title != "top level" {
            for row in table.rows where row.verdict == .done {
                let isBlock = if case .block = row.parameters { true } else { false }
                let value = row.parameters.maximum == 0 ? "" : "1"
                let line = "\(row.name) \(isBlock ? "{ }" : value)"
                let unread = said(Self.file(with: line, in: title)).filter {
                    $0.contains("can't stand here") || $0.contains("unknown keyword")
                }
                #expect(unread == [])
            }
        }
        // The twin: a keyword that is not in the table is noticed.
        #expect(said(instance("prio 1")).contains { $0.contains("unknown keyword") })
    }

    /// A file with `line` in the block.
    private static func file(with line: String, in block: String) -> String {
        switch block {
        case "vrrp_instance": instance(line)
        case "authentication": instance("authentication {\n\(line)\n}")
        case "virtual_ipaddress": instance("virtual_ipaddress {\n192.0.2.9 \(line)\n}")
        case "unicast_peer": instance("unicast_peer {\n192.0.2.9 \(line)\n}")
        case "vrrp_script", "vrrp_sync_group", "vrrp_track_process", "track_file":
            "\(block) s {\n\(line)\n}\n" + instance("")
        default: "\(block) {\n\(line)\n}\n" + instance("")
        }
    }
}
