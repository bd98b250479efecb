import Testing

/// Documents name what exists, and all of it where they give a list.
@Suite struct NamesInDocumentsTests {
    private static let sources = SourceTree.files(under: "Sources").compactMap(SourceTree.read)

    /// Words that are neither of the file format nor of the code: what stands for itself in the sources.
    private static func stands(_ symbol: String, in texts: [String]) -> Bool {
        let name =
            symbol.split(separator: "(")[0].split(separator: ".").last.map(String.init) ?? symbol
        return texts.contains { $0.contains(name) }
    }

    @Test("the lexicon's column of code names what is in the sources")
    func lexicon() throws {
        let text = try #require(SourceTree.read("docs/lexicon.md"))
        var symbols = 0
        for row in text.split(separator: "\n") where row.hasPrefix("| ") {
            let columns = row.split(separator: "|", omittingEmptySubsequences: false)
            guard columns.count > 4 else { continue }
            for symbol in Self.quoted(columns[3]) {
                symbols += 1
                #expect(Self.stands(symbol, in: Self.sources), "\(symbol) is not in Sources")
            }
        }
        #expect(symbols > 25)
    }

    @Test("the threat model names what is in the sources and the tests")
    func threatModel() throws {
        let text = try #require(SourceTree.read("docs/threat-model.md"))
        let tests = SourceTree.files(under: "Tests").compactMap(SourceTree.read)
        // A type or a member of one; paths and keywords of a file are something else.
        let symbols = Self.quoted(text[...]).filter { symbol in
            symbol.first?.isUppercase ?? false && !symbol.contains("/") && !symbol.contains(" ")
                && symbol.contains { $0.isLowercase }
        }
        #expect(symbols.count >= 5)
        for symbol in symbols {
            #expect(Self.stands(symbol, in: Self.sources + tests), "\(symbol) does not exist")
        }
    }

    @Test(
        "docs/testing.md lists every defect, mutation and exemption of the simulation",
        arguments: [
            ("Segment/SegmentDefect.swift", "SegmentDefect"), ("Mutation.swift", "Mutation"),
            ("Segment/SegmentExemption.swift", "SegmentExemption"),
        ]
    )
    func simulation(file: String, type: String) throws {
        let document = try #require(SourceTree.read("docs/testing.md"))
        let lines = SourceTree.lines(of: "Sources/SimulationKit/" + file).map(\.text)
        let begin = try #require(lines.firstIndex { $0.contains("enum \(type)") })
        let cases = lines[begin...].prefix { !$0.hasPrefix("}") }
            .filter { $0.hasPrefix("    case ") && !$0.contains(".") }
            .map { $0.dropFirst(9) }
        #expect(cases.count > 5)
        for name in cases { #expect(document.contains("| `\(name)`"), "\(type).\(name)") }
    }

    private static func quoted(_ text: Substring) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated()
            .filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
}

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
