/// `-m str`, `beg`, `end`, `sub`, `dir`, `dom` and `bin` (HAProxy configuration manual §7.1).
package struct TextMatch: Equatable, Sendable {
    package enum Method: String, Sendable {
        case exact = "str"
        case beginning = "beg"
        case end
        case part = "sub"
        /// Whole parts between slashes.
        case directory = "dir"
        /// Whole parts between dots.
        case domain = "dom"
    }

    package let method: Method
    package let ignoresCase: Bool
    /// Sorted for `exact`, where lists may be long.
    private let values: [[UInt8]]

    package init(_ method: Method, ignoresCase: Bool, values: [[UInt8]]) {
        self.method = method
        self.ignoresCase = ignoresCase
        var values = ignoresCase ? values.map { $0.map(Self.lowered) } : values
        switch method {
        case .exact: values.sort { $0.lexicographicallyPrecedes($1) }
        case .directory: values = values.map { Self.trimmed($0, Self.isSlash) }
        case .domain: values = values.map { Self.trimmed($0, Self.isDot) }
        case .beginning, .end, .part: break
        }
        self.values = values
    }

    package func matches(_ text: Span<UInt8>) -> Bool {
        if method == .exact { return isListed(text) }
        for value in values where matches(text, value) { return true }
        return false
    }

    private func matches(_ text: Span<UInt8>, _ value: [UInt8]) -> Bool {
        let last = text.count - value.count
        guard last >= 0 else { return false }
        switch method {
        case .exact: return last == 0 && stands(value, in: text, at: 0)
        case .beginning: return stands(value, in: text, at: 0)
        case .end: return stands(value, in: text, at: last)
        case .part:
            for start in 0...last where stands(value, in: text, at: start) { return true }
            return false
        case .directory: return standsAlone(value, in: text, Self.isSlash)
        case .domain: return standsAlone(value, in: text, Self.isDot)
        }
    }

    private func standsAlone(
        _ value: [UInt8],
        in text: Span<UInt8>,
        _ isDelimiter: (UInt8) -> Bool
    ) -> Bool {
        guard !value.isEmpty else { return false }
        for start in 0...(text.count - value.count) where stands(value, in: text, at: start) {
            let end = start + value.count
            if start > 0, !isDelimiter(text[start - 1]) { continue }
            if end < text.count, !isDelimiter(text[end]) { continue }
            return true
        }
        return false
    }

    private func stands(_ value: [UInt8], in text: Span<UInt8>, at start: Int) -> Bool {
        for offset in value.indices where folded(text[start + offset]) != value[offset] {
            return false
        }
        return true
    }

    private func isListed(_ text: Span<UInt8>) -> Bool {
        var low = 0
        var high = values.count
        while low < high {
            let middle = (low + high) / 2
            let order = compare(values[middle], text)
            if order == 0 { return true }
            if order < 0 { low = middle + 1 } else { high = middle }
        }
        return false
    }

    private func compare(_ value: [UInt8], _ text: Span<UInt8>) -> Int {
        for index in 0..<min(value.count, text.count) {
            let difference = Int(value[index]) - Int(folded(text[index]))
            if difference != 0 { return difference }
        }
        return value.count - text.count
    }

    private func folded(_ byte: UInt8) -> UInt8 { ignoresCase ? Self.lowered(byte) : byte }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        (65...90).contains(byte) ? byte + 32 : byte
    }

    private static func isSlash(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?")
    }

    private static func isDot(_ byte: UInt8) -> Bool {
        isSlash(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
    }

    private static func trimmed(_ value: [UInt8], _ isDelimiter: (UInt8) -> Bool) -> [UInt8] {
        let start = value.firstIndex { !isDelimiter($0) } ?? value.endIndex
        let end = value.lastIndex { !isDelimiter($0) } ?? value.startIndex - 1
        return start <= end ? Array(value[start...end]) : []
    }
}
