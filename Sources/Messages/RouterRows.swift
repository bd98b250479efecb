import Primitives

/// More about one virtual router than `RouterDetail` has fields for, in words: what its lists had no room for, and how
/// its agent fares. As many of these follow a detail as it takes.
package struct RouterRows: Equatable, Sendable {
    package struct Row: Equatable, Sendable {
        /// As `tandemctl vrrp` names the line.
        package var name: String
        package var text: String

        package init(_ name: String, _ text: String) {
            self.name = name
            self.text = text
        }
    }

    package var router: String
    package var rows: [Row]

    package static let rowLimit = 16
    package static let nameLimit = 24
    package static let textLimit = 200

    package init(router: String, rows: [Row]) {
        self.router = router
        self.rows = rows
    }

    /// As many messages as it takes; none for no rows.
    package static func pages(of rows: [Row], router: String) -> [RouterRows] {
        stride(from: 0, to: rows.count, by: rowLimit).map { begin in
            RouterRows(
                router: router,
                rows: Array(rows[begin..<min(begin + rowLimit, rows.count)])
            )
        }
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(router, limit: 64)
        writer.list(rows, limit: Self.rowLimit) { writer, row in
            writer.text(row.name, limit: Self.nameLimit)
            writer.text(row.text, limit: Self.textLimit)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        router = try reader.text()
        rows = try reader.list(limit: Self.rowLimit) { (reader) throws(DecodeError) in
            Row(try reader.text(), try reader.text())
        }
    }
}
