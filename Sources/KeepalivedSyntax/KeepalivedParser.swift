package import Primitives
import VRRP

/// Reads keepalived.conf(5): its VRRP part and Tandem's own block.
package enum KeepalivedParser {
    /// Reads `source` and what it includes. Whatever the bytes are, it returns.
    package static func parse(
        _ source: SourceText,
        environment: ParsingEnvironment
    ) -> ParsedKeepalived {
        var reader = LineReader(environment: environment, report: Report())
        reader.read(source)
        var report = reader.report
        guard !reader.isTemplate else {
            return ParsedKeepalived(configuration: nil, diagnostics: report.finished)
        }
        let statements = StatementReader.statements(of: reader.lines, report: &report)
        var interpreter = Interpreter(environment: environment, report: report)
        let configuration = interpreter.configuration(
            of: statements,
            in: SourceLocation(file: source.path, line: 1)
        )
        return ParsedKeepalived(
            configuration: interpreter.report.hasErrors ? nil : configuration,
            diagnostics: interpreter.report.finished
        )
    }
}

extension KeepalivedParser {
    /// Reads bytes from anywhere on a machine on which nothing exists: what a fuzzer calls.
    ///
    /// It returns whatever the bytes are, in a time that `Limits` bounds.
    package static func parse(bytes: some Sequence<UInt8>) -> ParsedKeepalived {
        parse(
            SourceText(path: "keepalived.conf", bytes: Array(bytes)),
            environment: ParsingEnvironment(
                hostname: "node",
                readFiles: { _ in [] },
                environmentVariable: { _ in nil }
            )
        )
    }
}

/// A keyword that Tandem acts on, with its parameters and its block.
struct Setting {
    var keyword: String
    var arguments: [Word]
    var children: [Statement]
    var location: SourceLocation

    /// The first parameter; the keyword tables see to it that there is one where it matters.
    var value: String { arguments.first?.text ?? "" }
}

/// The third pass: statements into a configuration.
struct Interpreter {
    let environment: ParsingEnvironment
    var report: Report

    var global = GlobalDefinitions()
    var scripts: [ScriptDraft] = []
    var instances: [InstanceDraft] = []
    var groups: [SyncGroupDraft] = []
    var processes: [TrackedProcess] = []
    var files: [TrackedFile] = []
    /// `garp_group`, by interface.
    var paces: [String: AnnouncementPace] = [:]
    /// `interface_up_down_delays`, by interface.
    var delayLocations: [String: SourceLocation] = [:]
    /// By the keyword that makes them.
    var fifos: [String: NotifyFIFO] = [:]
    var fifoScripts: [String: Setting] = [:]
    var gateway: GatewayChoice?
    /// Users and groups that were looked up, so that each is missed once.
    var missedOwners: Set<String> = []
    /// Somebody's programs run as whoever runs those that name nobody.
    var reliesOnDefaultUser: SourceLocation?
    /// Top-level blocks that were refused, so that each kind is named once.
    private var refusedBlocks: Set<String> = []
    /// Where a check, a process or a file says its weight.
    var weightLocations: [Track.Subject: SourceLocation] = [:]
    /// By router: where the weight stands that counts for a track, or else the track.
    var trackLocations: [String: [Track.Subject: SourceLocation]] = [:]
    var tandem = TandemSettings()
    private var tandemLocation: SourceLocation?

    init(environment: ParsingEnvironment, report: Report) {
        self.environment = environment
        self.report = report
    }

    /// Nil after an error.
    mutating func configuration(
        of statements: [Statement],
        in file: SourceLocation
    ) -> KeepalivedConfiguration? {
        for setting in settings(of: statements, in: Keywords.topLevel, block: nil) {
            switch setting.keyword {
            case "global_defs": readGlobal(setting)
            case "vrrp_script": readScript(setting)
            case "vrrp_instance": readInstance(setting)
            case "vrrp_sync_group": readSyncGroup(setting)
            case "vrrp_track_process": readTrackedProcess(setting)
            case "track_file", "vrrp_track_file": readTrackedFile(setting)
            case "interface_up_down_delays": readInterfaceDelays(setting)
            case "garp_group": readAnnouncementGroup(setting)
            case "tandem": readTandemOnce(setting)
            default: reportUnhandled(setting)
            }
        }
        if instances.isEmpty {
            report.error(
                SourceLocation(file: file.file, line: file.line),
                "there is no vrrp_instance, so there is no address to keep",
                mend: "write a 'vrrp_instance NAME { … }' block"
            )
        }
        return finished()
    }

    private mutating func readTandemOnce(_ setting: Setting) {
        if let first = tandemLocation {
            report.error(
                setting.location,
                "a second 'tandem' block; the first is at \(first)",
                mend: "keep one"
            )
            return
        }
        tandemLocation = setting.location
        readTandem(setting)
    }

