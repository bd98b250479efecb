import Primitives

/// `.if`, `.elif`, `.else`, `.endif`, and the messages `.notice`, `.warning`, `.alert` and `.diag` (configuration
/// manual §2.4): which lines of a file hold.
struct DirectiveReader {
    private struct Block {
        var location: SourceLocation
        /// Its lines hold now.
        var holds: Bool
        /// No branch after this one holds.
        var isSettled: Bool
        var hasElse = false
    }

    private var blocks: [Block] = []
    /// HAProxy's own limit.
    private static let depth = 64

    /// Whether the lines that come now are read.
    var reads: Bool { blocks.allSatisfy(\.holds) }

    /// A line whose first word begins with a dot. `variable`: the value of one of the environment.
    mutating func read(
        _ line: ConfigurationLine,
        _ report: inout Report,
        variable: @escaping (String) -> String?
    ) {
        let name = line.words[0]
        let text = line.words.dropFirst().joined(separator: " ")
        switch name {
        case ".if":
            guard blocks.count < Self.depth else {
                report.error(line.location, "'.if' is nested too deep", mend: "use fewer levels")
                return
            }
            // Of a branch that does not hold, nothing is looked at.
            let holds = reads && evaluate(text, of: line, &report, variable)
            blocks.append(
                Block(location: line.location, holds: holds, isSettled: holds || !reads)
            )
        case ".elif", ".else":
            guard var block = blocks.popLast(), !block.hasElse else {
                report.error(line.location, "'\(name)' without '.if'", mend: "remove it")
                return
            }
            let holds =
                !block.isSettled
                && (name == ".else" || evaluate(text, of: line, &report, variable))
            block.holds = holds
            block.isSettled = block.isSettled || holds
            block.hasElse = name == ".else"
            blocks.append(block)
        case ".endif":
            if blocks.popLast() == nil {
                report.error(line.location, "'.endif' without '.if'", mend: "remove it")
            }
        case ".notice", ".warning", ".diag":
            if reads { report.warning(line.location, text) }
        case ".alert":
            if reads { report.error(line.location, text) }
        default:
            guard reads else { return }
            report.error(
                line.location,
                "unknown directive '\(name)'",
                mend: "expected .if, .elif, .else, .endif, .notice, .warning, .alert or .diag"
            )
        }
    }

    /// At the end of a file.
    mutating func finish(_ report: inout Report) {
        for block in blocks {
            report.error(block.location, "'.if' is never closed", mend: "add '.endif'")
        }
        blocks = []
    }

    private func evaluate(
        _ text: String,
        of line: ConfigurationLine,
        _ report: inout Report,
        _ variable: @escaping (String) -> String?
    ) -> Bool {
        var condition = DirectiveCondition(text, variable: variable)
        switch condition.value() {
        case .success(let value): return value
        case .failure(let mistake):
            report.error(
                line.location,
                "'\(line.words[0]) \(text)': \(mistake.description)",
                mend: "expected defined(), streq(), strneq(), feature(), version_atleast() or "
                    + "version_before(), with '!', '&&', '||' and brackets"
            )
            return false
        }
    }
}

/// What stands behind `.if`: numbers and predicates with `!`, `&&`, `||` and brackets.
struct DirectiveCondition {
    struct Mistake: Error, Equatable {
        var description: String
    }

    /// The HAProxy whose files these are.
    private static let version = [2, 6, 12]
    /// What HAProxy is built with, and what is done here as well.
    private static let features: Set<String> = [
        "EPOLL", "POLL", "THREAD", "LINUX_SPLICE", "LINUX_TPROXY", "TPROXY", "GETADDRINFO",
        "ACCEPT4", "PRCTL", "SYSTEMD", "NETFILTER",
    ]

    private var rest: Substring
    private let variable: (String) -> String?
    private var depth = 0

    init(_ text: String, variable: @escaping (String) -> String?) {
        rest = text[...]
        self.variable = variable
    }

    mutating func value() -> Result<Bool, Mistake> {
        do throws(Mistake) {
            skip()
            // Nothing is no.
            guard !rest.isEmpty else { return .success(false) }
            let value = try either()
            guard rest.isEmpty else {
                throw Mistake(description: "'\(rest.prefix(40))' is not expected")
            }
            return .success(value)
        } catch {
            return .failure(error)
        }
    }

    private mutating func skip() { rest = rest.drop { $0 == " " || $0 == "\t" } }

    private mutating func take(_ token: String) -> Bool {
        guard rest.hasPrefix(token) else { return false }
        rest = rest.dropFirst(token.count)
        skip()
        return true
    }

    private mutating func either() throws(Mistake) -> Bool {
        var value = try both()
        while take("||") {
            let other = try both()
            value = value || other
        }
        return value
    }

    private mutating func both() throws(Mistake) -> Bool {
        var value = try term()
        while take("&&") {
            let other = try term()
            value = value && other
        }
        return value
    }

    private mutating func term() throws(Mistake) -> Bool {
        depth += 1
        defer { depth -= 1 }
        guard depth < 64 else { throw Mistake(description: "it is nested too deep") }
        if take("!") { return try !term() }
        if take("(") {
            let value = try either()
            guard take(")") else { throw Mistake(description: "a bracket is never closed") }
            return value
        }
        let word = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" }
        rest = rest.dropFirst(word.count)
        if let number = Int(word) {
            skip()
            return number != 0
        }
        guard take("(") else { throw Mistake(description: "'\(word)' is not known") }
        guard let close = rest.firstIndex(of: ")") else {
            throw Mistake(description: "a bracket is never closed")
        }
        let arguments = rest[..<close].split(separator: ",", omittingEmptySubsequences: false)
            .map(String.init)
        rest = rest[rest.index(after: close)...]
        skip()
        return try predicate(String(word), arguments)
    }

    private func predicate(_ name: String, _ arguments: [String]) throws(Mistake) -> Bool {
        let count = name == "streq" || name == "strneq" ? 2 : 1
        guard arguments.count == count else {
            throw Mistake(description: "'\(name)' takes \(count == 1 ? "one argument" : "two")")
        }
        switch name {
        case "defined": return variable(arguments[0]) != nil
        case "streq": return arguments[0] == arguments[1]
        case "strneq": return arguments[0] != arguments[1]
        case "feature": return Self.features.contains(arguments[0])
        case "version_atleast": return try !isBefore(arguments[0])
        case "version_before": return try isBefore(arguments[0])
        default: throw Mistake(description: "'\(name)' is not known")
        }
    }

    /// `2.4-dev19` comes before `2.4`.
    private func isBefore(_ text: String) throws(Mistake) -> Bool {
        let parts = text.split(separator: "-", maxSplits: 1)
        let numbers = (parts.first ?? "").split(separator: ".").map { Int($0) }
        guard !numbers.isEmpty, numbers.count <= 3, !numbers.contains(nil) else {
            throw Mistake(description: "'\(text)' is not a version")
        }
        var other = numbers.compactMap(\.self)
        while other.count < 3 { other.append(0) }
        if other == Self.version { return false }
        return Self.version.lexicographicallyPrecedes(other)
    }
}
