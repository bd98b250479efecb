import Primitives

/// Words, and the block that follows them if one does.
struct Statement: Equatable {
    var words: [Word]
    var children: [Statement]?
    var location: SourceLocation

    var keyword: String { words.first?.text ?? "" }
}

/// The second pass: lines into a tree of statements and blocks.
struct StatementReader {
    private struct Block {
        var header: Statement
        var children: [Statement] = []
    }

    private var stack: [Block] = []
    private var finished: [Statement] = []
    private var count = 0
    var report: Report

    private init(report: Report) {
        self.report = report
    }

    static func statements(
        of lines: [LogicalLine],
        report: inout Report
    ) -> [Statement] {
        var reader = StatementReader(report: report)
        for line in lines { reader.read(line) }
        reader.closeAll()
        report = reader.report
        return reader.finished
    }

    private mutating func read(_ line: LogicalLine) {
        let lexer = Lexer(line: line.bytes)
        for remark in lexer.remarks {
            switch remark {
            case .unterminatedQuote:
                report.error(
                    line.location,
                    "a quote is never closed",
                    mend: "add the closing quote"
                )
                return
            case .typographicQuote:
                report.warning(
                    line.location,
                    "typographic quotation marks are read as plain ones",
                    mend: "write \"…\": keepalived takes them as part of the word"
                )
            }
        }
        var words: [Word] = []
        for token in lexer.tokens {
            switch token {
            case .word(let word):
                words.append(word)
            case .open:
                add(&words, at: line.location)
                open(at: line.location)
            case .close:
                add(&words, at: line.location)
                close(at: line.location)
            }
        }
        add(&words, at: line.location)
    }

    private mutating func add(_ words: inout [Word], at location: SourceLocation) {
        dropSlashes(&words, at: location)
        guard !words.isEmpty else { return }
        let statement = Statement(words: words, children: nil, location: location)
        words = []
        count += 1
        guard count <= Limits.statements else {
            if count == Limits.statements + 1 {
                report.error(location, "more than \(Limits.statements) statements")
            }
            return
        }
        append(statement)
    }

    /// People write `//` for a comment. To keepalived it is a word too many, which it ignores.
    private mutating func dropSlashes(_ words: inout [Word], at location: SourceLocation) {
        let isCommand =
            words.first.map { word in
                word.text == "script" || word.text.hasPrefix("notify")
            } ?? false
        guard !isCommand,
            let start = words.firstIndex(where: { !$0.isQuoted && $0.text.hasPrefix("//") })
        else { return }
        report.warning(
            location,
            "'//' begins no comment; what follows it is ignored",
            mend: "write '#'"
        )
        words.removeSubrange(start...)
    }

    private mutating func append(_ statement: Statement) {
        if stack.isEmpty {
            finished.append(statement)
        } else {
            stack[stack.count - 1].children.append(statement)
        }
    }

    private mutating func open(at location: SourceLocation) {
        let header = stack.isEmpty ? finished.popLast() : stack[stack.count - 1].children.popLast()
        guard var header, header.children == nil else {
            if let header { append(header) }
            report.error(location, "'{' without a keyword before it", mend: "name the block")
            stack.append(Block(header: Statement(words: [], children: nil, location: location)))
            return
        }
        if stack.count == Limits.blockDepth {
            report.error(location, "blocks are nested deeper than \(Limits.blockDepth)")
        }
        guard stack.count < 2 * Limits.blockDepth else { return }
        if !stack.isEmpty, Self.outermost.contains(header.keyword) {
            reportMissingBrace(before: header)
        }
        header.children = []
        stack.append(Block(header: header))
    }

    private mutating func close(at location: SourceLocation) {
        guard let block = stack.popLast() else {
            // All blocks above it are whole, so nothing is lost; keepalived goes on as well.
            report.warning(location, "'}' without a '{' before it", mend: "remove it")
            return
        }
        guard !block.header.words.isEmpty else { return }
        var statement = block.header
        statement.children = block.children
        append(statement)
    }

    /// Blocks that stand in no other block.
    private static let outermost: Set<String> = [
        "global_defs", "tandem", "virtual_server", "virtual_server_group", "vrrp_instance",
        "vrrp_script", "vrrp_sync_group", "vrrp_track_process", "vrrp_track_file",
        "interface_up_down_delays", "garp_group", "bfd_instance",
    ]

    private mutating func reportMissingBrace(before header: Statement) {
        guard let block = stack.last else { return }
        report.error(
            header.location,
            "'\(header.keyword)' inside the block '\(block.header.keyword)' of line "
                + "\(block.header.location.line), which is never closed",
            mend: "add the missing '}' above this line"
        )
        while !stack.isEmpty { close(at: header.location) }
    }

    private mutating func closeAll() {
        guard let block = stack.first else { return }
        report.error(
            block.header.location,
            "the block '\(block.header.keyword)' is never closed",
            mend: "add the missing '}'"
        )
        while !stack.isEmpty { close(at: block.header.location) }
    }
}
