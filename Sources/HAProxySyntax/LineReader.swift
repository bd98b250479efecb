import Primitives

/// The words of one line, quotes and escapes done with (configuration manual §2.2).
struct ConfigurationLine: Equatable {
    var words: [String]
    var location: SourceLocation
}

/// The first pass over a haproxy.cfg: bytes into words.
struct LineReader {
    private let environment: HAProxyParsingEnvironment
    /// `setenv` and `unsetenv` of the file itself; nil: unset.
    var overrides: [String: String?] = [:]
    var report: Report

    init(environment: HAProxyParsingEnvironment, report: Report) {
        self.environment = environment
        self.report = report
    }

    /// The lines that have words and hold, in order.
    mutating func lines(of source: SourceText) -> [ConfigurationLine] {
        guard source.bytes.count <= Limits.bytes else {
            report.error(
                SourceLocation(file: source.path, line: 1),
                "the file is larger than 1 MiB",
                mend: "make it smaller"
            )
            return []
        }
        var bytes = source.bytes[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        var lines: [ConfigurationLine] = []
        var number = 0
        var directives = DirectiveReader()
        for physical in bytes.split(
            separator: UInt8(ascii: "\n"),
            omittingEmptySubsequences: false
        ) {
            number += 1
            let location = SourceLocation(file: source.path, line: number)
            guard number <= Limits.lines else {
                report.error(location, "more than \(Limits.lines) lines", mend: "split the file")
                break
            }
            guard physical.count <= Limits.lineBytes else {
                report.error(location, "the line is longer than 16 KiB", mend: "split it")
                continue
            }
            // In a branch that does not hold, only its end is of interest.
            guard directives.reads || Self.isDirective(physical) else { continue }
            guard let words = words(of: physical, at: location), !words.isEmpty else { continue }
            let line = ConfigurationLine(words: words, location: location)
            if words[0].hasPrefix(".") {
                let (overrides, environment) = (overrides, environment)
                directives.read(line, &report) { name in
                    if let override = overrides[name] { return override }
                    return environment.environmentVariable(name)
                }
            } else {
                apply(words)
                lines.append(line)
            }
        }
        directives.finish(&report)
        return lines
    }

    private static func isDirective(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") } == UInt8(ascii: ".")
    }

    /// `setenv`, `presetenv` and `unsetenv` hold from their line on.
    private mutating func apply(_ words: [String]) {
        switch (words[0], words.count) {
        case ("setenv", 3...):
            overrides[words[1]] = .some(words[2])
        case ("presetenv", 3...):
            if variable(words[1]) == nil { overrides[words[1]] = .some(words[2]) }
        case ("unsetenv", 2...):
            for name in words.dropFirst() { overrides[name] = .some(nil) }
        default: break
        }
    }

    private func variable(_ name: String) -> String? {
        if let override = overrides[name] { return override }
        return environment.environmentVariable(name)
    }

    // MARK: Words

    /// Nil after an error.
    private mutating func words(
        of bytes: ArraySlice<UInt8>,
        at location: SourceLocation
    ) -> [String]? {
        var scanner = WordScanner(bytes)
        while scanner.next() {
            guard scanner.words.count <= Limits.wordsPerLine else {
                report.error(
                    location,
                    "more than \(Limits.wordsPerLine) words on a line",
                    mend: "split it"
                )
                return nil
            }
            if let name = scanner.reference {
                let value = variable(name.name)
                if value == nil, name.fallback == nil {
                    report.warning(
                        location,
                        "the environment has no variable '\(name.name)': it is empty here",
                        mend: "set it, or write \"${\(name.name)-DEFAULT}\""
                    )
                }
                scanner.append(Array((value ?? name.fallback ?? "").utf8.prefix(4096)))
            }
        }
        if scanner.hasBadNumber {
            report.error(
                location,
                "'\\x' needs two hexadecimal digits",
                mend: "write '\\\\x' for a backslash and an x"
            )
            return nil
        }
        if scanner.quoteIsOpen {
            report.error(location, "a quote is never closed", mend: "add the closing quote")
            return nil
        }
        return scanner.words.map { String(decoding: $0, as: UTF8.self) }
    }
}

/// Steps through one line; stops where the value of a variable is needed.
private struct WordScanner {
    struct Reference {
        var name: String
        var fallback: String?
    }

