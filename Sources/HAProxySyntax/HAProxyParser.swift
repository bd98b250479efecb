package import Primitives

/// Reads haproxy.cfg (HAProxy configuration manual): `mode tcp`, the spellings of 1.4 included.
package enum HAProxyParser {
    /// Reads the files in order, as repeated `-f` does. Whatever the bytes are, it returns.
    package static func parse(
        _ sources: [SourceText],
        environment: HAProxyParsingEnvironment
    ) -> ParsedHAProxy {
        var reader = LineReader(environment: environment, report: Report())
        var sections: [Section] = []
        for source in sources {
            // A section ends with its file.
            var current: Section?
            for line in reader.lines(of: source) {
                if Keywords.sections[line.words[0]] != nil {
                    if let current { sections.append(current) }
                    current = Section(header: line)
                } else if current != nil {
                    current?.lines.append(line)
                } else {
                    reader.report.error(
                        line.location,
                        "'\(line.words[0])' before the first section",
                        mend: Spelling.nearest(
                            to: line.words[0],
                            among: Keywords.sections.candidates
                        ).map { "did you mean '\($0)'?" }
                            ?? "expected global, defaults, listen, frontend or backend"
                    )
                }
            }
            if let current { sections.append(current) }
        }
        var interpreter = Interpreter(environment: environment, report: reader.report)
        interpreter.overrides = reader.overrides
        let configuration = interpreter.configuration(of: sections)
        return ParsedHAProxy(
            configuration: interpreter.report.hasErrors ? nil : configuration,
            global: interpreter.global,
            diagnostics: interpreter.report.finished
        )
    }
}

/// A section's first line and the lines below it.
struct Section: Equatable {
    var header: ConfigurationLine
    var lines: [ConfigurationLine] = []

    var keyword: String { header.words[0] }
    var location: SourceLocation { header.location }
}

/// The second pass: sections into a configuration.
struct Interpreter {
    let environment: HAProxyParsingEnvironment
    /// `setenv` and `unsetenv` of the file itself; nil: unset.
    var overrides: [String: String?] = [:]
    var report: Report

    var global = GlobalSection()
    /// Where the `log` lines of `global` stand, in their order.
    var globalLogs: [LogTarget] = []
    private var anonymousDefaults: ProxyDraft?
    private var namedDefaults: [String: ProxyDraft] = [:]
    var proxies: [ProxyDraft] = []
    /// Proxies of `mode http`, refused once and then left alone.
    var refusedNames: Set<String> = []
    /// `mode http` lines that were reported already.
    var reportedModes: Set<SourceLocation> = []
    var bindCount = 0
    /// `unix-bind`: what Unix sockets are bound with unless their line says otherwise.
    var socketPermissions = SocketPermissions()
    var socketPrefix = ""
    /// The proxies that conditions may name, by their place; known before their lines are read.
    var directory: [ProxyName] = []
    var patternCount = 0
    /// `resolvers` sections: how often names are looked up again.
    var resolvePeriods: [String: Duration] = [:]
    var resolverUses: [(name: String, location: SourceLocation)] = []
    /// Name servers that the system's resolver can't ask, by their `resolvers`.
    var otherNameServers: [String: [(location: SourceLocation, address: String)]] = [:]
    /// Counters that conditions read of tables, which are looked at when all tables are known.
    var counterUses: [CounterUse] = []

    init(environment: HAProxyParsingEnvironment, report: Report) {
        self.environment = environment
        self.report = report
    }

    /// Nil after an error.
    mutating func configuration(of sections: [Section]) -> HAProxyConfiguration? {
        // A server may name what stands below it.
        for section in sections where section.keyword == "resolvers" { readResolvers(section) }
        for section in sections {
            guard let kind = ProxySection.Kind(rawValue: section.keyword),
                section.header.words.count > 1
            else { continue }
            directory.append(ProxyName(kind: kind, name: section.header.words[1]))
        }
        for section in sections {
            switch section.keyword {
            case "global": readGlobal(section)
            case "defaults": readDefaults(section)
            case "frontend", "backend", "listen": readProxy(section)
            case "resolvers": break
            default: leaveOut(section)
            }
        }
        return finished()
    }

    private mutating func leaveOut(_ section: Section) {
        guard let keyword = Keywords.sections[section.keyword] else { return }
        if keyword.verdict == .refused {
            report.error(
                section.location,
                "the section '\(section.keyword)' is not done by this version",
                mend: keyword.note
            )
        } else {
            report.warning(
                section.location,
                "the section '\(section.keyword)' has no effect: \(keyword.note)",
                mend: "remove it"
            )
        }
    }

    // MARK: Sections

