import Glibc
import Testing

@testable import HAProxySyntax

/// The tables of the parser are the tables of the document, and what they call done is done.
@Suite struct KeywordDocumentationTests {
    private static let document = "../../docs/keywords-haproxy.md"
    private static let marker = "<!-- tables -->\n"

    private static let tables: [(title: String, table: KeywordTable)] = [
        ("Sections", Keywords.sections), ("global", Keywords.global),
        ("defaults, frontend, backend, listen", Keywords.proxy),
        ("Options of bind", Keywords.bind), ("Options of server", Keywords.server),
        ("Criteria of acl", Keywords.criteria),
    ]

    private var generated: String {
        Self.tables.map { title, table in
            let rows = table.rows.map { row in
                "| `\(row.name)` | \(row.verdict.rawValue) | \(row.note) |\n"
            }
            return "\n## \(title)\n\n| keyword | | |\n|---|---|---|\n" + rows.joined()
        }.joined()
    }

    @Test("docs/keywords-haproxy.md shows every keyword and what becomes of it")
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
        for (title, table) in Self.tables where title != "Sections" {
            for row in table.rows where row.verdict == .done || row.verdict == .replaced {
                let value = row.parameters > 0 ? " 1" : ""
                let text =
                    switch title {
                    case "global": "global\n\(row.name) 1 2\n" + listen("")
                    case "Options of bind": listen("bind :81 \(row.name)\(value)")
                    case "Criteria of acl": listen("acl x \(row.name)(0) 1")
                    case "Options of server": listen("server t 192.0.2.3:80 \(row.name)\(value)")
                    default: listen(row.name == "default-server" ? row.name : "\(row.name) 1")
                    }
                let unread = said(text).filter { $0.contains("unknown keyword") }
                #expect(unread == [])
            }
        }
        // The twin: a keyword that is not in the table is noticed.
        #expect(said(listen("maxcon 1")).contains { $0.contains("unknown keyword") })
    }
}
