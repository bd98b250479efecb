import Primitives
import Rules

/// The flags in front of a criterion's values (HAProxy configuration manual §7.1).
private struct PatternFlags {
    var ignoresCase = false
    var method: String?
    var files: [String] = []
}

extension Interpreter {
    /// `[-i] [-n] [-m METHOD] [-f FILE] [--] VALUE…`; nil after an error.
    mutating func pattern(
        _ words: ArraySlice<String>,
        for sample: Sample,
        folds: Bool,
        at location: SourceLocation
    ) -> Pattern? {
        var words = words
        guard var flags = flags(&words, at: location) else { return nil }
        // A name of a host that is in lower case already is compared so.
        if folds { flags.ignoresCase = true }
        guard let values = values(words, flags, at: location),
            let method = method(flags.method, for: sample, at: location)
        else { return nil }
        if method != "found", method != "bool", values.isEmpty {
            report.error(
                location,
                "there is nothing that it could be compared with",
                mend: "write a value behind it"
            )
            return nil
        }
        switch method {
        case "found": return .found
        case "bool": return .truth
        case "int": return ranges(values, at: location).map { .integers($0) }
        case "len": return ranges(values, at: location).map { .lengths($0) }
        case "ip": return addresses(values, at: location).map { .addresses(AddressSet($0)) }
        case "bin": return binary(values, at: location)
        default:
            guard let method = TextMatch.Method(rawValue: method) else { return nil }
            let bytes = values.map { Array($0.utf8) }
            return .text(TextMatch(method, ignoresCase: flags.ignoresCase, values: bytes))
        }
    }

    private mutating func flags(
        _ words: inout ArraySlice<String>,
        at location: SourceLocation
    ) -> PatternFlags? {
        var flags = PatternFlags()
        while let word = words.first, word.hasPrefix("-"), word.count > 1,
            !word.dropFirst().allSatisfy({ $0.isNumber || $0 == ":" || $0 == "-" }) || word == "--"
        {
            words.removeFirst()
            switch word {
            case "--": return flags
            case "-i": flags.ignoresCase = true
            // Names of hosts are never looked up here.
            case "-n": break
            case "-m", "-f":
                guard let value = words.popFirst() else {
                    report.error(location, "'\(word)' needs a value", mend: "write one after it")
                    return nil
                }
                if word == "-m" { flags.method = value } else { flags.files.append(value) }
            default:
                report.error(
                    location,
                    "'\(word)' is not done by this version",
                    mend: "expected -i, -n, -m METHOD, -f FILE or --"
                )
                return nil
            }
        }
        return flags
    }

