import Primitives

/// Numbers as keepalived writes them.
enum Number {
    /// A decimal integer with an optional sign and nothing behind it.
    static func integer(_ text: String) -> Int? {
        guard text.utf8.count <= 12 else { return nil }
        return Int(text)
    }

    /// Seconds with an optional fraction, such as `1`, `.2` and `0.25`; nine digits before and behind the point.
    static func seconds(_ text: String) -> Duration? {
        var digits = text.utf8[...]
        let negative = digits.first == UInt8(ascii: "-")
        if negative || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        let whole = digits.prefix(while: isDigit)
        let fraction: Substring.UTF8View
        let rest = digits.dropFirst(whole.count)
        if rest.isEmpty {
            fraction = rest
        } else {
            guard rest.first == UInt8(ascii: ".") else { return nil }
            fraction = rest.dropFirst()
        }
        guard whole.count <= 9, fraction.count <= 9, whole.count + fraction.count > 0,
            fraction.allSatisfy(isDigit)
        else { return nil }
        var nanoseconds = value(whole) * 1_000_000_000
        var scale: Int64 = 100_000_000
        for digit in fraction {
            nanoseconds += Int64(digit - 48) * scale
            scale /= 10
        }
        return .nanoseconds(negative ? -nanoseconds : nanoseconds)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (48...57).contains(byte)
    }

    private static func value(_ digits: Substring.UTF8View) -> Int64 {
        digits.reduce(0) { $0 * 10 + Int64($1 - 48) }
    }
}

extension Duration {
    /// Seconds as an operator would write them: `1`, `0.25`.
    var secondsText: String {
        let total = nanoseconds
        let whole = total / 1_000_000_000
        let rest = (total % 1_000_000_000).magnitude
        guard rest != 0 else { return String(whole) }
        var fraction = String(rest)
        fraction = String(repeating: "0", count: 9 - fraction.count) + fraction
        while fraction.last == "0" { fraction.removeLast() }
        return "\(whole).\(fraction)"
    }
}

extension Interpreter {
    /// An integer of the range, or nil with a warning that says what is used in its place.
    mutating func integer(
        _ setting: Setting,
        in range: ClosedRange<Int>,
        otherwise substitute: String
    ) -> Int? {
        if let value = Number.integer(setting.value), range.contains(value) { return value }
        report.warning(
            setting.location,
            "'\(setting.keyword) \(setting.value)' is not a number of \(range.lowerBound) to "
                + "\(range.upperBound): \(substitute) is used",
            mend: "write a number of \(range.lowerBound) to \(range.upperBound)"
        )
        return nil
    }

    /// Seconds of the range, or nil with a warning that says what is used in its place.
    mutating func seconds(
        _ setting: Setting,
        in range: ClosedRange<Int>,
        otherwise substitute: String
    ) -> Duration? {
        if let value = Number.seconds(setting.value),
            value >= .seconds(range.lowerBound), value <= .seconds(range.upperBound)
        {
            return value
        }
        report.warning(
            setting.location,
            "'\(setting.keyword) \(setting.value)' is not a time of \(range.lowerBound) to "
                + "\(range.upperBound) seconds: \(substitute) is used",
            mend: "write a number of \(range.lowerBound) to \(range.upperBound)"
        )
        return nil
    }

    /// `[on|off|true|false|yes|no]`: without a word it is on.
    mutating func flag(_ setting: Setting) -> Bool {
        switch setting.value.lowercased() {
        case "", "on", "true", "yes": return true
        case "off", "false", "no": return false
        default:
            report.warning(
                setting.location,
                "'\(setting.keyword) \(setting.value)' is neither on nor off: on is used",
                mend: "write 'on' or 'off'"
            )
            return true
        }
    }

    /// `WEIGHT [reverse]`; nil with a warning where it is more than the kind of track allows. One that is held
    /// counts as the most that is allowed, for it comes to the same: no priority goes beyond 1 to 254.
    mutating func weight(
        _ words: ArraySlice<Word>,
        within limit: Int = 253,
        isHeld: Bool = false,
        at location: SourceLocation
    ) -> (weight: Int, reversed: Bool)? {
        guard let text = words.first?.text, let value = Number.integer(text) else {
            report.error(
                location,
                "'weight' needs a number, not '\(words.first?.text ?? "")'",
                mend: "write -\(limit) to \(limit)"
            )
            return nil
        }
        let held = min(max(value, -limit), limit)
        // keepalived takes 254 for 253 here.
        let counts = isHeld || value.magnitude <= 254
        if held != value {
            report.warning(
                location,
                "weight \(value) is outside of -\(limit) to \(limit)"
                    + (counts ? ": \(held) is used" : " and does not count, as in keepalived"),
                mend: "write -\(limit) to \(limit)"
            )
        }
        guard counts else { return nil }
        var reversed = false
        if let rest = words.dropFirst().first {
            reversed = rest.text == "reverse"
            let isKnown = reversed || rest.text == "noreverse" || rest.text == "no_reverse"
            if !isKnown || words.count > 2 {
                report.error(
                    location,
                    "'\(words.dropFirst(isKnown ? 2 : 1).first?.text ?? "")' after "
                        + "'weight \(text)'; expected 'reverse' or nothing"
                )
            }
        }
        return (held, reversed)
    }
}
