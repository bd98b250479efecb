/// A reader of RFC 8259 that only says whether a text is JSON.
struct JSONCheck {
    private var rest: ArraySlice<UInt8>

    static func isValid(_ text: String) -> Bool {
        var check = JSONCheck(rest: Array(text.utf8)[...])
        return check.value() && check.peek() == nil
    }

    /// The next byte that is no white space.
    private mutating func peek() -> UInt8? {
        rest = rest.drop { [32, 9, 10, 13].contains($0) }
        return rest.first
    }

    private mutating func take(_ character: Character) -> Bool {
        guard peek() == character.asciiValue else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func value() -> Bool {
        switch peek() {
        case UInt8(ascii: "{"):
            return list(open: "{", close: "}") { check in
                check.string() && check.take(":") && check.value()
            }
        case UInt8(ascii: "["): return list(open: "[", close: "]") { $0.value() }
        case UInt8(ascii: "\""): return string()
        case nil: return false
        default: return literal()
        }
    }

    private mutating func list(
        open: Character,
        close: Character,
        element: (inout JSONCheck) -> Bool
    ) -> Bool {
        guard take(open) else { return false }
        if take(close) { return true }
        repeat {
            guard element(&self) else { return false }
        } while take(",")
        return take(close)
    }

    private mutating func string() -> Bool {
        guard take("\"") else { return false }
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return true
            case UInt8(ascii: "\\"):
                guard rest.popFirst() != nil else { return false }
            case 0..<32: return false
            default: continue
            }
        }
        return false
    }

    private mutating func literal() -> Bool {
        let word = rest.prefix { byte in
            (48...57).contains(byte) || (97...122).contains(byte)
                || [43, 45, 46, 69].contains(byte)
        }
        rest = rest.dropFirst(word.count)
        let text = String(decoding: word, as: UTF8.self)
        return ["true", "false", "null"].contains(text) || Double(text) != nil
    }
}