    private mutating func readDefaults(_ section: Section) {
        let words = section.header.words
        var draft = base(of: section) ?? ProxyDraft(location: section.location)
        draft.isDefaults = true
        draft.reset(kind: .listen, name: "defaults", at: section.location)
        read(section.lines, into: &draft)
        anonymousDefaults = draft
        if words.count > 1, words[1] != "from" { namedDefaults[words[1]] = draft }
    }

    private mutating func readProxy(_ section: Section) {
        let words = section.header.words
        guard let kind = ProxySection.Kind(rawValue: section.keyword) else { return }
        guard words.count > 1 else {
            report.error(
                section.location,
                "'\(section.keyword)' needs a name",
                mend: "write '\(section.keyword) NAME'"
            )
            return
        }
        guard proxies.count < Limits.proxies else {
            report.error(section.location, "more than \(Limits.proxies) proxies")
            return
        }
        checkName(words[1], of: section.keyword, at: section.location)
        var draft =
            base(of: section) ?? anonymousDefaults ?? ProxyDraft(location: section.location)
        draft.isDefaults = false
        draft.reset(kind: kind, name: words[1], at: section.location)
        draft.number = proxies.count
        if refusesMode(of: section, inherited: draft.mode) {
            refusedNames.insert(words[1])
            return
        }
        readHeader(section.header, into: &draft)
        read(section.lines, into: &draft)
        checkDuplicate(draft.section)
        proxies.append(draft)
    }

    /// The `defaults NAME` that a section names by `from NAME`.
    private mutating func base(of section: Section) -> ProxyDraft? {
        let words = section.header.words
        guard let from = words.firstIndex(of: "from"), from == 1 || from == 2,
            from + 1 < words.count
        else { return nil }
        if let defaults = namedDefaults[words[from + 1]] { return defaults }
        report.error(
            section.location,
            "there is no 'defaults \(words[from + 1])' above this line",
            mend: Spelling.nearest(to: words[from + 1], among: namedDefaults.keys.sorted())
                .map { "did you mean '\($0)'?" } ?? "write the section, or remove 'from'"
        )
        return nil
    }

    /// HAProxy 1.4 had addresses, and the options of `bind`, on the line of the section.
    private mutating func readHeader(_ line: ConfigurationLine, into draft: inout ProxyDraft) {
        let rest = Array(line.words.dropFirst(2))
        guard let first = rest.first, first != "from" else { return }
        if draft.section.kind == .backend {
            report.warning(line.location, "'\(first)' after the name is ignored", mend: "remove it")
            return
        }
        report.warning(
            line.location,
            "the address on the '\(line.words[0])' line is gone since HAProxy 1.6; it still works here",
            mend: "write 'bind \(rest.joined(separator: " "))' below it"
        )
        readBind(["bind"] + rest, at: line.location, into: &draft)
    }

    /// `mode http` is refused once for a section, and the section is then left alone.
    private mutating func refusesMode(
        of section: Section,
        inherited: (name: String, location: SourceLocation)?
    ) -> Bool {
        let own = section.lines.last { $0.words[0] == "mode" && $0.words.count > 1 }
        let mode = own.map { (name: $0.words[1], location: $0.location) } ?? inherited
        guard let mode, mode.name == "http" else { return false }
        let keywords = Set(section.lines.map { $0.words[0] })
        if keywords.contains("stats"), !keywords.contains("server") {
            report.error(
                own?.location ?? section.location,
                "the statistics page '\(section.header.words[1])' is not done by this version",
                mend: "remove the section: 'tandemctl status' tells the state"
            )
            return true
        }
        let name = "\(section.keyword) \(section.header.words[1])"
        guard reportedModes.insert(mode.location).inserted || own != nil else { return true }
        report.error(
            mode.location,
            "'mode http' of '\(name)' is not done by this version",
            mend: own == nil
                ? "write 'mode tcp' here, or in the section" : "write 'mode tcp'"
        )
        return true
    }

    // MARK: Names

    private mutating func checkName(_ name: String, of keyword: String, at location: SourceLocation)
    {
        let allowed = name.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || "-_.:".utf8.contains(byte)
        }
        guard !allowed || name.isEmpty else { return }
        report.error(
            location,
            "'\(name)' can't be the name of a '\(keyword)'",
            mend: "expected letters, digits, '-', '_', '.' and ':'"
        )
    }

    /// A frontend and a backend may share a name; a `listen` is both.
    private mutating func checkDuplicate(_ section: ProxySection) {
        let other = proxies.first { draft in
            draft.section.name == section.name
                && (draft.section.kind == section.kind || draft.section.kind == .listen
                    || section.kind == .listen)
        }
        guard let other else { return }
        report.error(
            section.location,
            "'\(section.kind.rawValue) \(section.name)' has the name of "
                + "'\(other.section.kind.rawValue) \(other.section.name)' at \(other.section.location)",
            mend: "give it a name of its own"
        )
    }
}