    private enum Quote {
        case none
        case single
        case double
    }

    private(set) var words: [[UInt8]] = []
    /// The variable that the last step stopped at.
    private(set) var reference: Reference?

    private let bytes: ArraySlice<UInt8>
    private var index: Int
    private var quote = Quote.none
    private var inWord = false
    /// `\x` without its digits.
    private(set) var hasBadNumber = false

    var quoteIsOpen: Bool { quote != .none }

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    /// Adds to the word that is being read.
    mutating func append(_ more: [UInt8]) {
        if !inWord {
            words.append([])
            inWord = true
        }
        words[words.count - 1] += more
    }

    /// False at the end of the line.
    mutating func next() -> Bool {
        reference = nil
        while index < bytes.endIndex {
            let byte = bytes[index]
            let count = words.count
            step(byte)
            if reference != nil || words.count > count { return true }
        }
        return false
    }

    private mutating func step(_ byte: UInt8) {
        switch (byte, quote) {
        case (UInt8(ascii: "#"), .none):
            index = bytes.endIndex
        case (UInt8(ascii: " "), .none), (9...13, .none), (0, .none):
            inWord = false
            index += 1
        case (UInt8(ascii: "\""), .none), (UInt8(ascii: "\""), .double):
            append([])
            quote = quote == .none ? .double : .none
            index += 1
        case (UInt8(ascii: "'"), .none), (UInt8(ascii: "'"), .single):
            append([])
            quote = quote == .none ? .single : .none
            index += 1
        case (UInt8(ascii: "\\"), .none), (UInt8(ascii: "\\"), .double):
            escape()
        case (UInt8(ascii: "$"), .double):
            variable()
        case (13, _) where index == bytes.endIndex - 1:
            index += 1
        default:
            append([byte])
            index += 1
        }
    }

    private mutating func escape() {
        guard index + 1 < bytes.endIndex else {
            append([bytes[index]])
            index += 1
            return
        }
        let next = bytes[index + 1]
        index += 2
        switch next {
        case UInt8(ascii: "n"): append([10])
        case UInt8(ascii: "r"): append([13])
        case UInt8(ascii: "t"): append([9])
        case UInt8(ascii: "x"):
            let digits = String(decoding: bytes[index...].prefix(2), as: UTF8.self)
            if digits.utf8.count == 2, let value = UInt8(digits, radix: 16) {
                append([value])
                index += 2
            } else {
                hasBadNumber = true
            }
        case UInt8(ascii: " "), UInt8(ascii: "#"), UInt8(ascii: "\\"), UInt8(ascii: "'"),
            UInt8(ascii: "\""):
            append([next])
        // Only where a variable could stand.
        case UInt8(ascii: "$") where quote == .double: append([next])
        default:
            append([UInt8(ascii: "\\"), next])
        }
    }

    /// `$NAME`, `${NAME}` and `${NAME-DEFAULT}`.
    private mutating func variable() {
        var end = index + 1
        let braced = end < bytes.endIndex && bytes[end] == UInt8(ascii: "{")
        if braced { end += 1 }
        let start = end
        while end < bytes.endIndex, isNamePart(bytes[end]) { end += 1 }
        guard end > start else {
            append([bytes[index]])
            index += 1
            return
        }
        var found = Reference(
            name: String(decoding: bytes[start..<end], as: UTF8.self),
            fallback: nil
        )
        if braced {
            guard let close = bytes[end...].firstIndex(of: UInt8(ascii: "}")) else {
                append([bytes[index]])
                index += 1
                return
            }
            if bytes[end] == UInt8(ascii: "-") {
                found.fallback = String(decoding: bytes[(end + 1)..<close], as: UTF8.self)
            }
            end = close + 1
        }
        append([])
        reference = found
        index = end
    }

    private func isNamePart(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (48...57).contains(byte) || (65...90).contains(byte)
            || (97...122).contains(byte)
    }
}
