import Primitives
import Rules

/// A proxy as it is read, on top of its `defaults`.
struct ProxyDraft {
    var section: ProxySection
    var isDefaults = false
    var mode: (name: String, location: SourceLocation)?
    /// `log global`.
    var usesGlobalLogs = false
    var backlog: Int?
    var source: IPAddress?
    /// The options of `default-server`, on a server that does not exist.
    var defaultServer: ServerLine
    var defaultBackendLocation: SourceLocation?
    /// `acl` lines by name, those of a name together.
    var criteria: [String: [Criterion]] = [:]
    /// Its place among the proxies.
    var number = 0

    init(location: SourceLocation) {
        section = ProxySection(kind: .listen, name: "", location: location)
        defaultServer = ServerLine(
            name: "",
            host: .name(""),
            port: .client(offset: 0),
            location: location
        )
    }

    /// Keeps what is inherited.
    mutating func reset(kind: ProxySection.Kind, name: String, at location: SourceLocation) {
        section.kind = kind
        section.name = name
        section.location = location
        section.binds = []
        section.servers = []
        section.stickTable = nil
    }

    /// `'listen'`, `'defaults'`, for messages.
    var sectionName: String { isDefaults ? "defaults" : section.kind.rawValue }
}

extension Interpreter {
    mutating func read(_ lines: [ConfigurationLine], into draft: inout ProxyDraft) {
        for line in lines { read(line, into: &draft) }
    }

    private mutating func read(_ line: ConfigurationLine, into draft: inout ProxyDraft) {
        var words = line.words
        var prefix: LinePrefix?
        if let found = LinePrefix(rawValue: words[0]) {
            prefix = found
            words.removeFirst()
        }
        guard let first = words.first else {
            report.error(
                line.location,
                "'\(line.words[0])' needs a keyword",
                mend: "write one after it"
            )
            return
        }
        var name = first
        if first == "option" || first == "timeout" {
            guard words.count > 1 else {
                report.error(
                    line.location,
                    "'\(first)' needs a name",
                    mend: first == "option"
                        ? "such as 'option tcplog'" : "such as 'timeout connect 5s'"
                )
                return
            }
            name = "\(first) \(words[1])"
        } else {
            // Some keywords stand in the table with the words that tell harmless forms from others.
            name =
                [3, 2].lazy.filter { $0 <= words.count }.map {
                    words.prefix($0).joined(separator: " ")
                }
                .first { Keywords.proxy[$0] != nil } ?? first
        }
        guard let keyword = Keywords.proxy[name] else {
            reportUnknown(name, in: Keywords.proxy, section: draft.sectionName, at: line.location)
            return
        }
        switch keyword.verdict {
        case .accepted: return
        case .http where draft.isDefaults: return
        case .http, .warned: reportWithoutEffect(name, keyword, at: line.location)
        case .refused: reportRefused(name, keyword, at: line.location)
        case .done, .replaced: readDone(words, prefix: prefix, at: line.location, into: &draft)
        }
    }

    enum LinePrefix: String {
        case no
        case standard = "default"
    }

    private mutating func readDone(
        _ words: [String],
        prefix: LinePrefix?,
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        if words[0] == "option" {
            readOption(words, prefix: prefix, at: location, into: &draft)
            return
        }
        if let prefix, words[0] != "log" || prefix == .standard {
            guard ["redispatch", "redisp"].contains(words[0]), prefix == .no else {
                report.error(
                    location,
                    "'\(prefix.rawValue) \(words[0])': negation is not supported for it",
                    mend: "remove '\(prefix.rawValue)'"
                )
                return
            }
        }
        switch words[0] {
        case "mode": readMode(words, at: location, into: &draft)
        case "bind": readBind(words, at: location, into: &draft)
        case "server": readServer(words, at: location, into: &draft)
        case "server-template": readServerTemplate(words, at: location, into: &draft)
        case "default-server": readDefaultServer(words, at: location, into: &draft)
        case "default_backend": readDefaultBackend(words, at: location, into: &draft)
        case "balance": readBalance(words, at: location, into: &draft)
        case "log": readLog(words, negated: prefix == .no, at: location, into: &draft)
        case "source": readSource(words, at: location, into: &draft)
        case "timeout": readTimeout(words, at: location, into: &draft)
        case "contimeout", "clitimeout", "srvtimeout":
            readOldTimeout(words[0], words.dropFirst().first, at: location, into: &draft)
        case "redispatch", "redisp":
            let replacement = (prefix == .no ? "no " : "") + "option redispatch"
            reportReplaced(words[0], by: replacement, since: "2.1", at: location)
            draft.section.redispatch = prefix == .no ? nil : -1
        case "disabled": draft.section.disabled = true
        case "enabled": draft.section.disabled = false
        case "maxconn":
            if let value = number(words, in: 0...10_000_000, at: location) {
                draft.section.maxconn = value == 0 ? nil : value
            }
        case "backlog":
            if let value = number(words, in: 1...1_000_000, at: location) { draft.backlog = value }
        case "retries":
            if let value = number(words, in: 0...1000, at: location) {
                draft.section.retries = value
            }
        case "fullconn":
            if let value = number(words, in: 1...10_000_000, at: location) {
                draft.section.fullconn = value
            }
        case "hash-type": readHashType(words, at: location, into: &draft)
        case "tcp-check": readTCPCheck(words, at: location)
        case "acl": readACL(words, at: location, into: &draft)
        case "use_backend": readUseBackend(words, at: location, into: &draft)
        case "tcp-request": readTCPRequest(words, at: location, into: &draft)
        case "stick-table": readStickTable(words, at: location, into: &draft)
        case "stick": readStick(words, at: location, into: &draft)
        default:
            reportUnknown(words[0], in: Keywords.proxy, section: draft.sectionName, at: location)
        }
    }

