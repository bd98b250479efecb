/// One word of a line, its quotes taken off.
struct Word: Equatable {
    /// As they stand in the file: a password need not be UTF-8.
    var bytes: [UInt8]
    var text: String
    var isQuoted = false

    init(_ bytes: [UInt8], isQuoted: Bool = false) {
        self.bytes = bytes
        text = String(decoding: bytes, as: UTF8.self)
        self.isQuoted = isQuoted
    }
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

    /// How words are quoted, which in keepalived depends on the keyword in front of them.
    private enum Style {
        /// Double quotes around a word; apostrophes and backslashes are part of it.
        case plain
        /// The same, and every other byte stands for itself: it goes to the wire.
        case password
        /// Double quotes, apostrophes and escapes anywhere in a word.
        case command
    }

    private(set) var tokens: [Token] = []
    private(set) var remarks: [Remark] = []

    private let bytes: [UInt8]
    private let bracesAreTokens: Bool
    private var style: Style
    private var index = 0

    /// Reads one line; braces split words wherever they stand outside quotes.
    init(line bytes: [UInt8]) {
        self.init(bytes, bracesAreTokens: true, style: .plain)
    }

    private init(_ bytes: [UInt8], bracesAreTokens: Bool, style: Style) {
        self.bytes = bytes
        self.bracesAreTokens = bracesAreTokens
        self.style = style
        while skipSpace() { readToken() }
    }

    /// Splits the text of a command into a program and its arguments, as keepalived does without a shell.
    static func words(of command: String) -> [Word] {
        let lexer = Lexer(Array(command.utf8), bracesAreTokens: false, style: .command)
        return lexer.tokens.compactMap { token in
            if case .word(let word) = token { word } else { nil }
        }
    }

    static func arguments(of command: String) -> [String] {
        words(of: command).map(\.text)
    }

    /// Whether a keyword is followed by a command.
    private static func takesCommand(_ keyword: String) -> Bool {
        keyword == "script" || keyword.hasSuffix("_fifo_script")
            || keyword.hasPrefix("notify") && keyword != "notify_fifo"
    }

    /// False at the end.
    private mutating func skipSpace() -> Bool {
        while index < bytes.count {
            guard let space = space(at: index) else { return true }
            index += space
        }
        return false
    }

    /// The length of the space here; nil: there is none.
    private func space(at index: Int) -> Int? {
        if Byte.isSpace(bytes[index]) { return 1 }
        return style != .password && starts(with: Self.unbreakableSpace) ? 2 : nil
    }

    private func starts(with sequence: [UInt8]) -> Bool {
        bytes[index] == sequence[0] && bytes[index...].starts(with: sequence)
    }

    private mutating func readToken() {
        if bracesAreTokens, Byte.isBrace(bytes[index]) {
            tokens.append(bytes[index] == Byte.openBrace ? .open : .close)
            index += 1
            style = .plain
            return
        }
        let word = style == .command ? commandWord() : plainWord()
        tokens.append(.word(word))
        guard bracesAreTokens, style != .command, !word.isQuoted else { return }
        if word.text == "auth_pass" {
            style = .password
        } else if Self.takesCommand(word.text) {
            style = .command
        }
    }

    /// A quote begins a word of its own, wherever it stands.
    private mutating func plainWord() -> Word {
        var word: [UInt8] = []
        if let closing = openingQuote(in: .plain) {
            while index < bytes.count {
                if let closing = closing.first(where: starts(with:)) {
                    index += closing.count
                    return Word(word, isQuoted: true)
                }
                word.append(bytes[index])
                index += 1
            }
            remarks.append(.unterminatedQuote)
            return Word(word, isQuoted: true)
        }
        while index < bytes.count, space(at: index) == nil, !isBrace, !isQuote {
            word.append(bytes[index])
            index += 1
        }
        return Word(word)
    }

    private mutating func commandWord() -> Word {
        var word: [UInt8] = []
        var quoted = false
        while index < bytes.count, space(at: index) == nil, !isBrace {
            if let closing = openingQuote(in: .command) {
                quoted = true
                readQuoted(until: closing, into: &word)
            } else if bytes[index] == Byte.backslash, index + 1 < bytes.count {
                readEscape(into: &word)
            } else {
                word.append(bytes[index])
                index += 1
            }
        }
        return Word(word, isQuoted: quoted)
    }

    private var isBrace: Bool { bracesAreTokens && Byte.isBrace(bytes[index]) }

    private var isQuote: Bool {
        bytes[index] == Byte.quote
            || style != .password && Self.typographic.contains(where: starts(with:))
    }

    private static let unbreakableSpace: [UInt8] = [0xC2, 0xA0]
    private static let typographic: [[UInt8]] = [[0xE2, 0x80, 0x9C], [0xE2, 0x80, 0x9D]]

    /// Steps over an opening quote and tells what may close it.
    private mutating func openingQuote(in style: Style) -> [[UInt8]]? {
        if bytes[index] == Byte.quote {
            index += 1
            return [[Byte.quote]]
        }
        if style == .command, bytes[index] == Byte.apostrophe {
            index += 1
            return [[Byte.apostrophe]]
        }
        if self.style != .password, Self.typographic.contains(where: starts(with:)) {
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

    /// keepalived's escapes: `\xHH`, `\cX`, `\OOO`, and the letters of C; any other byte stands for itself.
    private mutating func readEscape(into word: inout [UInt8]) {
        index += 1
        let byte = bytes[index]
        let following = index + 1 < bytes.count ? bytes[index + 1] : nil
        if byte == UInt8(ascii: "x"), let following, Self.digit(following) != nil {
            index += 1
            append(number(base: 16, digits: 2), to: &word)
        } else if byte == UInt8(ascii: "c"), let following {
            append(following & 0x1F, to: &word)
            index += 2
        } else if Self.octal.contains(byte) {
            append(number(base: 8, digits: 3), to: &word)
        } else {
            word.append(Self.letters[byte] ?? byte)
            index += 1
        }
    }

    private static let octal = UInt8(ascii: "0")...UInt8(ascii: "7")
    private static let letters: [UInt8: UInt8] = [
        UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "t"): 9, UInt8(ascii: "n"): 10,
        UInt8(ascii: "v"): 11, UInt8(ascii: "f"): 12, UInt8(ascii: "r"): 13, UInt8(ascii: "E"): 27,
    ]

    private mutating func number(base: UInt8, digits: Int) -> UInt8 {
        var value: UInt8 = 0
        for _ in 0..<digits {
            guard index < bytes.count, let digit = Self.digit(bytes[index]), digit < base else {
                break
            }
            value = value &* base &+ digit
            index += 1
        }
        return value
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte - 48
        case 65...70: byte - 55
        case 97...102: byte - 87
        default: nil
        }
    }

    /// An argument ends at a byte of 0, so none holds one.
    private func append(_ byte: UInt8, to word: inout [UInt8]) {
        if byte != 0 { word.append(byte) }
    }
}
