package import Messages
package import Supervision

/// How a command went for one name; the name is empty where the command has none.
package struct CommandResult: Equatable, Sendable {
    package var name: String
    package var outcome: ControlReply.Outcome
    package var text: String

    package init(name: String, outcome: ControlReply.Outcome, text: String) {
        self.name = name
        self.outcome = outcome
        self.text = text
    }

    /// The line that supervisorctl would print, such as `proxy: stopped` or
    /// `proxy: ERROR (no such process)`.
    package var line: String {
        switch (outcome, name.isEmpty) {
        case (.done, true): text
        case (.done, false): "\(name): \(text)"
        case (.noSuchName, _): "\(name): ERROR (no such process)"
        case (.failed, true), (.refused, true): "error: \(text)"
        case (.failed, false), (.refused, false): "\(name): ERROR (\(text))"
        }
    }
}

/// All that `status` was told.
package struct StatusAnswer: Equatable, Sendable {
    package var processes: [ProcessReport] = []
    package var routers: [RouterReport] = []
    package var results: [CommandResult] = []

    package init() {}

    /// Keeps what belongs to a status and ignores what does not.
    package mutating func take(_ reply: ControlReply) {
        switch reply {
        case .process(let report): processes.append(report)
        case .router(let report): routers.append(report)
        case .result(let name, let outcome, let text):
            results.append(CommandResult(name: name, outcome: outcome, text: text))
        case .journal, .output, .end, .detail, .proxy, .traffic, .rows: break
        }
    }
}

/// All that `why` was told, oldest first.
package struct JournalAnswer: Equatable, Sendable {
    package var entries: [JournalEntry] = []
    package var results: [CommandResult] = []

    package init() {}

    /// Keeps what belongs to the journal and ignores what does not.
    package mutating func take(_ reply: ControlReply) {
        switch reply {
        case .journal(let entry): entries.append(entry)
        case .result(let name, let outcome, let text):
            results.append(CommandResult(name: name, outcome: outcome, text: text))
        case .process, .router, .output, .end, .detail, .proxy, .traffic, .rows: break
        }
    }
}

/// All that `vrrp` was told.
package struct RouterAnswer: Equatable, Sendable {
    package var details: [RouterDetail] = []
    /// What more there is to say of each, by its name.
    package var rows: [String: [RouterRows.Row]] = [:]
    package var results: [CommandResult] = []

    package init() {}

    /// Keeps what describes routers and ignores what does not.
    package mutating func take(_ reply: ControlReply) {
        switch reply {
        case .detail(let detail): details.append(detail)
        case .rows(let page): rows[page.router, default: []] += page.rows
        case .result(let name, let outcome, let text):
            results.append(CommandResult(name: name, outcome: outcome, text: text))
        case .process, .router, .journal, .output, .end, .proxy, .traffic: break
        }
    }
}

/// All that `proxy` was told, in the order of the configuration.
package struct ProxyAnswer: Equatable, Sendable {
    /// Nil: the proxy did not answer.
    package var proxy: ProxyReport?
    package var traffic: [TrafficReport] = []
    package var results: [CommandResult] = []

    package init() {}

    /// Keeps what describes the proxy and ignores what does not.
    package mutating func take(_ reply: ControlReply) {
        switch reply {
        case .proxy(let report): proxy = report
        case .traffic(let report): traffic.append(report)
        case .result(let name, let outcome, let text):
            results.append(CommandResult(name: name, outcome: outcome, text: text))
        case .process, .router, .journal, .output, .end, .detail, .rows: break
        }
    }
}
