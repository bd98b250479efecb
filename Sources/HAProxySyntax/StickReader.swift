import Primitives
package import Rules

/// `stick on`, `stick match` and `stick store-request` (manual §4.2).
package struct StickRule: Equatable, Sendable {
    package var key: TableKeySource
    /// The proxy whose table it is, by its place in the configuration.
    package var table: Int
    /// An entry decides where a connection goes.
    package var matches: Bool
    /// The server that was reached is remembered.
    package var stores: Bool
    /// Nil: always.
    package var condition: Condition?
}

extension Interpreter {
    /// `stick-table type T size N [expire TIME] [nopurge] [store COUNTER[(TIME)],…]`.
    mutating func readStickTable(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard !refusesDefaults("stick-table", draft, at: location) else { return }
        var settings = StickTableSettings()
        var rest = words.dropFirst()
        var hasType = false
        while let name = rest.popFirst() {
            if name == "nopurge" {
                settings.purges = false
                continue
            }
            guard let value = rest.popFirst() else {
                report.error(
                    location,
                    "'\(name)' of 'stick-table' needs a value",
                    mend: "write one after it"
                )
                return
            }
            switch name {
            case "type":
                guard let kind = StickTableSettings.KeyKind(rawValue: value) else {
                    report.error(
                        location,
                        "'stick-table type \(value)' is not done by this version",
                        mend: "expected ip, ipv6 or integer"
                    )
                    return
                }
                settings.keyKind = kind
                hasType = true
            case "size":
                guard let size = tableSize(value, at: location) else { return }
                settings.size = size
            case "expire":
                guard let expire = time(value, of: "expire", at: location) else { return }
                settings.expire = expire
            case "store":
                guard readStored(value, into: &settings, at: location) else { return }
            case "peers":
                report.warning(
                    location,
                    "'peers \(value)' has no effect: tables are not shared between nodes",
                    mend: "remove it"
                )
            default:
                report.error(
                    location,
                    "'\(name)' of 'stick-table' is not done by this version",
                    mend: "expected type, size, expire, nopurge or store"
                )
                return
            }
        }
        guard hasType, settings.size > 0 else {
            report.error(
                location,
                "'stick-table' needs a type and a size",
                mend: "write 'stick-table type ip size 100k expire 30m'"
            )
            return
        }
        draft.section.stickTable = settings
    }

    /// With k, m or g for 1024 and its powers.
    private mutating func tableSize(_ text: String, at location: SourceLocation) -> Int? {
        let scale =
            switch text.last {
            case "k", "K": 1 << 10
            case "m", "M": 1 << 20
            case "g", "G": 1 << 30
            default: 1
            }
        let number = Int(scale == 1 ? text[...] : text.dropLast()) ?? 0
        let (size, overflow) = number.multipliedReportingOverflow(by: scale)
        guard !overflow, (1...StickTableSettings.largest).contains(size) else {
            report.error(
                location,
                "'size \(text)' is not a size of a table",
                mend: "expected 1 to \(StickTableSettings.largest), with k or m"
            )
            return nil
        }
        return size
    }

    /// False after an error.
    private mutating func readStored(
        _ text: String,
        into settings: inout StickTableSettings,
        at location: SourceLocation
    ) -> Bool {
        for part in text.split(separator: ",") where !settings.read(part) {
            let name = String(part.prefix { $0 != "(" })
            if let counter = TableCounter(rawValue: name) {
                guard counter.isRate, let open = part.firstIndex(of: "("), part.hasSuffix(")")
                else {
                    report.error(
                        location,
                        "'store \(part)' is not a counter",
                        mend: counter.isRate
                            ? "write '\(name)(10s)'" : "write '\(name)' without a time"
                    )
                    return false
                }
                let inner = String(part[part.index(after: open)...].dropLast())
                guard let period = time(inner, of: name, at: location) else { return false }
                settings.periods[counter] = max(period, .milliseconds(1))
                continue
            }
            report.warning(
                location,
                "'store \(part)' has no effect: nothing that is done reads it",
                mend: "expected conn_cnt, conn_cur, conn_rate(TIME), sess_cnt or sess_rate(TIME)"
            )
        }
        return true
    }

    /// `stick on|match|store-request KEY [table NAME] [if|unless …]`.
    mutating func readStick(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard !refusesDefaults("stick", draft, at: location) else { return }
        guard draft.section.kind != .frontend else {
            report.warning(location, "'stick' has no effect in a 'frontend'", mend: "remove it")
            return
        }
        var rest = words.dropFirst()
        guard let form = rest.popFirst(), ["on", "match", "store-request"].contains(form) else {
            report.error(
                location,
                "'\(words.prefix(2).joined(separator: " "))' is not done by this version",
                mend: "expected 'stick on src'"
            )
            return
        }
        let keyword = "stick \(form)"
        guard let key = key(rest.popFirst(), of: keyword, at: location),
            let proxy = table(&rest, of: keyword, at: location, in: draft),
            let condition = condition(rest, of: keyword, at: location, in: draft)
        else { return }
        counterUses.append(CounterUse(proxy: proxy, counter: nil, location: location))
        draft.section.stickRules.append(
            StickRule(
                key: key,
                table: proxy,
                matches: form != "store-request",
                stores: form != "match",
                condition: condition
            )
        )
    }
}

extension StickTableSettings {
    /// A counter without a time; false: it is something else.
    fileprivate mutating func read(_ text: Substring) -> Bool {
        guard let counter = TableCounter(rawValue: String(text)), !counter.isRate else {
            return false
        }
        periods[counter] = .zero
        return true
    }
}
