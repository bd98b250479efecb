import Primitives

extension Interpreter {
    mutating func readGlobal(_ section: Section) {
        for line in section.lines {
            var words = line.words
            let negated = words[0] == "no"
            if negated { words.removeFirst() }
            guard let name = words.first else {
                report.error(line.location, "'no' needs a keyword", mend: "write one after it")
                continue
            }
            guard let keyword = Keywords.global[name] else {
                reportUnknown(name, in: Keywords.global, section: "global", at: line.location)
                continue
            }
            switch keyword.verdict {
            case .accepted: continue
            case .warned, .http: reportWithoutEffect(name, keyword, at: line.location)
            case .refused: reportRefused(name, keyword, at: line.location)
            case .done, .replaced:
                if negated, name != "log" {
                    report.error(
                        line.location,
                        "'no \(name)': negation is not supported for it",
                        mend: "remove the line"
                    )
                } else {
                    readGlobal(words, negated: negated, at: line.location)
                }
            }
        }
    }

    private mutating func readGlobal(_ words: [String], negated: Bool, at location: SourceLocation)
    {
        switch words[0] {
        case "maxconn": global.maxconn = number(words, in: 1...10_000_000, at: location)
        case "nbthread": global.threads = number(words, in: 1...1024, at: location)
        case "tune.buffers.limit":
            // 0 is HAProxy's word for no limit.
            guard let limit = number(words, in: 0...1_000_000, at: location) else { return }
            global.bufferLimit = limit == 0 ? nil : limit
        case "spread-checks":
            if let percent = number(words, in: 0...50, at: location) {
                global.checkSpread = percent
            }
        case "tune.engine":
            guard let name = value(words, at: location) else { return }
            guard let engine = GlobalSection.Engine(rawValue: name) else {
                report.error(
                    location,
                    "'tune.engine': there is no engine '\(name)'",
                    mend: "write 'auto', 'epoll' or 'io_uring'"
                )
                return
            }
            global.engine = engine
        case "hard-stop-after":
            if let limit = time(words.dropFirst().first, of: words[0], at: location) {
                global.hardStopAfter = limit
            }
        case "uid":
            global.uid = number(words, in: 0...Int(UInt32.max) - 1, at: location).map(UInt32.init)
        case "gid":
            global.gid = number(words, in: 0...Int(UInt32.max) - 1, at: location).map(UInt32.init)
        case "user": global.user = value(words, at: location)
        case "group": global.group = value(words, at: location)
        case "pidfile": global.pidfile = value(words, at: location)
        case "log-tag": global.logTag = value(words, at: location)
        case "log-send-hostname": global.logHostname = words.dropFirst().first ?? ""
        case "log":
            if negated {
                globalLogs = []
            } else if let target = logTarget(words, at: location) {
                globalLogs.append(target)
            }
        case "stats":
            guard words.dropFirst().first == "socket" else { return }
            guard words.count > 2 else {
                report.error(
                    location,
                    "'stats socket' needs a path",
                    mend: "write 'stats socket /run/…'"
                )
                return
            }
            global.statsSockets.append(words.dropFirst(2).joined(separator: " "))
        case "unix-bind": readUnixBind(words.dropFirst(), at: location)
        case "setenv", "presetenv", "unsetenv": return
        default: reportUnknown(words[0], in: Keywords.global, section: "global", at: location)
        }
    }

    private mutating func value(_ words: [String], at location: SourceLocation) -> String? {
        if let value = words.dropFirst().first, !value.isEmpty { return value }
        report.error(location, "'\(words[0])' needs a value", mend: "write one after it")
        return nil
    }
}
