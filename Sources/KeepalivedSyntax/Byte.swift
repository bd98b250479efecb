/// The ASCII that the syntax is made of.
enum Byte {
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let quote = UInt8(ascii: "\"")
    static let apostrophe = UInt8(ascii: "'")
    static let backslash = UInt8(ascii: "\\")
    static let hash = UInt8(ascii: "#")
    static let bang = UInt8(ascii: "!")
    static let dollar = UInt8(ascii: "$")
    static let equals = UInt8(ascii: "=")
    static let tilde = UInt8(ascii: "~")
    static let at = UInt8(ascii: "@")
    static let caret = UInt8(ascii: "^")
    static let dot = UInt8(ascii: ".")
    static let openBrace = UInt8(ascii: "{")
    static let closeBrace = UInt8(ascii: "}")

    static func isSpace(_ byte: UInt8) -> Bool {
        byte == space || (9...13).contains(byte)
    }

    static func isBrace(_ byte: UInt8) -> Bool {
        byte == openBrace || byte == closeBrace
    }

    static func isNameStart(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || (65...90).contains(byte) || (97...122).contains(byte)
    }

    static func isNamePart(_ byte: UInt8) -> Bool {
        isNameStart(byte) || (48...57).contains(byte)
    }

    static func trimmed(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        let front = bytes.drop(while: isSpace)
        guard let last = front.lastIndex(where: { !isSpace($0) }) else { return [] }
        return Array(front[...last])
    }
}
