import Testing

/// The document that is opened at 3 a.m. names what exists.
@Suite struct FailoverPathTests {
    @Test("Every file that the source of a failover names has every symbol and test that it names")
    func failoverPath() throws {
        let text = try #require(SourceTree.read("docs/failover-path.md"))
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| ") && $0.contains("`") }
        #expect(rows.count >= 9)
        for row in rows {
            // A path in backquotes, then symbols in backquotes: each must stand in one of the row's files.
            let quoted = row.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                .filter { $0.offset % 2 == 1 }.map { String($0.element) }
            let files = quoted.filter { $0.hasSuffix(".swift") }
            #expect(!files.isEmpty, "\(row)")
            let contents = files.map { path in
                let content = SourceTree.read(path)
                #expect(content != nil, "\(path) does not exist")
                return content ?? ""
            }
            for symbol in quoted where !symbol.hasSuffix(".swift") {
                // `Type.method(_:at:)` stands as `method`; a sentence stands as it is.
                let isSentence = symbol.contains(" ")
                let name =
                    isSentence
                    ? symbol
                    : String(
                        symbol.split(separator: "(")[0].split(separator: ".").last
                            ?? Substring(symbol)
                    )
                let stands = contents.contains { $0.contains(name) }
                #expect(stands, "\(symbol) is not in \(files)")
            }
        }
    }
}
