/// What Tandem does with a keyword that keepalived knows.
enum Verdict: String {
    /// Acted on.
    case done
    /// Read and left out without a word: Tandem behaves so anyway, or has nothing that it could apply to.
    case accepted
    /// Left out with a warning: a client can't see the difference.
    case warned
    /// An error: leaving it out would change what a client sees.
    case refused
}

/// How many words follow a keyword.
enum Parameters {
    case none
    case optional
    case one
    /// To the end of the line, at least one.
    case some
    /// To the end of the line.
    case any
    /// A block, perhaps with a name in front of it.
    case block

    var minimum: Int {
        switch self {
        case .none, .optional, .any, .block: 0
        case .one, .some: 1
        }
    }

    var maximum: Int {
        switch self {
        case .none: 0
        case .optional, .one, .block: 1
        case .some, .any: .max
        }
    }
}

/// A row of the keyword tables, which `docs/keywords-keepalived.md` shows.
struct Keyword {
    var name: String
    var verdict: Verdict
    var parameters: Parameters
    /// done, accepted: what it does here. warned: why it has no effect. refused: what to write instead.
    var note: String

    static func done(_ name: String, _ parameters: Parameters, _ note: String) -> Keyword {
        Keyword(name: name, verdict: .done, parameters: parameters, note: note)
    }

    static func accepted(_ names: String, _ note: String) -> [Keyword] {
        rows(names, .accepted, note)
    }

    static func warned(_ names: String, _ note: String) -> [Keyword] {
        rows(names, .warned, note)
    }

    static func refused(_ names: String, _ note: String) -> [Keyword] {
        rows(names, .refused, note)
    }

    private static func rows(_ names: String, _ verdict: Verdict, _ note: String) -> [Keyword] {
        names.split(whereSeparator: \.isWhitespace).map { name in
            Keyword(name: String(name), verdict: verdict, parameters: .any, note: note)
        }
    }
}

/// Keywords by name.
struct KeywordTable {
    let rows: [Keyword]
    /// For "did you mean": what is done comes first.
    let candidates: [String]
    private let byName: [String: Keyword]

    init(_ groups: [Keyword]...) {
        rows = groups.flatMap(\.self)
        var names: [String: Keyword] = [:]
        for row in rows { names[row.name] = row }
        byName = names
        candidates =
            rows.filter { $0.verdict == .done }.map(\.name)
            + rows.filter { $0.verdict != .done }.map(\.name)
    }

    subscript(name: String) -> Keyword? { byName[name] }
}

/// The tables, by the block that a keyword stands in.
enum Keywords {
    /// Every table, under the name of its block.
    static let all: [(block: String, table: KeywordTable)] = [
        ("top level", topLevel), ("global_defs", global), ("vrrp_instance", instance),
        ("authentication", authentication), ("virtual_ipaddress", address),
        ("unicast_peer", peer), ("vrrp_sync_group", syncGroup), ("vrrp_script", script),
        ("vrrp_track_process", trackedProcess), ("track_file", trackedFile),
        ("garp_group", announcementGroup), ("tandem", tandem),
    ]
}
