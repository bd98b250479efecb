import Primitives
import Rules

/// A proxy that is known by its first line.
struct ProxyName: Equatable {
    var kind: ProxySection.Kind
    var name: String
}

/// A condition reads a table, or a rule counts there.
struct CounterUse: Equatable {
    var proxy: Int
    /// Nil: the table alone has to be there.
    var counter: TableCounter?
    var location: SourceLocation
}

extension Interpreter {
    enum ProxyRole {
        case frontend
        case backend
        case table
    }

    /// The criterion of an `acl` line or between braces: `SAMPLE [FLAG…] [VALUE…]`; nil after an error.
    mutating func criterion(
        _ words: ArraySlice<String>,
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> Criterion? {
        guard let text = words.first else {
            report.error(location, "a criterion is missing", mend: "such as 'src 192.0.2.0/24'")
            return nil
        }
        guard let (sample, folds) = sample(text, at: location, in: draft),
            let pattern = pattern(words.dropFirst(), for: sample, folds: folds, at: location)
        else { return nil }
        return Criterion(sample, pattern)
    }

    // MARK: Samples

    /// `NAME[(ARGUMENT,…)][,lower]`; nil after an error.
    private mutating func sample(
        _ text: String,
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> (sample: Sample, folds: Bool)? {
        let name = String(text.prefix { $0 != "(" && $0 != "," })
        var rest = text.dropFirst(name.count)
        var arguments: [String] = []
        if rest.hasPrefix("(") {
            guard let close = rest.firstIndex(of: ")") else {
                report.error(location, "'\(text)' has no ')'", mend: "add it")
                return nil
            }
            let inner = rest[rest.index(after: rest.startIndex)..<close]
            if !inner.isEmpty {
                arguments = inner.split(separator: ",", omittingEmptySubsequences: false)
                    .map(String.init)
            }
            rest = rest[rest.index(after: close)...]
        }
        guard let keyword = Keywords.criteria[name] else {
            reportUnknown(name, in: Keywords.criteria, section: "acl", at: location)
            return nil
        }
        guard keyword.verdict == .done else {
            report.error(location, "'\(name)' is not done by this version", mend: keyword.note)
            return nil
        }
        guard let sample = sample(name, arguments, at: location, in: draft) else { return nil }
        guard rest.isEmpty || rest == ",lower" && sample.kind == .text else {
            report.error(
                location,
                "'\(rest.dropFirst())' behind '\(name)' is not done by this version",
                mend: "remove it; '-i' ignores the case"
            )
            return nil
        }
        return (sample, !rest.isEmpty)
    }

    private mutating func sample(
        _ name: String,
        _ arguments: [String],
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> Sample? {
        let first = arguments.first
        switch name {
        case "always_true": return .always(true)
        case "always_false": return .always(false)
        case "wait_end": return .waitEnd
        case "src": return .source
        case "src_port": return .sourcePort
        case "dst": return .destination
        case "dst_port": return .destinationPort
        case "dst_conn": return .entranceConnections
        case "req.len", "req_len": return .requestLength
        case "req.ssl_hello_type", "req_ssl_hello_type": return .helloType
        case "req.ssl_sni", "req_ssl_sni": return .serverName
        case "req.payload", "payload":
            let limit = Criterion.requestLimit
            guard arguments.count == 2,
                let offset = integer(first, of: name, in: 0...limit, at: location),
                let length = integer(arguments[1], of: name, in: 0...limit, at: location)
            else {
                if arguments.count != 2 {
                    report.error(
                        location,
                        "'\(name)' needs an offset and a length",
                        mend: "write '\(name)(0,5)'"
                    )
                }
                return nil
            }
            return .payload(offset: offset, length: length)
        case "fe_conn":
            return proxy(first, as: .frontend, of: name, at: location, in: draft)
                .map { .frontendConnections(proxy: $0) }
        case "be_conn":
            return proxy(first, as: .backend, of: name, at: location, in: draft)
                .map { .backendConnections(proxy: $0) }
        case "queue":
            return proxy(first, as: .backend, of: name, at: location, in: draft)
                .map { .backendQueue(proxy: $0) }
        case "nbsrv":
            return proxy(first, as: .backend, of: name, at: location, in: draft)
                .map { .usableServers(proxy: $0) }
        case "connslots":
            return proxy(first, as: .backend, of: name, at: location, in: draft)
                .map { .freeSlots(proxy: $0) }
        default: return counter(name, arguments, at: location, in: draft)
        }
    }

    /// `src_conn_rate[(TABLE)]`, `sc0_conn_rate`, `sc_conn_rate(0)`.
    private mutating func counter(
        _ name: String,
        _ arguments: [String],
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> Sample? {
        guard let counter = TableCounter.allCases.first(where: { name.hasSuffix($0.rawValue) })
        else { return nil }
        if name.hasPrefix("src_") {
            let proxy = proxy(arguments.first, as: .table, of: name, at: location, in: draft)
            guard let proxy else { return nil }
            counterUses.append(CounterUse(proxy: proxy, counter: counter, location: location))
            return .sourceCounter(counter, proxy: proxy)
        }
        if let place = name.dropFirst(2).first?.wholeNumberValue {
            return .trackedCounter(counter, place: place)
        }
        return integer(arguments.first, of: name, in: 0...2, at: location)
            .map { .trackedCounter(counter, place: $0) }
    }

    /// The proxy of that name, or the one that is read; nil after an error.
    mutating func proxy(
        _ name: String?,
        as role: ProxyRole,
        of keyword: String,
        at location: SourceLocation,
        in draft: ProxyDraft
    ) -> Int? {
        func fits(_ kind: ProxySection.Kind) -> Bool {
            switch (role, kind) {
            case (.frontend, .backend), (.backend, .frontend): false
            case (.frontend, .frontend), (.frontend, .listen), (.backend, .backend),
                (.backend, .listen), (.table, _):
                true
            }
        }
        guard let name, !name.isEmpty else {
            if fits(draft.section.kind) { return draft.number }
            report.error(
                location,
                "'\(keyword)' needs the name of a proxy here",
                mend: "write '\(keyword)(NAME)'"
            )
            return nil
        }
        if let number = directory.firstIndex(where: { $0.name == name && fits($0.kind) }) {
            return number
        }
        report.error(
            location,
            "'\(keyword)(\(name))': there is no such proxy",
            mend: Spelling.nearest(to: name, among: directory.map(\.name))
                .map { "did you mean '\($0)'?" } ?? "name a section of this file"
        )
        return nil
    }
}
