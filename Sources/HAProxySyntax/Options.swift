import Primitives

extension Interpreter {
    /// The options that HAProxy lets `no` and `default` stand in front of, and where they are kept.
    private static let flags: [String: any WritableKeyPath<ProxySection, Bool> & Sendable] = [
        "dontlognull": \.optionDontLogNull,
        "logasap": \.optionLogASAP,
        "log-health-checks": \.optionLogHealthChecks,
        "allbackups": \.optionAllBackups,
        "abortonclose": \.optionAbortOnClose,
        "nolinger": \.optionNoLinger,
        "clitcpka": \.optionClientKeepAlive,
        "srvtcpka": \.optionServerKeepAlive,
    ]

    mutating func readOption(
        _ words: [String],
        prefix: LinePrefix?,
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        let name = words[1]
        if let flag = Self.flags[name] {
            draft.section[keyPath: flag] = prefix == nil
            return
        }
        if name == "redispatch" {
            readRedispatch(words, prefix: prefix, at: location, into: &draft)
            return
        }
        if let prefix {
            report.error(
                location,
                "'\(prefix.rawValue) option \(name)': negation is not supported for it",
                mend: "remove the line; write the option only where it is wanted"
            )
            return
        }
        switch name {
        case "tcplog": draft.section.optionTCPLog = true
        case "tcpka":
            draft.section.optionClientKeepAlive = true
            draft.section.optionServerKeepAlive = true
        case "tcp-check": break
        default:
            reportUnknown(
                "option \(name)",
                in: Keywords.proxy,
                section: draft.sectionName,
                at: location
            )
        }
    }

    /// `option redispatch [INTERVAL]`: 0 is off, -1 the last retry.
    private mutating func readRedispatch(
        _ words: [String],
        prefix: LinePrefix?,
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard prefix == nil else {
            draft.section.redispatch = nil
            return
        }
        guard words.count > 2 else {
            draft.section.redispatch = -1
            return
        }
        guard
            let interval = integer(
                words[2],
                of: "option redispatch",
                in: -1000...1000,
                at: location
            )
        else { return }
        draft.section.redispatch = interval == 0 ? nil : interval
    }

    // MARK: Timeouts

    private static let timeouts: [String: any WritableKeyPath<Timeouts, Duration?> & Sendable] = [
        "connect": \.connect,
        "client": \.client,
        "server": \.server,
        "queue": \.queue,
        "check": \.check,
        "tunnel": \.tunnel,
        "client-fin": \.clientFin,
        "server-fin": \.serverFin,
    ]

    private static let oldTimeouts = [
        "contimeout": "connect", "clitimeout": "client", "srvtimeout": "server",
    ]

    mutating func readTimeout(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        if Self.oldTimeouts[words[1]] != nil {
            readOldTimeout(words[1], words.dropFirst(2).first, at: location, into: &draft)
            return
        }
        set("timeout \(words[1])", words[1], words.dropFirst(2).first, at: location, in: &draft)
    }

    mutating func readOldTimeout(
        _ keyword: String,
        _ value: String?,
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard let name = Self.oldTimeouts[keyword] else { return }
        reportReplaced(
            keyword,
            by: "timeout \(name) \(value ?? "TIME")",
            since: "2.1",
            at: location
        )
        set(keyword, name, value, at: location, in: &draft)
    }

    /// Zero is no limit, as in HAProxy, so it is as good as not given.
    private mutating func set(
        _ keyword: String,
        _ name: String,
        _ value: String?,
        at location: SourceLocation,
        in draft: inout ProxyDraft
    ) {
        guard let field = Self.timeouts[name],
            let duration = time(value, of: keyword, at: location)
        else { return }
        draft.section.timeouts[keyPath: field] = duration == .zero ? nil : duration
    }
}
