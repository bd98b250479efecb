package import Messages

/// What the proxy carries, for people: the process in one line, then a row for each frontend, listener, backend and
/// server, with what is wrong at its end.
package enum TrafficTable {
    private static let titles = [
        "NAME", "STATE", "SESSIONS", "MOST", "RATE", "QUEUE", "TOTAL", "IN", "OUT", "ERRORS",
        "DENIED", "RETRIES",
    ]

    package static func lines(_ answer: ProxyAnswer) -> [String] {
        let failures = answer.results.filter { $0.outcome != .done }.map(\.line)
        guard let proxy = answer.proxy, !answer.traffic.isEmpty else { return failures }
        let rows = answer.traffic.map { (cells: cells(of: $0), note: note(on: $0)) }
        let widths = titles.indices.map { column in
            ([titles] + rows.map(\.cells)).map { $0[column].count }.max() ?? 0
        }
        func line(_ cells: [String], _ note: String) -> String {
            let columns = cells.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - cells[column].count)
                // Names and states begin, numbers end, at their column.
                return column < 2 ? cells[column] + space : space + cells[column]
            }
            return trimmed((columns + [note]).joined(separator: "  "))
        }
        return failures + [summary(of: proxy)] + warning(of: proxy) + ["", line(titles, "")]
            + rows.map { line($0.cells, $0.note) }
    }

    private static func trimmed(_ text: String) -> String {
        String(text.reversed().drop { $0 == " " }.reversed())
    }

    // MARK: The process

    static func summary(of proxy: ProxyReport) -> String {
        let connections = proxy.connections
        var parts = [
            "\(connections.current) of \(connections.limit) connections (most \(connections.highest))",
            "\(proxy.rate.current)/s (most \(proxy.rate.highest)/s)",
            "\(connections.total) in all",
            "\(bytes(proxy.bytesIn)) in, \(bytes(proxy.bytesOut)) out",
            "\(proxy.engine), \(proxy.workers) \(proxy.workers == 1 ? "thread" : "threads")",
            "uptime \(TimeText.uptime(milliseconds: proxy.uptimeMilliseconds))",
        ]
        if proxy.reloads > 0 {
            parts.append("reloaded \(proxy.reloads) \(proxy.reloads == 1 ? "time" : "times")")
        }
        if proxy.failedReloads > 0 {
            let times = proxy.failedReloads == 1 ? "time" : "times"
            parts.append("refused to reload \(proxy.failedReloads) \(times)")
        }
        if proxy.isDraining { parts.append("DRAINING: it takes no new connections") }
        if connections.current >= connections.limit {
            parts.append("FULL: new connections wait in the kernel")
        }
        return "proxy: " + parts.joined(separator: ", ")
    }

    /// The file that is there is not the one that counts.
    private static func warning(of proxy: ProxyReport) -> [String] {
        guard let last = proxy.lastReload, !last.succeeded else { return [] }
        let time = TimeText.short(last.wallClock)
        return ["the last reload was refused at \(time): \(last.text)"]
    }

    // MARK: Rows

    private static func cells(of report: TrafficReport) -> [String] {
        let counts = report.counts
        let errors =
            counts.requestErrors &+ counts.connectionErrors &+ counts.responseErrors
        let denied =
            counts.deniedConnections &+ counts.deniedSessions &+ counts.deniedRequests
        let faces: (isFront: Bool, hasRate: Bool) =
            switch report.kind {
            case .frontend: (true, true)
            case .listener: (true, false)
            case .backend, .server: (false, true)
            }
        return [
            name(of: report),
            state(of: report),
            // A backend's is `fullconn`, which ends nothing.
            report.kind == .backend
                ? "\(report.sessions.current)" : limited(report.sessions),
            "\(report.sessions.highest)",
            faces.hasRate ? "\(report.rate.current)/s" : "-",
            faces.isFront ? "-" : limited(report.queue),
            "\(report.sessions.total)",
            bytes(report.bytesIn),
            bytes(report.bytesOut),
            "\(errors)",
            faces.isFront ? "\(denied)" : "-",
            faces.isFront ? "-" : "\(counts.retries &+ counts.redispatches)",
        ]
    }

    private static func name(of report: TrafficReport) -> String {
        switch report.kind {
        case .frontend: "frontend \(report.proxy)"
        case .backend: "backend \(report.proxy)"
        case .listener: "  \(report.name)"
        case .server: "  \(report.name)" + (report.service?.isBackup == true ? " (backup)" : "")
        }
    }

    private static func limited(_ usage: UsageReport) -> String {
        usage.limit == 0 ? "\(usage.current)" : "\(usage.current)/\(usage.limit)"
    }

    /// HAProxy's words: `UP 2/3` is a server that fails its checks and is up yet, `DOWN 1/2` one that is coming back.
    package static func state(of report: TrafficReport) -> String {
        switch report.state {
        case .open: return "OPEN"
        case .stopped: return "STOP"
        case .unchecked: return "no check"
        case .maintenance: return "MAINT"
        case .unresolved: return "MAINT (resolution)"
        case .up, .down: break
        }
        let word = report.state == .up ? "UP" : "DOWN"
        guard report.kind == .server, let check = report.service?.check else { return word }
        if check.health >= check.rise {
            let left = check.health - check.rise + 1
            return left < check.fall ? "\(word) \(left)/\(check.fall)" : word
        }
        return check.health > 0 ? "\(word) \(check.health)/\(check.rise)" : word
    }

    // MARK: What is worth knowing

    private static func note(on report: TrafficReport) -> String {
        var parts: [String] = []
        if report.sessions.limit > 0, report.sessions.current >= report.sessions.limit,
            report.kind != .backend
        {
            parts.append("at its limit")
        }
        if let service = report.service {
            parts +=
                report.kind == .server
                ? notes(onServer: report, service) : notes(onBackend: report, service)
        }
        return parts.joined(separator: ", ")
    }

    private static func notes(onServer report: TrafficReport, _ service: ServiceReport) -> [String]
    {
        var parts: [String] = []
        let since = TimeText.uptime(milliseconds: service.stateMilliseconds)
        switch report.state {
        case .down: parts.append("down for \(since)")
        case .unresolved: parts.append("its name has no address for \(since)")
        case .up where service.timesDown > 0: parts.append("up for \(since)")
        case .open, .stopped, .up, .unchecked, .maintenance: break
        }
        if let check = service.check, let words = words(for: check) { parts.append(words) }
        if !service.tracked.isEmpty { parts.append("follows \(service.tracked)") }
        if service.timesDown > 0 {
            let all = TimeText.uptime(milliseconds: service.downMilliseconds)
            let times = service.timesDown == 1 ? "once" : "\(service.timesDown) times"
            parts.append("went down \(times), \(all) in all")
        }
        if service.weight == 0, report.state == .up || report.state == .unchecked {
            parts.append("weight 0: no new sessions")
        }
        return parts
    }

    private static func notes(onBackend report: TrafficReport, _ service: ServiceReport) -> [String]
    {
        if report.state == .down {
            let since = TimeText.uptime(milliseconds: service.stateMilliseconds)
            return ["no server is up for \(since)"]
        }
        let active = "\(service.activeServers) active"
        let backup = service.backupServers == 0 ? "" : ", \(service.backupServers) backup"
        let fallen = service.activeServers == 0 && service.backupServers > 0
        return ["\(active)\(backup)" + (fallen ? ": running on backup" : "")]
    }

    /// Nil: there is nothing to say of a check that passed.
    private static func words(for check: ServiceReport.Check) -> String? {
        switch check.result {
        case .none: "not checked yet"
        case .passed: nil
        case .connectionProblem: "L4CON: \(check.text)"
        case .timedOut: "L4TOUT: no answer within \(check.durationMilliseconds) ms"
        case .observed: "its sessions failed"
        }
    }

    /// `999`, `1.5K`, `64.0M`: of 1,024.
    package static func bytes(_ count: UInt64) -> String {
        var rest = count
        var unit = 0
        let units = ["", "K", "M", "G", "T", "P", "E"]
        var tenths: UInt64 = 0
        while rest >= 1024, unit < units.count - 1 {
            tenths = rest % 1024 * 10 / 1024
            rest /= 1024
            unit += 1
        }
        return unit == 0 ? "\(rest)" : "\(rest).\(tenths)\(units[unit])"
    }
}
