extension String {
    /// At most so many bytes of UTF-8, without half a character; what was cut ends in `…`.
    func clamped(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        let mark = "…"
        var kept = ""
        var size = mark.utf8.count
        for scalar in unicodeScalars {
            size += UTF8.width(scalar)
            guard size <= limit else { break }
            kept.unicodeScalars.append(scalar)
        }
        return kept + mark
    }

    /// Control characters as `\x1b`, so that nothing from outside moves a terminal's cursor. Line ends and
    /// tabs stay.
    var withoutControls: String {
        guard unicodeScalars.contains(where: \.isHarmful) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if scalar.isHarmful {
                let digits = String(scalar.value, radix: 16)
                text += "\\x" + String(repeating: "0", count: max(0, 2 - digits.count)) + digits
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}

extension Unicode.Scalar {
    /// C0 and C1 without line end and tab, and DEL.
    fileprivate var isHarmful: Bool {
        switch value {
        case 0x09, 0x0A: false
        case 0x00...0x1F, 0x7F...0x9F: true
        default: false
        }
    }
}
