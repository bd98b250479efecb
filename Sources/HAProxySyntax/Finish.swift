import Primitives

extension Interpreter {
    /// Puts the proxies together; what is missing or contradicts is reported.
    mutating func finished() -> HAProxyConfiguration? {
        global.logs = globalLogs
        var result: [ProxySection] = []
        for draft in proxies {
            var section = draft.section
            if draft.usesGlobalLogs { section.logs = globalLogs + section.logs }
            if let source = draft.source {
                for index in section.servers.indices where section.servers[index].source == nil {
                    section.servers[index].source = source
                }
            }
            checkBackend(of: draft)
            if section.kind == .backend { section.defaultBackend = nil }
            if !section.disabled {
                checkListener(of: draft)
                checkTimeouts(of: section)
            }
            result.append(section)
        }
        checkDuplicateBinds(in: result)
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
        guard draft.section.kind != .backend, let name = draft.section.defaultBackend,
            !refusedNames.contains(name)
        else { return }
        let backends = proxies.map(\.section).filter { $0.kind != .frontend }.map(\.name)
        guard !backends.contains(name) else { return }
        report.error(
            draft.defaultBackendLocation ?? draft.section.location,
            "'default_backend \(name)' of '\(draft.section.name)' does not exist",
            mend: Spelling.nearest(to: name, among: backends).map { "did you mean '\($0)'?" }
                ?? "write a 'backend \(name)' section"
        )
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
        if section.kind == .frontend, section.defaultBackend == nil {
            report.warning(
                section.location,
                "'frontend \(section.name)' has no 'default_backend', "
                    + "so clients are turned away",
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

    private mutating func checkDuplicateBinds(in proxies: [ProxySection]) {
        struct Key: Hashable {
            var endpoint: BindAddress.Endpoint
            var interface: String?
        }
        var seen: [Key: BindAddress] = [:]
        for bind in proxies.lazy.filter({ !$0.disabled }).flatMap(\.binds) {
            let key = Key(endpoint: bind.endpoint, interface: bind.interface)
            guard let other = seen[key] else {
                seen[key] = bind
                continue
            }
            report.error(
                bind.location,
                "the address is bound already at \(other.location)",
                mend: "remove one of them"
            )
        }
    }
}
