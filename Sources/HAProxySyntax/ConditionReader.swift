import Primitives
import Rules

extension Interpreter {
    /// `acl NAME CRITERION`: lines of one name are one criterion.
    mutating func readACL(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard !refusesDefaults("acl", draft, at: location) else { return }
        guard words.count > 2 else {
            report.error(
                location,
                "'acl' needs a name and a criterion",
                mend: "write 'acl NAME src 192.0.2.0/24'"
            )
            return
        }
        let reserved = ["or", "||", "if", "unless", "{", "}"]
        guard !reserved.contains(words[1].lowercased()), !words[1].hasPrefix("!") else {
            report.error(
                location,
                "'\(words[1])' can't be the name of an 'acl'",
                mend: "expected letters, digits, '-', '_', '.' and ':'"
            )
            return
        }
        // A name with an error stays known, so that it is reported once.
        let criterion = criterion(words.dropFirst(2), at: location, in: draft)
        draft.criteria[words[1], default: []] += criterion.map { [$0] } ?? []
    }

    /// True after an error: what is read belongs to one proxy.
    mutating func refusesDefaults(
        _ keyword: String,
        _ draft: ProxyDraft,
        at location: SourceLocation
    ) -> Bool {
        guard draft.isDefaults else { return false }
        report.error(
            location,
            "'\(keyword)' is not allowed in a 'defaults' section",
            mend: "move it into the proxies that need it"
        )
        return true
    }

    /// What may stand at the end of a rule: nothing, or `if` or `unless` with criteria.
    ///
    /// - Returns: nil after an error; `.some(nil)` without a condition.
    mutating func condition(
        _ words: ArraySlice<String>,
        of keyword: String,
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> Condition?? {
        guard let first = words.first else { return .some(nil) }
        guard first == "if" || first == "unless" else {
            report.error(
                location,
                "'\(first)' behind '\(keyword)' is not expected",
                mend: "expected 'if' or 'unless', or the end of the line"
            )
            return nil
        }
        var rest = words.dropFirst()
        var groups: [[Condition.Term]] = [[]]
        while let word = rest.popFirst() {
            if word.lowercased() == "or" || word == "||" {
                guard !groups[groups.count - 1].isEmpty else { break }
                groups.append([])
                continue
            }
            guard let term = term(word, &rest, at: location, in: draft) else { return nil }
            groups[groups.count - 1].append(term)
        }
        guard groups.allSatisfy({ !$0.isEmpty }) else {
            report.error(
                location,
                "a criterion is missing behind '\(groups.count > 1 ? "or" : first)'",
                mend: "write the name of an 'acl', or one between '{' and '}'"
            )
            return nil
        }
        return Condition(groups: groups, isInverted: first == "unless")
    }

    /// `[!]NAME` or `[!]{ CRITERION }`; nil after an error.
    private mutating func term(
        _ first: String,
        _ rest: inout ArraySlice<String>,
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> Condition.Term? {
        var word = Substring(first)
        var isNegated = false
        while word.hasPrefix("!") || word.isEmpty {
            if word.isEmpty {
                guard let next = rest.popFirst() else {
                    report.error(
                        location,
                        "a criterion is missing behind '!'",
                        mend: "write the name of an 'acl', or one between '{' and '}'"
                    )
                    return nil
                }
                word = Substring(next)
            } else {
                isNegated.toggle()
                word = word.dropFirst()
            }
        }
        if word == "{" {
            guard let close = rest.firstIndex(of: "}") else {
                report.error(
                    location,
                    "a '{' has no '}'",
                    mend: "add it, with a space in front of it"
                )
                return nil
            }
            let inner = rest[..<close]
            rest = rest[(close + 1)...]
            return criterion(inner, at: location, in: draft)
                .map { Condition.Term(anyOf: [$0], isNegated: isNegated) }
        }
        guard let criteria = criteria(named: String(word), at: location, in: draft) else {
            return nil
        }
        return Condition.Term(anyOf: criteria, isNegated: isNegated)
    }

    private mutating func criteria(
        named name: String,
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> [Criterion]? {
        if let own = draft.criteria[name] { return own }
        if let predefined = Self.predefined[name] { return [predefined] }
        let names = draft.criteria.keys.sorted() + Self.predefined.keys.sorted()
        let isHTTP = name.hasPrefix("HTTP") || name.hasPrefix("METH_")
        report.error(
            location,
            "there is no 'acl \(name)' above this line",
            mend: isHTTP
                ? "it is for 'mode http'"
                : Spelling.nearest(to: name, among: names).map { "did you mean '\($0)'?" }
                    ?? "write one, or the criterion between '{' and '}'"
        )
        return nil
    }

    /// HAProxy's own (manual §7.4), as far as they are for `mode tcp`.
    private static let predefined: [String: Criterion] = [
        "TRUE": Criterion(.always(true), .truth),
        "FALSE": Criterion(.always(false), .truth),
        "LOCALHOST": Criterion(
            .source,
            .addresses(
                AddressSet([
                    Prefix(address: .v4(IPv4Address(127, 0, 0, 0)), length: 8),
                    Prefix(host: .v6(IPv6Address(high: 0, low: 1))),
                ])
            )
        ),
        "WAIT_END": Criterion(.waitEnd, .truth),
        "REQ_CONTENT": Criterion(.requestLength, .integers([1...Int.max])),
    ]
}