    mutating func number(
        _ words: [String],
        in range: ClosedRange<Int>,
        at location: SourceLocation
    ) -> Int? {
        integer(words.dropFirst().first, of: words[0], in: range, at: location)
    }

    // MARK: Single keywords

    private mutating func readMode(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        switch words.dropFirst().first {
        case "tcp": draft.mode = ("tcp", location)
        // Only an error if a proxy ends up with it.
        case "http": draft.mode = ("http", location)
        default:
            report.error(
                location,
                "'\(words.joined(separator: " "))' is not done by this version",
                mend: "write 'mode tcp'"
            )
        }
    }

    private mutating func readDefaultBackend(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard words.count > 1 else {
            report.error(
                location,
                "'default_backend' needs a name",
                mend: "name a 'backend' or 'listen'"
            )
            return
        }
        if draft.section.kind == .backend, !draft.isDefaults {
            report.warning(
                location,
                "'default_backend' has no effect in a 'backend'",
                mend: "remove it"
            )
            return
        }
        draft.section.defaultBackend = words[1]
        draft.defaultBackendLocation = location
    }

    private mutating func readBalance(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard words.count > 1 else {
            draft.section.balance = .roundrobin
            return
        }
        let name = words[1].hasPrefix("random(") ? "random" : words[1]
        guard let balance = ProxySection.Balance(rawValue: name) else {
            let known = ["hash", "uri", "url_param", "hdr", "rdp-cookie", "log-hash", "sticky"]
            if known.contains(where: { name == $0 || name.hasPrefix($0 + "(") }) {
                report.error(
                    location,
                    "'balance \(name)' is not done by this version",
                    mend: "write 'balance source' or 'balance leastconn'"
                )
            } else {
                report.error(
                    location,
                    "unknown algorithm 'balance \(name)'",
                    mend: "expected roundrobin, static-rr, leastconn, source, first or random"
                )
            }
            return
        }
        draft.section.balance = balance
        draft.section.randomDraws = 2
        if words[1].hasPrefix("random("), words[1].hasSuffix(")") {
            let draws = String(words[1].dropFirst(7).dropLast())
            if let draws = integer(draws, of: "random", in: 1...1000, at: location) {
                draft.section.randomDraws = draws
            }
        }
    }

    /// `hash-type map-based|consistent [FUNCTION [avalanche]]`; HAProxy's default with consistent alone is avalanche.
    private mutating func readHashType(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        let methods = ["map-based", "consistent"]
        let functions = ["sdbm", "djb2", "wt6", "crc32", "none"]
        guard words.count > 1, methods.contains(words[1]),
            words.count < 3 || functions.contains(words[2]),
            words.count < 4 || words[3] == "avalanche"
        else {
            report.error(
                location,
                "'\(words.joined(separator: " "))' is not known",
                mend: "expected 'hash-type map-based' or 'hash-type consistent'"
            )
            return
        }
        draft.section.hashesConsistently = words[1] == "consistent"
        draft.section.hashAvalanches =
            words.count > 3 || words.count == 2 && draft.section.hashesConsistently
    }

    private mutating func readTCPCheck(_ words: [String], at location: SourceLocation) {
        guard words != ["tcp-check", "connect"], words.dropFirst().first != "comment" else {
            return
        }
        report.error(
            location,
            "'\(words.joined(separator: " "))' is not done by this version",
            mend: "remove it: a check connects to the server's port"
        )
    }

    private mutating func readSource(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        if let address = sourceAddress(words.dropFirst(), at: location) {
            draft.source = address.value
        }
    }

    /// `ADDRESS[:0]`; nil after an error, a nil value for any address.
    mutating func sourceAddress(
        _ words: ArraySlice<String>,
        at location: SourceLocation
    ) -> (value: IPAddress?, count: Int)? {
        guard let text = words.first else {
            report.error(location, "'source' needs an address", mend: "write one after it")
            return nil
        }
        if let next = words.dropFirst().first, next == "usesrc" || next == "interface" {
            report.error(
                location,
                "'source … \(next)' is not done by this version",
                mend: "write 'source \(text)' alone"
            )
            return nil
        }
        let split = AddressText.split(expanded(text))
        if split.host == "*" || split.host == "0.0.0.0" || split.host == "::" { return (nil, 1) }
        guard let address = IPAddress(split.host), split.port == nil || split.port == "0" else {
            report.error(
                location,
                "'source \(text)' is not an address without a port",
                mend: "expected an IP address"
            )
            return nil
        }
        return (address, 1)
    }

    // MARK: Messages that are the same everywhere

    mutating func reportUnknown(
        _ name: String,
        in table: KeywordTable,
        section: String,
        at location: SourceLocation
    ) {
        // `option` and `timeout` stand in the table with their second word only.
        let nearest = Spelling.nearest(to: name, among: table.candidates + ["option", "timeout"])
        report.error(
            location,
            "unknown keyword '\(name)' in '\(section)' section",
            mend: nearest.map { "did you mean '\($0)'?" } ?? "remove it"
        )
    }

    mutating func reportWithoutEffect(
        _ name: String,
        _ keyword: Keyword,
        at location: SourceLocation
    ) {
        report.warning(location, "'\(name)' has no effect: \(keyword.note)", mend: "remove it")
    }

    mutating func reportRefused(_ name: String, _ keyword: Keyword, at location: SourceLocation) {
        report.error(location, "'\(name)' is not done by this version", mend: keyword.note)
    }

    mutating func reportReplaced(
        _ old: String,
        by new: String,
        since version: String,
        at location: SourceLocation
    ) {
        report.warning(
            location,
            "'\(old)' is gone since HAProxy \(version); it still works here",
            mend: "write '\(new)'"
        )
    }
}