    // MARK: Statements into settings

    /// Looks every statement up in the block's table; only what Tandem acts on comes back.
    mutating func settings(
        of statements: [Statement],
        in table: KeywordTable,
        block: String?
    ) -> [Setting] {
        var settings: [Setting] = []
        for statement in statements {
            var words = statement.words[...]
            while let first = words.first {
                words = words.dropFirst()
                guard let keyword = table[first.text] else {
                    reportUnknown(first.text, in: table, block: block, at: statement.location)
                    words = []
                    break
                }
                let count = parameterCount(
                    keyword,
                    words,
                    table: table,
                    isBlock: statement.children != nil
                )
                let arguments = Array(words.prefix(count))
                words = words.dropFirst(count)
                let rest = words.first
                if let rest {
                    reportRest(rest.text, after: first, arguments, in: table, at: statement)
                    if table[rest.text] == nil { words = [] }
                }
                let setting = Setting(
                    keyword: keyword.name,
                    arguments: arguments,
                    children: rest == nil ? statement.children ?? [] : [],
                    location: statement.location
                )
                if accepts(
                    setting,
                    as: keyword,
                    hasBlock: rest == nil && statement.children != nil
                ) {
                    settings.append(setting)
                }
            }
        }
        return settings
    }

    /// How many of the words that follow belong to the keyword.
    private func parameterCount(
        _ keyword: Keyword,
        _ words: ArraySlice<Word>,
        table: KeywordTable,
        isBlock: Bool
    ) -> Int {
        if case .optional = keyword.parameters {
            return words.first.map { table[$0.text] == nil ? 1 : 0 } ?? 0
        }
        guard keyword.parameters.maximum == .max else {
            return min(keyword.parameters.maximum, words.count)
        }
        // A quoted program is one word; what follows it is its user, or a statement on the same line.
        let next = words.dropFirst().firstIndex { !$0.isQuoted && table[$0.text] != nil }
        guard let next, words.first?.isQuoted == true || keyword.name == "weight" else {
            return words.count
        }
        return next - words.startIndex
    }

    private mutating func accepts(_ setting: Setting, as keyword: Keyword, hasBlock: Bool) -> Bool {
        switch keyword.verdict {
        case .accepted:
            return false
        case .warned:
            report.warning(
                setting.location,
                "'\(keyword.name)' has no effect: \(keyword.note)",
                mend: "remove it"
            )
            return false
        case .refused:
            if hasBlock, !refusedBlocks.insert(keyword.name).inserted { return false }
            report.error(
                setting.location,
                "'\(keyword.name)' is not done by this version",
                mend: keyword.note
            )
            return false
        case .done:
            break
        }
        guard setting.arguments.count >= keyword.parameters.minimum else {
            report.error(
                setting.location,
                "'\(keyword.name)' needs a value",
                mend: "expected: \(keyword.note)"
            )
            return false
        }
        if case .block = keyword.parameters, !hasBlock {
            report.error(
                setting.location,
                "'\(keyword.name)' needs a block",
                mend: "write '{ … }' after it"
            )
            return false
        }
        return true
    }

    private mutating func reportRest(
        _ rest: String,
        after first: Word,
        _ arguments: [Word],
        in table: KeywordTable,
        at statement: Statement
    ) {
        let read = ([first] + arguments).map(\.text).joined(separator: " ")
        if table[rest] != nil {
            report.warning(
                statement.location,
                "'\(rest)' on the line of '\(read)' is read as a statement of its own",
                mend: "put it on a line of its own: keepalived ignores it here"
            )
        } else {
            report.warning(
                statement.location,
                "'\(rest)' after '\(read)' is ignored",
                mend: "remove it"
            )
        }
    }

    private mutating func reportUnknown(
        _ word: String,
        in table: KeywordTable,
        block: String?,
        at location: SourceLocation
    ) {
        let place = block.map { " in '\($0)'" } ?? ""
        let mend =
            Spelling.nearest(to: word, among: table.candidates).map { "did you mean '\($0)'?" }
            ?? home(of: word).map { "it belongs into '\($0)'" }
            ?? (table["group"] == nil ? "remove it" : "members stand in a 'group { … }' block")
        report.error(location, "unknown keyword '\(word)'\(place)", mend: mend)
    }

    /// The block that a keyword is right in.
    private func home(of word: String) -> String? {
        Keywords.all.first { $0.table[word] != nil && $0.block != "top level" }?.block
    }

    /// A keyword that the table calls done and no reader knows would be skipped in silence.
    mutating func reportUnhandled(_ setting: Setting) {
        report.error(setting.location, "'\(setting.keyword)' can't stand here", mend: "remove it")
    }
}
