import Primitives

/// A line with its comment, its `@host` condition and its variables done with, and its continuations joined.
struct LogicalLine: Equatable {
    var bytes: [UInt8]
    var location: SourceLocation
}

/// The first pass over a keepalived.conf, line by line as keepalived reads it: comments, continuations,
/// `$NAME=value`, `@host` and `include`.
struct LineReader {
    private let environment: ParsingEnvironment
    private var variables: [[UInt8]: [UInt8]] = [:]
    private var bytesRead = 0
    private var filesRead = 0
    private var linesProcessed = 0
    private var bytesProcessed = 0
    private var isExhausted = false
    /// The file is the template of one.
    private(set) var isTemplate = false
    private(set) var lines: [LogicalLine] = []
    var report: Report

    init(environment: ParsingEnvironment, report: Report) {
        self.environment = environment
        self.report = report
    }

    mutating func read(_ source: SourceText, depth: Int = 0) {
        filesRead += 1
        bytesRead += source.bytes.count
        let start = SourceLocation(file: source.path, line: 1)
        guard bytesRead <= Limits.bytes else {
            report.error(start, "the configuration is larger than 1 MiB", mend: "make it smaller")
            return
        }
        var bytes = source.bytes[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        var pending: LogicalLine?
        var number = 0
        for physical in bytes.split(separator: Byte.newline, omittingEmptySubsequences: false) {
            number += 1
            let (content, continues, cutsWord) = Self.withoutComment(physical)
            if cutsWord {
                report.warning(
                    SourceLocation(file: source.path, line: number),
                    "the '!' or '#' in the middle of a word begins a comment, as in keepalived",
                    mend: "put a space before it, or the word into double quotes"
                )
            }
            var line =
                pending
                ?? LogicalLine(
                    bytes: [],
                    location: SourceLocation(file: source.path, line: number)
                )
            line.bytes += content
            pending = nil
            if continues, line.bytes.count < Limits.lineBytes {
                if Self.isDefinition(line.bytes) { line.bytes.append(Byte.newline) }
                pending = line
                continue
            }
            finish(line, depth: depth)
        }
        if let pending { finish(pending, depth: depth) }
    }

    /// `!` and `#` begin a comment anywhere outside double quotes, unless escaped.
    private static func withoutComment(
        _ physical: ArraySlice<UInt8>
    ) -> (content: [UInt8], continues: Bool, cutsWord: Bool) {
        var content: [UInt8] = []
        var quoted = false
        var index = physical.startIndex
        while index < physical.endIndex {
            let byte = physical[index]
            let next = index + 1 < physical.endIndex ? physical[index + 1] : nil
            switch byte {
            case Byte.quote:
                quoted.toggle()
                content.append(byte)
            case Byte.backslash:
                guard let next, next != Byte.carriageReturn else { return (content, true, false) }
                if !quoted, next == Byte.hash || next == Byte.bang {
                    content.append(next)
                } else {
                    content += [byte, next]
                }
                index += 1
            case Byte.hash, Byte.bang:
                if !quoted {
                    let cutsWord = content.last.map { !Byte.isSpace($0) && !Byte.isBrace($0) }
                    return (content, false, cutsWord ?? false)
                }
                content.append(byte)
            case Byte.carriageReturn, 0:
                content.append(Byte.space)
            default:
                content.append(byte)
            }
            index += 1
        }
        return (content, false, false)
    }

    /// `nesting` counts the variables that the line came out of.
    private mutating func finish(_ line: LogicalLine, depth: Int, nesting: Int = 0) {
        var line = line
        line.bytes = Byte.trimmed(line.bytes[...])
        guard line.bytes.count <= Limits.lineBytes else {
            report.error(line.location, "the line is longer than 64 KiB", mend: "split it")
            return
        }
        guard mayGoOn(line), applyHostCondition(&line), !line.bytes.isEmpty else { return }
        if Self.isDefinition(line.bytes) {
            define(line)
            return
        }
        switch expandOnce(&line) {
        case .failed: return
        case .unchanged: keep(line, depth: depth)
        case .changed:
            guard nesting < Limits.includeDepth else {
                report.error(
                    line.location,
                    "variables are nested deeper than \(Limits.includeDepth)",
                    mend: "does one stand for itself?"
                )
                return
            }
            // A variable may hold several lines, which may define and use others in turn.
            for part in line.bytes.split(separator: Byte.newline) {
                let part = LogicalLine(bytes: Array(part), location: line.location)
                finish(part, depth: depth, nesting: nesting + 1)
            }
        }
    }

    /// Variables of several lines multiply: the work is bounded, not only what is kept of it.
    private mutating func mayGoOn(_ line: LogicalLine) -> Bool {
        linesProcessed += 1
        bytesProcessed += line.bytes.count
        let most = 8 * Limits.bytes
        guard linesProcessed > 4 * Limits.statements || bytesProcessed > most else { return true }
        if !isExhausted {
            report.error(
                line.location,
                "the file's variables stand for more than \(4 * Limits.statements) lines or 8 MiB",
                mend: "write less of it by variables"
            )
        }
        isExhausted = true
        return false
    }

    private mutating func keep(_ line: LogicalLine, depth: Int) {
        if Self.firstWord(line.bytes).map(Self.includeKeywords.contains) == true {
            include(line, depth: depth)
            return
        }
        guard !isTemplate else { return }
        if let mark = Self.templateMark(in: line.bytes) {
            isTemplate = true
            report.error(
                line.location,
                "'\(mark)' belongs to a template: this file was never filled in",
                mend: "let the tool that it was written for make a file of it"
            )
            return
        }
        guard lines.count < Limits.statements else {
            if lines.count == Limits.statements {
                report.error(
                    line.location,
                    "more than \(Limits.statements) lines",
                    mend: "split the file"
                )
                lines.append(line)
            }
            return
        }
        lines.append(line)
    }

    /// Jinja's and Go's brackets, which a keepalived.conf has in quoted commands at most.
    private static func templateMark(in bytes: [UInt8]) -> String? {
        for (first, second) in zip(bytes, bytes.dropFirst()) {
            if first == Byte.quote || first == Byte.apostrophe { return nil }
            guard first == Byte.openBrace else { continue }
            if second == Byte.openBrace { return "{{" }
            if second == UInt8(ascii: "%") { return "{%" }
        }
        return nil
    }

    // MARK: @host

    /// `@NAME line` counts on that host only, `@^NAME line` everywhere else.
    private func applyHostCondition(_ line: inout LogicalLine) -> Bool {
        guard line.bytes.first == Byte.at else { return true }
        let word = line.bytes.prefix { !Byte.isSpace($0) }
        var name = word.dropFirst()
        let negated = name.first == Byte.caret
        if negated { name = name.dropFirst() }
        let host = Array(environment.hostname.utf8)
        let short = host.prefix { $0 != Byte.dot }
        let matches = name.elementsEqual(host) || name.elementsEqual(short)
        guard matches != negated else { return false }
        line.bytes = Byte.trimmed(line.bytes.dropFirst(word.count))
        return true
    }

    // MARK: $NAME=value

    private static func isDefinition(_ bytes: [UInt8]) -> Bool {
        let trimmed = bytes.drop(while: Byte.isSpace)
        guard trimmed.first == Byte.dollar else { return false }
        let rest = trimmed.dropFirst().drop(while: Byte.isNamePart)
        guard rest.startIndex > trimmed.startIndex + 1 else { return false }
        return rest.drop(while: Byte.isSpace).first == Byte.equals
    }

    private mutating func define(_ line: LogicalLine) {
        let name = line.bytes.dropFirst().prefix(while: Byte.isNamePart)
        guard let equals = line.bytes.firstIndex(of: Byte.equals) else { return }
        guard variables.count < 4096 else {
            report.error(line.location, "more than 4096 definitions")
            return
        }
        variables[Array(name)] = Byte.trimmed(line.bytes[(equals + 1)...])
    }

    private enum Expansion {
        case unchanged
        case changed
        case failed
    }

    /// Replaces `$NAME`, `${NAME}` and keepalived's `${_ENV NAME}`; what they stand for is for the next turn.
    private mutating func expandOnce(_ line: inout LogicalLine) -> Expansion {
        if let keyword = Self.refusedExpansion(in: line.bytes) {
            report.error(
                line.location,
                "'\(keyword)' is not done by this version",
                mend: "write the lines out"
            )
            return .failed
        }
        let bytes = line.bytes
        let isText = Self.firstWord(bytes).map(Self.holdsText) ?? false
        guard bytes.contains(Byte.dollar) else { return .unchanged }
        var result: [UInt8] = []
        var expansion = Expansion.unchanged
        var index = 0
        while index < bytes.count {
            guard bytes[index] == Byte.dollar,
                let reference = Self.reference(in: bytes, at: index)
            else {
                result.append(bytes[index])
                index += 1
                continue
            }
            guard let value = value(of: reference.name, at: line.location, isText: isText) else {
                return .failed
            }
            if case .literal = value {
                result += bytes[index..<reference.end]
                index = reference.end
                continue
            }
            guard case .bytes(let replacement) = value else { continue }
            result += replacement
            expansion = .changed
            index = reference.end
            guard result.count <= Limits.lineBytes else {
                report.error(line.location, "the line is longer than 64 KiB with its variables")
                return .failed
            }
        }
        line.bytes = result
        return expansion
    }

    private static func refusedExpansion(in bytes: [UInt8]) -> String? {
        guard bytes.contains(Byte.tilde) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        return ["~SEQ", "~SEQx", "~LST"].first { text.contains($0 + "(") }
    }

    private static func reference(in bytes: [UInt8], at dollar: Int) -> (name: [UInt8], end: Int)? {
        let start = dollar + 1
        guard start < bytes.count else { return nil }
        if bytes[start] == Byte.openBrace {
            guard let close = bytes[start...].firstIndex(of: Byte.closeBrace) else { return nil }
            return (Array(bytes[(start + 1)..<close]), close + 1)
        }
        guard Byte.isNameStart(bytes[start]) else { return nil }
        let name = bytes[start...].prefix(while: Byte.isNamePart)
        return (Array(name), name.endIndex)
    }

    private enum Value {
        case bytes([UInt8])
        /// Stays as it stands: a shell, or a password, has a use for it.
        case literal
    }

    /// Words in which a `$` that is no definition's is nothing unusual.
    private static func holdsText(_ keyword: String) -> Bool {
        keyword == "script" || keyword == "auth_pass" || keyword == "process"
            || keyword.hasPrefix("notify") || keyword.hasSuffix("_script")
    }

    private mutating func value(
        of name: [UInt8],
        at location: SourceLocation,
        isText: Bool
    ) -> Value? {
        if let value = variables[name] { return .bytes(value) }
        let text = String(decoding: name, as: UTF8.self)
        let words = text.split(separator: " ").map(String.init)
        switch words.first {
        case "_HASH": return .bytes([Byte.hash])
        case "_BANG": return .bytes([Byte.bang])
        case "_PWD": return .bytes(Array(Self.directory(of: location.file).utf8))
        case "_INSTANCE": return .bytes(Array(environment.hostname.utf8))
        case "_RANDOM":
            report.error(
                location,
                "'${_RANDOM}' is not done by this version",
                mend: "write a number: both nodes have to agree, and each reload would change it"
            )
            return nil
        case "_ENV":
            guard words.count == 2 else { break }
            if let value = environment.environmentVariable(words[1]) {
                return .bytes(Array(value.utf8))
            }
            report.error(
                location,
                "the environment has no variable '\(words[1])'",
                mend: "set it in the service's environment"
            )
            return nil
        default: break
        }
        if isText { return .literal }
        report.error(
            location,
            "'$\(text)' is not defined",
            mend: "put a line '$\(text)=VALUE' above the first use"
        )
        return nil
    }

    private static func directory(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }

    // MARK: include

    private static let includeKeywords: Set<String> = [
        "include", "includer", "includem", "includew", "includeb", "includea",
    ]

    private static func firstWord(_ bytes: [UInt8]) -> String? {
        let word = bytes.prefix { !Byte.isSpace($0) }
        return word.count <= 32 ? String(decoding: word, as: UTF8.self) : nil
    }

    private mutating func include(_ line: LogicalLine, depth: Int) {
        let argument = Byte.trimmed(line.bytes[...].drop { !Byte.isSpace($0) })
        let unquoted = argument.filter { $0 != Byte.quote }
        guard !unquoted.isEmpty else {
            report.error(
                line.location,
                "'include' needs a file",
                mend: "write 'include /path/of/file.conf'"
            )
            return
        }
        guard depth < Limits.includeDepth, filesRead < Limits.files else {
            report.error(
                line.location,
                "includes are nested deeper than \(Limits.includeDepth) files",
                mend: "does a file include itself?"
            )
            return
        }
        var pattern = String(decoding: unquoted, as: UTF8.self)
        if !pattern.hasPrefix("/"), let slash = line.location.file.lastIndex(of: "/") {
            pattern = line.location.file[...slash] + pattern
        }
        let keyword = Self.firstWord(line.bytes) ?? ""
        let files = environment.readFiles(pattern)
        if files.isEmpty {
            let message = "no file matches 'include \(pattern)'"
            let isStrict = ["includew", "includea"].contains(keyword)
            if !isStrict, pattern.contains(where: { "*?[".contains($0) }) {
                report.warning(line.location, message, mend: "is the path right?")
            } else {
                report.error(line.location, message, mend: "make the file readable, or remove it")
            }
        }
        for file in files {
            switch file {
            case .unreadable(let path, let reason):
                report.error(
                    line.location,
                    "'\(path)' can't be read: \(reason)",
                    mend: "make it readable, or move it out of the pattern's way"
                )
            case .read(let source):
                guard filesRead < Limits.files else {
                    report.error(
                        line.location,
                        "more than \(Limits.files - 1) files are included, from \(source.path) on",
                        mend: "put several into one"
                    )
                    return
                }
                read(source, depth: depth + 1)
            }
        }
    }
}