    /// Those of the line and those of the files.
    private mutating func values(
        _ words: ArraySlice<String>,
        _ flags: PatternFlags,
        at location: SourceLocation
    ) -> [String]? {
        var values = Array(words)
        for path in flags.files {
            guard let bytes = environment.file(path) else {
                report.error(
                    location,
                    "'\(path)' can't be read",
                    mend: "name a file that the proxy's user may read"
                )
                return nil
            }
            guard bytes.count <= Limits.patternFile else {
                report.error(location, "'\(path)' is larger than 4 MiB", mend: "make it smaller")
                return nil
            }
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                let text = String(decoding: line, as: UTF8.self)
                let value = text.drop { $0 == " " || $0 == "\t" }
                    .prefix { $0 != "\r" && $0 != "\t" }
                if value.isEmpty || value.hasPrefix("#") { continue }
                values.append(String(value))
            }
        }
        patternCount += values.count
        guard patternCount <= Limits.patterns else {
            report.error(
                location,
                "more than \(Limits.patterns) values to compare with",
                mend: "use networks in place of addresses"
            )
            return nil
        }
        return values
    }

    /// The method that is asked for, or that of the sample's kind.
    private mutating func method(
        _ asked: String?,
        for sample: Sample,
        at location: SourceLocation
    ) -> String? {
        let texts = ["str", "beg", "end", "sub", "dir", "dom", "len"]
        let possible: [String] =
            switch sample.kind {
            case .boolean: ["bool"]
            case .integer: ["int", "bool"]
            case .address: ["ip"]
            case .text: texts
            case .binary: ["bin"] + texts
            }
        guard let asked else { return possible[0] }
        if asked == "found" || possible.contains(asked) { return asked }
        report.error(
            location,
            asked == "reg"
                ? "regular expressions ('-m reg') are not done by this version"
                : "'-m \(asked)' does not go with this criterion",
            mend: "expected -m " + (possible + ["found"]).joined(separator: ", ")
        )
        return nil
    }

    /// Numbers, `FIRST:LAST` with either end left out, and `eq`, `ge`, `gt`, `le` or `lt` in front of numbers.
    private mutating func ranges(
        _ values: [String],
        at location: SourceLocation
    ) -> [ClosedRange<Int>]? {
        var ranges: [ClosedRange<Int>] = []
        var relation = "eq"
        for value in values {
            if ["eq", "ge", "gt", "le", "lt"].contains(value) {
                relation = value
                continue
            }
            let parts = value.split(
                separator: ":",
                maxSplits: 1,
                omittingEmptySubsequences: false
            )
            let first = parts[0].isEmpty && parts.count == 2 ? Int.min : Int(parts[0])
            let last = parts.count == 1 ? first : parts[1].isEmpty ? Int.max : Int(parts[1])
            guard let first, let last, first <= last, parts.count == 1 || relation == "eq" else {
                report.error(
                    location,
                    "'\(value)' is not a number or a range of numbers",
                    mend: "expected 5, 5:9, or 'gt 5'"
                )
                return nil
            }
            switch relation {
            case "ge": ranges.append(first...Int.max)
            case "gt": if first < .max { ranges.append((first + 1)...Int.max) }
            case "le": ranges.append(Int.min...first)
            case "lt": if first > .min { ranges.append(Int.min...(first - 1)) }
            default: ranges.append(first...last)
            }
        }
        return ranges
    }

    /// `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK`.
    private mutating func addresses(
        _ values: [String],
        at location: SourceLocation
    ) -> [Prefix]? {
        var prefixes: [Prefix] = []
        prefixes.reserveCapacity(values.count)
        for value in values {
            guard let prefix = Prefix(value) ?? Self.masked(value) else {
                report.error(
                    location,
                    "'\(value)' is not an address or a network",
                    mend: "expected 192.0.2.0/24 or 2001:db8::/32; names of hosts are not looked up"
                )
                return nil
            }
            prefixes.append(prefix)
        }
        return prefixes
    }

    /// HAProxy takes a mask in full, and an address with parts left out (`10.0/8`) no more than here.
    private static func masked(_ text: String) -> Prefix? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPv4Address(parts[0]),
            let mask = IPv4Address(parts[1])
        else { return nil }
        let length = (~mask.rawValue).leadingZeroBitCount
        guard mask.rawValue == (length == 0 ? 0 : UInt32.max << (32 - UInt32(length))) else {
            return nil
        }
        return Prefix(address: .v4(address), length: UInt8(length))
    }

    /// Digits of base 16, in pairs.
    private mutating func binary(_ values: [String], at location: SourceLocation) -> Pattern? {
        var all: [[UInt8]] = []
        for value in values {
            let digits = Array(value.utf8)
            var bytes: [UInt8] = []
            for start in stride(from: 0, to: digits.count - digits.count % 2, by: 2) {
                let pair = String(decoding: digits[start..<(start + 2)], as: UTF8.self)
                if !pair.hasPrefix("+"), !pair.hasPrefix("-"), let byte = UInt8(pair, radix: 16) {
                    bytes.append(byte)
                }
            }
            guard bytes.count * 2 == digits.count else {
                report.error(
                    location,
                    "'\(value)' is not in pairs of digits of base 16",
                    mend: "expected such as 16030100, or '-m str' in front of text"
                )
                return nil
            }
            all.append(bytes)
        }
        return .text(TextMatch(.exact, ignoresCase: false, values: all))
    }
}
