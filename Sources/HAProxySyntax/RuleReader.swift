import Primitives
import Rules

extension Interpreter {
    /// `use_backend NAME [if|unless …]`.
    mutating func readUseBackend(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard !refusesDefaults("use_backend", draft, at: location) else { return }
        guard draft.section.kind != .backend else {
            report.warning(
                location,
                "'use_backend' has no effect in a 'backend'",
                mend: "remove it"
            )
            return
        }
        guard words.count > 1, words[1] != "if", words[1] != "unless" else {
            report.error(
                location,
                "'use_backend' needs a name",
                mend: "name a 'backend' or 'listen'"
            )
            return
        }
        guard !words[1].hasPrefix("%") else {
            report.error(
                location,
                "'use_backend \(words[1])': a name out of an expression is not done",
                mend: "write a 'use_backend NAME if …' for each"
            )
            return
        }
        let condition = condition(
            words.dropFirst(2),
            of: "use_backend \(words[1])",
            at: location,
            in: draft
        )
        guard let condition else { return }
        draft.section.backendChoices.append(
            BackendChoice(backend: words[1], condition: condition, location: location)
        )
    }

    /// `tcp-request inspect-delay TIME`, `tcp-request connection|session|content ACTION [if|unless …]`.
    mutating func readTCPRequest(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard words.count > 1 else {
            report.error(
                location,
                "'tcp-request' needs a step",
                mend: "expected inspect-delay, connection, session or content"
            )
            return
        }
        switch words[1] {
        case "inspect-delay":
            if let delay = time(words.dropFirst(2).first, of: "inspect-delay", at: location) {
                draft.section.inspectDelay = delay == .zero ? nil : delay
            }
        case "connection", "session", "content":
            guard !refusesDefaults("tcp-request \(words[1])", draft, at: location) else { return }
            readRule(words, at: location, into: &draft)
        default:
            report.error(
                location,
                "'tcp-request \(words[1])' is not known",
                mend: "expected inspect-delay, connection, session or content"
            )
        }
    }

    private mutating func readRule(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        let step = words[1]
        if draft.section.kind == .backend, step != "content" {
            report.error(
                location,
                "'tcp-request \(step)' is not allowed in a 'backend' section",
                mend: "move it into a 'frontend' or 'listen'"
            )
            return
        }
        var rest = words.dropFirst(2)
        guard let name = rest.popFirst(),
            let action = action(name, &rest, at: location, in: draft)
        else {
            if words.count == 2 {
                report.error(
                    location,
                    "'tcp-request \(step)' needs an action",
                    mend: "expected accept, reject or track-sc0"
                )
            }
            return
        }
        let keyword = "tcp-request \(step) \(name)"
        let condition = condition(rest, of: keyword, at: location, in: draft)
        guard let condition else { return }
        if step != "content", condition?.needsRequest == true {
            report.warning(
                location,
                "'\(keyword)' looks at what the client sends, which is not there yet",
                mend: "write 'tcp-request content', with an 'inspect-delay'"
            )
        }
        let rule = RuleList.Rule(action, if: condition)
        switch step {
        case "connection": draft.section.connectionRules.rules.append(rule)
        case "session": draft.section.sessionRules.rules.append(rule)
        default: draft.section.contentRules.rules.append(rule)
        }
    }

    /// Nil after an error.
    private mutating func action(
        _ name: String,
        _ rest: inout ArraySlice<String>,
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> RuleList.Action? {
        switch name {
        case "accept": return .accept
        case "reject": return .reject
        case "track-sc0", "track-sc1", "track-sc2":
            guard let key = key(rest.popFirst(), of: name, at: location) else { return nil }
            guard let proxy = table(&rest, of: name, at: location, in: draft) else { return nil }
            counterUses.append(CounterUse(proxy: proxy, counter: nil, location: location))
            let place = name.last?.wholeNumberValue ?? 0
            return .track(key, table: proxy, place: place)
        default:
            report.error(
                location,
                "the action '\(name)' is not done by this version",
                mend: "expected accept, reject, track-sc0, track-sc1 or track-sc2"
            )
            return nil
        }
    }

    /// `table NAME`, or the proxy's own; nil after an error.
    mutating func table(
        _ rest: inout ArraySlice<String>,
        of keyword: String,
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> Int? {
        guard rest.first == "table" else { return draft.number }
        rest.removeFirst()
        guard let name = rest.popFirst() else {
            report.error(location, "'table' needs a name", mend: "name a proxy with a stick-table")
            return nil
        }
        return proxy(name, as: .table, of: keyword, at: location, in: draft)
    }

    /// What is looked up in a table; nil after an error.
    mutating func key(
        _ text: String?,
        of keyword: String,
        at location: SourceLocation
    ) -> TableKeySource? {
        if let text, let key = TableKeySource(rawValue: text) { return key }
        report.error(
            location,
            text.map { "'\(keyword) \($0)' is not done by this version" }
                ?? "'\(keyword)' needs a key",
            mend: "expected src, dst or dst_port"
        )
        return nil
    }
}
