import Primitives

extension Interpreter {
    /// `server NAME ADDRESS[:PORT] [OPTION…]` (manual §4.2 and §5.2).
    mutating func readServer(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard !draft.isDefaults, draft.section.kind != .frontend else {
            report.error(
                location,
                "'server' is not allowed in a '\(draft.sectionName)' section",
                mend: "move it into a 'backend' or 'listen'"
            )
            return
        }
        guard words.count > 2 else {
            report.error(
                location,
                "'server' needs a name and an address",
                mend: "write 'server NAME ADDRESS:PORT'"
            )
            return
        }
        if let other = draft.section.servers.first(where: { $0.name == words[1] }) {
            report.error(
                location,
                "a second server '\(words[1])' in '\(draft.section.name)'; the first is at "
                    + "\(other.location)",
                mend: "give it a name of its own"
            )
            return
        }
        guard let server = server(words, of: "server", at: location, in: draft) else { return }
        draft.section.servers.append(server)
    }

    /// Name, address and options, on top of `default-server`; nil after an error.
    mutating func server(
        _ words: [String],
        of line: String,
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> ServerLine? {
        guard let address = serverAddress(words[2], at: location) else {
            return nil
        }
        var server = draft.defaultServer
        server.name = words[1]
        server.host = address.host
        server.port = address.port
        server.location = location
        readOptions(words.dropFirst(3), of: line, into: &server, at: location)
        // Only `minconn`, or one that is larger: HAProxy takes it for the limit.
        if server.minconn > server.maxconn { server.maxconn = server.minconn }
        if let tracked = server.tracked, tracked.backend.isEmpty {
            server.tracked?.backend = draft.section.name
        }
        if server.checked, case .client = server.port, server.checkPort == nil {
            report.error(
                location,
                "the check of server '\(server.name)' has no port to connect to",
                mend: "write a port behind the address, or 'port N'"
            )
            return nil
        }
        if server.observes, !server.checked {
            report.warning(
                location,
                "'observe' of server '\(server.name)' has no effect without 'check'",
                mend: "write 'check', which finds out when the server is back"
            )
        }
        return server
    }

    mutating func readDefaultServer(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        readOptions(
            words.dropFirst(),
            of: "default-server",
            into: &draft.defaultServer,
            at: location
        )
    }

    private mutating func readOptions(
        _ words: ArraySlice<String>,
        of line: String,
        into server: inout ServerLine,
        at location: SourceLocation
    ) {
        var words = words
        while let name = words.popFirst() {
            guard let keyword = Keywords.server[name] else {
                reportUnknown(name, in: Keywords.server, section: line, at: location)
                return
            }
            if name == "source" {
                guard let source = sourceAddress(words, at: location) else { return }
                server.source = source.value
                words = words.dropFirst(source.count)
                continue
            }
            let values = words.prefix(keyword.parameters)
            words = words.dropFirst(keyword.parameters)
            guard values.count == keyword.parameters else {
                report.error(
                    location,
                    "'\(name)' of '\(line)' needs a value",
                    mend: "expected: \(keyword.note)"
                )
                return
            }
            switch keyword.verdict {
            case .accepted: continue
            case .warned, .http: reportWithoutEffect(name, keyword, at: location)
            case .refused: reportRefused(name, keyword, at: location)
            case .done, .replaced: set(name, values.first ?? "", in: &server, at: location)
            }
        }
    }

    private mutating func set(
        _ name: String,
        _ value: String,
        in server: inout ServerLine,
        at location: SourceLocation
    ) {
        switch name {
        case "check": server.checked = true
        case "no-check": server.checked = false
        case "backup": server.backup = true
        case "no-backup": server.backup = false
        case "disabled": server.disabled = true
        case "enabled": server.disabled = false
        case "send-proxy": server.sendProxyVersion = 1
        case "send-proxy-v2": server.sendProxyVersion = 2
        case "check-send-proxy": server.checkSendProxy = true
        case "no-send-proxy", "no-send-proxy-v2": server.sendProxyVersion = nil
        case "inter", "fastinter", "downinter", "slowstart":
            setTime(name, value, in: &server, at: location)
        case "id": server.id = integer(value, of: name, in: 1...Int(Int32.max), at: location)
        case "rise", "fall", "weight", "maxconn", "minconn", "maxqueue":
            setNumber(name, value, in: &server, at: location)
        case "init-addr", "resolvers", "resolve-prefer", "track", "init-state":
            setNameOption(name, value, in: &server, at: location)
        case "observe":
            if expect("layer4", value, of: name, at: location) { server.observes = true }
        case "error-limit":
            if let limit = integer(value, of: name, in: 1...1_000_000, at: location) {
                server.errorLimit = limit
            }
        case "on-error":
            guard let action = ServerLine.OnError(rawValue: value) else {
                report.error(
                    location,
                    "'on-error \(value)' is not known",
                    mend: "expected fastinter, fail-check, sudden-death or mark-down"
                )
                return
            }
            server.onError = action
        case "port", "addr": setCheckAddress(name, value, in: &server, at: location)
        case "on-marked-down":
            if expect("shutdown-sessions", value, of: name, at: location) {
                server.shutdownSessionsWhenDown = true
            }
        case "on-marked-up":
            if expect("shutdown-backup-sessions", value, of: name, at: location) {
                server.shutdownBackupSessionsWhenUp = true
            }
        default: reportUnknown(name, in: Keywords.server, section: "server", at: location)
        }
    }

    private mutating func setTime(
        _ name: String,
        _ value: String,
        in server: inout ServerLine,
        at location: SourceLocation
    ) {
        guard let duration = time(value, of: name, at: location) else { return }
        guard duration > .zero || name == "slowstart" else {
            report.error(location, "'\(name) 0' is not a time to wait", mend: "write 1ms or more")
            return
        }
        switch name {
        case "inter": server.interval = duration
        case "fastinter": server.fastInterval = duration
        case "downinter": server.downInterval = duration
        default: server.slowStart = duration
        }
    }

    private mutating func setNumber(
        _ name: String,
        _ value: String,
        in server: inout ServerLine,
        at location: SourceLocation
    ) {
        let range =
            switch name {
            case "rise", "fall": 1...1_000_000
            case "weight": 0...256
            default: 0...10_000_000
            }
        guard let number = integer(value, of: name, in: range, at: location) else { return }
        switch name {
        case "rise": server.rise = number
        case "fall": server.fall = number
        case "weight": server.weight = number
        case "maxconn": server.maxconn = number
        case "minconn": server.minconn = number
        default: server.maxqueue = number
        }
    }

    private mutating func setCheckAddress(
        _ name: String,
        _ value: String,
        in server: inout ServerLine,
        at location: SourceLocation
    ) {
        if name == "port" {
            guard let port = AddressText.port(value) else {
                report.error(location, "'port \(value)' is not a port", mend: "expected 1 to 65535")
                return
            }
            server.checkPort = port
            return
        }
        let split = AddressText.split(value)
        guard let address = IPAddress(split.host) else {
            report.error(
                location,
                "'addr \(value)' is not an IP address",
                mend: "expected ADDRESS[:PORT]"
            )
            return
        }
        server.checkAddress = address
        if let port = split.port.flatMap({ AddressText.port($0) }) { server.checkPort = port }
    }

    private mutating func expect(
        _ expected: String,
        _ value: String,
        of name: String,
        at location: SourceLocation
    ) -> Bool {
        if value == expected { return true }
        report.error(
            location,
            "'\(name) \(value)' is not known",
            mend: "expected '\(name) \(expected)'"
        )
        return false
    }
}
