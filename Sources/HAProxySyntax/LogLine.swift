import Primitives

extension Interpreter {
    mutating func readLog(
        _ words: [String],
        negated: Bool,
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        if negated {
            draft.section.logs = []
            draft.usesGlobalLogs = false
        } else if words.count == 2, words[1] == "global" {
            draft.usesGlobalLogs = true
        } else if let target = logTarget(words, at: location) {
            draft.section.logs.append(target)
        }
    }

    /// `log TARGET [len N] [format F] [sample …] FACILITY [MAX [MIN]]` (manual §4.2); nil after an error.
    mutating func logTarget(_ words: [String], at location: SourceLocation) -> LogTarget? {
        var words = words.dropFirst()
        guard let address = words.popFirst(), let destination = destination(address, at: location)
        else {
            if words.isEmpty {
                report.error(
                    location,
                    "'log' needs a target and a facility",
                    mend: "write 'log 127.0.0.1 local0'"
                )
            }
            return nil
        }
        var target = LogTarget(destination: destination, facility: 0)
        while let option = words.first, ["len", "format", "sample", "profile"].contains(option) {
            words.removeFirst()
            guard let value = words.popFirst() else {
                report.error(
                    location,
                    "'\(option)' of 'log' needs a value",
                    mend: "write one after it"
                )
                return nil
            }
            guard set(option, value, in: &target, at: location) else { return nil }
        }
        guard let name = words.popFirst() else {
            report.error(
                location,
                "'log \(address)' has no facility",
                mend: "write 'log \(address) local0'"
            )
            return nil
        }
        guard let facility = Self.facilities.firstIndex(of: name) else {
            report.error(
                location,
                "unknown log facility '\(name)'",
                mend: Spelling.nearest(to: name, among: Self.facilities).map {
                    "did you mean '\($0)'?"
                } ?? "expected local0 to local7, daemon, user, …"
            )
            return nil
        }
        target.facility = UInt8(facility)
        for isMaximum in [true, false] {
            guard let name = words.popFirst() else { break }
            guard let level = Self.levels.firstIndex(of: name) else {
                report.error(
                    location,
                    "unknown log level '\(name)'",
                    mend: "expected \(Self.levels.joined(separator: ", "))"
                )
                return nil
            }
            if isMaximum {
                target.maximumLevel = UInt8(level)
            } else {
                target.minimumLevel = UInt8(level)
            }
        }
        return target
    }

    private static let facilities = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "auth2",
        "ftp", "ntp", "audit", "alert", "cron2", "local0", "local1", "local2", "local3", "local4",
        "local5", "local6", "local7",
    ]

    private static let levels = [
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
    ]

    private mutating func set(
        _ option: String,
        _ value: String,
        in target: inout LogTarget,
        at location: SourceLocation
    ) -> Bool {
        switch option {
        case "len":
            guard let length = integer(value, of: "len", in: 80...65_535, at: location) else {
                return false
            }
            target.length = length
        case "format":
            guard let format = LogTarget.Format(rawValue: value) else {
                report.error(
                    location,
                    "unknown log format '\(value)'",
                    mend: "expected rfc3164, rfc5424, raw, short, timed, priority, iso or local"
                )
                return false
            }
            target.format = format
        default:
            report.warning(
                location,
                "'\(option)' of 'log' has no effect: every line is sent",
                mend: "remove it"
            )
        }
        return true
    }

    private mutating func destination(
        _ text: String,
        at location: SourceLocation
    ) -> LogTarget.Destination? {
        var address = expanded(text)
        if address == "stdout" { return .standardOutput }
        if address == "stderr" { return .standardError }
        if let at = address.firstIndex(of: "@") {
            let prefix = String(address[..<at])
            address = String(address[address.index(after: at)...])
            switch (prefix, address) {
            case ("fd", "1"): return .standardOutput
            case ("fd", "2"): return .standardError
            case ("unix", _), ("udp", _), ("udp4", _), ("udp6", _), ("ipv4", _), ("ipv6", _): break
            default:
                report.error(
                    location,
                    "'log \(text)' is not done by this version",
                    mend: "expected an IP address, a path, stdout or stderr"
                )
                return nil
            }
        }
        if address.hasPrefix("/") { return .unix(path: address) }
        let split = AddressText.split(address)
        let host = split.host == "localhost" ? "127.0.0.1" : split.host
        guard let ip = IPAddress(host) else {
            report.error(
                location,
                "'\(split.host)' is not an IP address to log to",
                mend: "expected an IP address, a path such as /dev/log, stdout or stderr"
            )
            return nil
        }
        guard let port = split.port else { return .udp(address: ip, port: 514) }
        guard let number = AddressText.port(port) else {
            report.error(location, "'\(port)' is not a port to log to", mend: "expected 1 to 65535")
            return nil
        }
        return .udp(address: ip, port: number)
    }
}
