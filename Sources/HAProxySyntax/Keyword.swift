/// What Tandem does with a keyword that HAProxy knows, or once knew.
enum Verdict: String {
    /// Acted on.
    case done
    /// Acted on with a warning: HAProxy has removed it, and the warning holds the line to write instead.
    case replaced
    /// Read and left out without a word: it has nothing that it could apply to.
    case accepted
    /// Left out with a warning: a client can't see the difference.
    case warned
    /// Only means something in `mode http`, which is refused.
    case http
    /// An error: leaving it out would change what a client sees.
    case refused
}

/// A row of the keyword tables, which `docs/keywords-haproxy.md` shows.
struct Keyword {
    /// Two words for `option` and `timeout`; a `*` at the end stands for any ending.
    var name: String
    var verdict: Verdict
    /// How many words follow it, where words of another keyword can follow those (`bind`, `server`).
    var parameters: Int = 0
    /// done, accepted: what it does here. warned: why it has no effect. refused: what to write instead.
    var note: String

    static func rows(
        _ verdict: Verdict,
        _ names: String,
        _ note: String,
        prefix: String = "",
        parameters: Int = 0
    ) -> [Keyword] {
        names.split(whereSeparator: \.isWhitespace).map { name in
            Keyword(name: prefix + name, verdict: verdict, parameters: parameters, note: note)
        }
    }
}

/// Keywords by name.
struct KeywordTable {
    let rows: [Keyword]
    private let byName: [String: Keyword]
    private let prefixes: [(prefix: String, keyword: Keyword)]

    init(_ groups: [Keyword]...) {
        rows = groups.flatMap(\.self)
        var names: [String: Keyword] = [:]
        for row in rows { names[row.name] = row }
        byName = names
        prefixes = rows.filter { $0.name.hasSuffix("*") }.map { (String($0.name.dropLast()), $0) }
    }

    subscript(name: String) -> Keyword? {
        byName[name] ?? prefixes.first { name.hasPrefix($0.prefix) }?.keyword
    }

    /// For "did you mean": what is done comes first.
    var candidates: [String] {
        rows.filter { $0.verdict == .done }.map(\.name)
            + rows.filter { $0.verdict != .done }.map(\.name)
    }
}

enum Keywords {
    static let sections = KeywordTable(
        Keyword.rows(.done, "global", "the process"),
        Keyword.rows(.done, "defaults", "for the proxies that follow, or by name ('from NAME')"),
        Keyword.rows(.done, "frontend", "binds that lead to a backend"),
        Keyword.rows(.done, "backend", "servers"),
        Keyword.rows(.done, "listen", "both in one"),
        Keyword.rows(
            .warned,
            "userlist cache http-errors fcgi-app",
            "it is for 'mode http'"
        ),
        Keyword.rows(.warned, "peers", "the entries of a stick table stay on its node"),
        Keyword.rows(
            .done,
            "resolvers",
            "how often names are looked up again ('hold valid'); the system's resolver is asked"
        ),
        Keyword.rows(.warned, "mailers", "no mail is sent"),
        Keyword.rows(.warned, "crt-store acme", "TLS is not done"),
        Keyword.rows(.warned, "traces", "use 'tandemctl tail'"),
        Keyword.rows(.refused, "program", "start it with a unit of its own"),
        Keyword.rows(.refused, "ring log-forward log-profile", "let the syslog daemon do it"),
    )
}
