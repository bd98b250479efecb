/// One word of a line, its quotes taken off.
struct Word: Equatable {
    var text: String
    var isQuoted = false
}

/// What a line is made of.
enum Token: Equatable {
    case word(Word)
    case open
    case close
}

/// Splits lines into words and braces.
struct Lexer {
    enum Remark: Equatable {
        case unterminatedQuote
        /// “ and ” are taken as the quotes that the writer meant.
        case typographicQuote
    }

    private(set) var tokens: [Token] = []
    private(set) var remarks: [Remark] = []

    private let bytes: [UInt8]
    private let bracesAreTokens: Bool
    private var index = 0

    /// Reads one line; braces split words wherever they stand outside quotes.
    init(line bytes: [UInt8]) {
        self.init(bytes, bracesAreTokens: true)
    }

    private init(_ bytes: [UInt8], bracesAreTokens: Bool) {
        self.bytes = bytes
        self.bracesAreTokens = bracesAreTokens
        while skipSpace() { readToken() }
    }

    /// Splits the text of a `script` into a program and its arguments, as keepalived does without a shell.
    static func arguments(of text: String) -> [String] {
        Lexer(Array(text.utf8), bracesAreTokens: false).tokens.compactMap { token in
            if case .word(let word) = token { word.text } else { nil }
        }
    }

    /// False at the end.
    private mutating func skipSpace() -> Bool {
        while index < bytes.count {
            if Byte.isSpace(bytes[index]) {
                index += 1
            } else if starts(with: Self.unbreakableSpace) {
                index += 2
            } else {
                return true
            }
        }
        return false
    }

    private func starts(with sequence: [UInt8]) -> Bool {
        bytes[index] == sequence[0] && bytes[index...].starts(with: sequence)
    }

    private mutating func readToken() {
        if bracesAreTokens, bytes[index] == Byte.openBrace || bytes[index] == Byte.closeBrace {
            tokens.append(bytes[index] == Byte.openBrace ? .open : .close)
            index += 1
            return
        }
        var word: [UInt8] = []
        var quoted = false
        while index < bytes.count {
            let byte = bytes[index]
            if Byte.isSpace(byte) || byte == 0xC2 && starts(with: Self.unbreakableSpace) { break }
            if bracesAreTokens, byte == Byte.openBrace || byte == Byte.closeBrace { break }
            if let closing = openingQuote(atWordStart: word.isEmpty && !quoted) {
                quoted = true
                readQuoted(until: closing, into: &word)
            } else if byte == Byte.backslash, index + 1 < bytes.count {
                readEscape(into: &word)
            } else {
                word.append(byte)
                index += 1
            }
        }
        tokens.append(.word(Word(text: String(decoding: word, as: UTF8.self), isQuoted: quoted)))
    }

    private static let unbreakableSpace: [UInt8] = [0xC2, 0xA0]
    private static let typographic: [[UInt8]] = [[0xE2, 0x80, 0x9C], [0xE2, 0x80, 0x9D]]

    /// Steps over an opening quote and tells what may close it.
    private mutating func openingQuote(atWordStart: Bool) -> [[UInt8]]? {
        if bytes[index] == Byte.quote {
            index += 1
            return [[Byte.quote]]
        }
        if atWordStart, bytes[index] == Byte.apostrophe {
            index += 1
            return [[Byte.apostrophe]]
        }
        if bytes[index] == 0xE2, Self.typographic.contains(where: starts(with:)) {
            index += 3
            remarks.append(.typographicQuote)
            return Self.typographic + [[Byte.quote]]
        }
        return nil
    }

    private mutating func readQuoted(until closings: [[UInt8]], into word: inout [UInt8]) {
        while index < bytes.count {
            if let closing = closings.first(where: starts(with:)) {
                index += closing.count
                return
            }
            if bytes[index] == Byte.backslash, index + 1 < bytes.count {
                readEscape(into: &word)
            } else {
                word.append(bytes[index])
                index += 1
            }
        }
        remarks.append(.unterminatedQuote)
    }

    /// Only what protects a delimiter is an escape; everything else stays as it stands.
    private mutating func readEscape(into word: inout [UInt8]) {
        let next = bytes[index + 1]
        let protects =
            next == Byte.backslash || next == Byte.quote || next == Byte.apostrophe
            || next == Byte.space || next == Byte.openBrace || next == Byte.closeBrace
        word += protects ? [next] : [Byte.backslash, next]
        index += 2
    }
}
