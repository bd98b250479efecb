import Primitives
import Rules

extension Interpreter {
    /// Puts the proxies together; what is missing or contradicts is reported.
    mutating func finished() -> HAProxyConfiguration? {
        global.logs = globalLogs
        var result: [ProxySection] = []
        for draft in proxies {
            var section = draft.section
            for index in section.binds.indices where section.binds[index].backlog == nil {
                section.binds[index].backlog = draft.backlog
            }
            if draft.usesGlobalLogs { section.logs = globalLogs + section.logs }
            if let source = draft.source {
                for index in section.servers.indices where section.servers[index].source == nil {
                    section.servers[index].source = source
                }
            }
            checkBackend(of: draft)
            checkBackendChoices(of: section)
            if section.kind == .backend { section.defaultBackend = nil }
            if !section.disabled {
                checkListener(of: draft)
                checkTimeouts(of: section)
            }
            result.append(section)
        }
        mergeBinds(of: &result)
        checkCounterUses(in: result)
        checkResolverUses()
        checkTracking(in: result)
        if !report.hasErrors, !result.contains(where: { !$0.binds.isEmpty && !$0.disabled }) {
            report.error(
                nil,
                "nothing listens: no 'frontend' or 'listen' has a 'bind'",
                mend: "write a 'listen' section with 'bind' and 'server'"
            )
        }
        return report.hasErrors ? nil : HAProxyConfiguration(global: global, proxies: result)
    }

    private mutating func checkBackend(of draft: ProxyDraft) {
        guard draft.section.kind != .backend, let name = draft.section.defaultBackend else {
            return
        }
        checkBackend(
            name,
            of: "'default_backend \(name)' of '\(draft.section.name)'",
            at: draft.defaultBackendLocation ?? draft.section.location
        )
    }

    private mutating func checkBackendChoices(of section: ProxySection) {
        for choice in section.backendChoices {
            checkBackend(
                choice.backend,
                of: "'use_backend \(choice.backend)' of '\(section.name)'",
                at: choice.location
            )
        }
    }

    private mutating func checkBackend(
        _ name: String,
        of what: String,
        at location: SourceLocation
    ) {
        guard !refusedNames.contains(name) else { return }
        let backends = proxies.map(\.section).filter { $0.kind != .frontend }.map(\.name)
        guard !backends.contains(name) else { return }
        report.error(
            location,
            "\(what) does not exist",
            mend: Spelling.nearest(to: name, among: backends).map { "did you mean '\($0)'?" }
                ?? "write a 'backend \(name)' section"
        )
    }

    private mutating func checkCounterUses(in proxies: [ProxySection]) {
        guard refusedNames.isEmpty else { return }
        for use in counterUses where proxies.indices.contains(use.proxy) {
            let owner = proxies[use.proxy]
            guard let table = owner.stickTable else {
                report.error(
                    use.location,
                    "'\(owner.name)' has no 'stick-table'",
                    mend: "write one there, or name a proxy that has one"
                )
                continue
            }
            guard let counter = use.counter, table.periods[counter] == nil else { continue }
            let argument = counter.isRate ? "\(counter.rawValue)(10s)" : counter.rawValue
            report.error(
                use.location,
                "the 'stick-table' of '\(owner.name)' does not store '\(counter.rawValue)'",
                mend: "add 'store \(argument)' to it"
            )
        }
    }

    private mutating func checkListener(of draft: ProxyDraft) {
        let section = draft.section
        guard section.kind != .backend else { return }
        if section.binds.isEmpty, section.kind == .frontend {
            report.warning(
                section.location,
                "'frontend \(section.name)' has no 'bind', so nothing comes in",
                mend: "write 'bind ADDRESS:PORT', or make it a 'backend'"
            )
        }
        let leadsSomewhere =
            section.defaultBackend != nil
            || section.backendChoices.contains { $0.condition == nil }
        if section.kind == .frontend, !leadsSomewhere {
            report.warning(
                section.location,
                "'frontend \(section.name)' has no 'default_backend', so "
                    + (section.backendChoices.isEmpty
                        ? "clients are turned away"
                        : "clients that no 'use_backend' takes are turned away"),
                mend: "write 'default_backend NAME'"
            )
        }
    }

    /// HAProxy's "missing timeouts": without them a connection that dies in silence stays for ever.
    private mutating func checkTimeouts(of section: ProxySection) {
        var missing: [String] = []
        if section.kind != .backend, section.timeouts.client == nil { missing.append("client") }
        if section.kind != .frontend, !section.servers.isEmpty || section.kind == .backend {
            if section.timeouts.connect == nil { missing.append("connect") }
            if section.timeouts.server == nil { missing.append("server") }
        }
        guard !missing.isEmpty else { return }
        report.warning(
            section.location,
            "missing timeouts for '\(section.kind.rawValue) \(section.name)': "
                + missing.map { "'timeout \($0)'" }.joined(separator: ", "),
            mend: "set them to more than zero, in 'defaults' or here"
        )
    }

    /// One proxy may bind an address several times, as it did for several processes: once does the same.
    private mutating func mergeBinds(of proxies: inout [ProxySection]) {
        struct Key: Hashable {
            var endpoint: BindAddress.Endpoint
            var interface: String?
        }
        var seen: [Key: (bind: BindAddress, proxy: Int)] = [:]
        for proxy in proxies.indices where !proxies[proxy].disabled {
            var kept: [BindAddress] = []
            for bind in proxies[proxy].binds {
                let key = Key(endpoint: bind.endpoint, interface: bind.interface)
                guard let other = seen[key] else {
                    seen[key] = (bind, proxy)
                    kept.append(bind)
                    continue
                }
                if other.proxy == proxy {
                    report.warning(
                        bind.location,
                        "the address is bound already at \(other.bind.location), and once is enough",
                        mend: "remove one of them: all threads listen at it"
                    )
                } else {
                    report.error(
                        bind.location,
                        "the address is bound already at \(other.bind.location)",
                        mend: "remove one of them"
                    )
                }
            }
            proxies[proxy].binds = kept
        }
    }
}
