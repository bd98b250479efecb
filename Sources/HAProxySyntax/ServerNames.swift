import Primitives

/// Options of servers that have to do with names: their own, and those of other servers.
extension Interpreter {
    /// `server-template PREFIX COUNT|FIRST-LAST NAME[:PORT] [OPTION…]` (manual §4.2).
    mutating func readServerTemplate(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard !draft.isDefaults, draft.section.kind != .frontend else {
            report.error(
                location,
                "'server-template' is not allowed in a '\(draft.sectionName)' section",
                mend: "move it into a 'backend' or 'listen'"
            )
            return
        }
        guard words.count > 3 else {
            report.error(
                location,
                "'server-template' needs a prefix, a number and a name",
                mend: "write 'server-template srv 1-5 NAME:PORT'"
            )
            return
        }
        let parts = words[2].split(separator: "-", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { $0.utf8.count <= 9 ? Int($0) : nil }
        guard numbers.count == parts.count, (1...2).contains(numbers.count),
            let last = numbers.last, numbers.count == 2 ? numbers[0] <= last : last > 0
        else {
            report.error(
                location,
                "'\(words[2])' is not a number of servers",
                mend: "expected 5, or FIRST-LAST"
            )
            return
        }
        let first = numbers.count == 2 ? numbers[0] : 1
        guard last - first < Limits.servers else {
            report.error(
                location,
                "more than \(Limits.servers) servers",
                mend: "write a smaller number"
            )
            return
        }
        let line = ["server", words[1]] + words.dropFirst(3)
        guard var server = server(line, of: "server-template", at: location, in: draft) else {
            return
        }
        server.isOfTemplate = true
        let taken = Set(draft.section.servers.map(\.name))
        for number in first...last {
            server.name = "\(words[1])\(number)"
            guard !taken.contains(server.name) else {
                report.error(
                    location,
                    "a second server '\(server.name)' in '\(draft.section.name)'",
                    mend: "use another prefix"
                )
                return
            }
            draft.section.servers.append(server)
        }
    }

    mutating func setNameOption(
        _ name: String,
        _ value: String,
        in server: inout ServerLine,
        at location: SourceLocation
    ) {
        switch name {
        case "init-addr": setInitialAddress(value, in: &server, at: location)
        case "resolvers":
            resolverUses.append((value, location))
            server.resolvePeriod = resolvePeriods[value]
        case "resolve-prefer":
            guard value == "ipv4" || value == "ipv6" else {
                report.error(
                    location,
                    "'resolve-prefer \(value)' is not known",
                    mend: "expected ipv4 or ipv6"
                )
                return
            }
            server.preferredFamily = value == "ipv4" ? .v4 : .v6
        case "init-state":
            guard let state = ServerLine.InitialState(rawValue: value) else {
                report.error(
                    location,
                    "'init-state \(value)' is not known",
                    mend: "expected fully-up, up, down or fully-down"
                )
                return
            }
            server.initialState = state
        default:
            let parts = value.split(separator: "/", maxSplits: 1).map(String.init)
            guard let last = parts.last else {
                report.error(location, "'track' needs a server", mend: "write 'BACKEND/SERVER'")
                return
            }
            server.tracked = TrackedServer(
                backend: parts.count == 2 ? parts[0] : "",
                server: last
            )
        }
    }

    /// `last`, `libc`, `none` and addresses, in a list.
    private mutating func setInitialAddress(
        _ value: String,
        in server: inout ServerLine,
        at location: SourceLocation
    ) {
        server.initialAddress = nil
        for part in value.split(separator: ",", omittingEmptySubsequences: false) {
            if ["last", "libc", "none"].contains(part) { continue }
            guard let address = IPAddress(part) else {
                report.error(
                    location,
                    "'\(part)' in 'init-addr' is not known",
                    mend: "expected last, libc, none or an IP address"
                )
                return
            }
            if server.initialAddress == nil { server.initialAddress = address }
        }
    }

    // MARK: Sections

    /// `resolvers NAME` (manual §5.3.2), as far as the system's resolver leaves it something to say.
    mutating func readResolvers(_ section: Section) {
        let words = section.header.words
        guard words.count > 1 else {
            report.error(
                section.location,
                "'resolvers' needs a name",
                mend: "write 'resolvers NAME'"
            )
            return
        }
        var period = Duration.seconds(10)
        for line in section.lines {
            switch line.words[0] {
            case "nameserver": readNameServer(line, of: words[1])
            case "hold":
                guard line.words.dropFirst().first == "valid" else { continue }
                let text = line.words.dropFirst(2).first
                if let time = time(text, of: "hold valid", at: line.location) {
                    period = max(time, .seconds(1))
                }
            case "timeout", "resolve_retries", "accepted_payload_size", "parse-resolv-conf":
                continue
            default:
                report.error(
                    line.location,
                    "unknown keyword '\(line.words[0])' in 'resolvers' section",
                    mend: "expected nameserver, hold, timeout, resolve_retries, "
                        + "accepted_payload_size or parse-resolv-conf"
                )
            }
        }
        resolvePeriods[words[1]] = period
    }

    /// The system's resolver asks what /etc/resolv.conf names, at port 53 and nowhere else.
    private mutating func readNameServer(_ line: ConfigurationLine, of name: String) {
        guard line.words.count > 2 else {
            report.error(
                line.location,
                "'nameserver' needs a name and an address",
                mend: "write 'nameserver NAME ADDRESS:53'"
            )
            return
        }
        let split = AddressText.split(expanded(line.words[2]))
        if let port = split.port, port != "53" {
            otherNameServers[name, default: []].append((line.location, line.words[2]))
        } else {
            report.warning(
                line.location,
                "'nameserver' has no effect: the system's resolver is asked",
                mend: "name it in /etc/resolv.conf"
            )
        }
    }

    // MARK: The whole

    mutating func checkResolverUses() {
        for (name, servers) in otherNameServers {
            let isUsed = resolverUses.contains { $0.name == name }
            for (location, address) in servers {
                let mend =
                    "have a resolver on this machine, such as dnsmasq or systemd-resolved, forward "
                    + "the names to it, and remove the line"
                guard isUsed else {
                    report.warning(location, "'nameserver' has no effect", mend: mend)
                    continue
                }
                report.error(
                    location,
                    "names are looked up by the system's resolver, which can't ask '\(address)'",
                    mend: mend
                )
            }
        }
        for use in resolverUses where resolvePeriods[use.name] == nil {
            report.error(
                use.location,
                "there is no 'resolvers \(use.name)' section",
                mend: Spelling.nearest(to: use.name, among: resolvePeriods.keys.sorted())
                    .map { "did you mean '\($0)'?" } ?? "write one, or remove 'resolvers'"
            )
        }
    }

    /// A server that tracks must end at one that is checked.
    mutating func checkTracking(in proxies: [ProxySection]) {
        var servers: [String: ServerLine] = [:]
        for proxy in proxies {
            for server in proxy.servers { servers["\(proxy.name)/\(server.name)"] = server }
        }
        for server in proxies.flatMap(\.servers) {
            guard let tracked = server.tracked else { continue }
            var next: TrackedServer? = tracked
            var steps = 0
            var end: ServerLine?
            while let name = next, steps <= servers.count {
                end = servers["\(name.backend)/\(name.server)"]
                next = end?.tracked
                steps += 1
            }
            let path = "\(tracked.backend)/\(tracked.server)"
            if server.checked {
                report.error(
                    server.location,
                    "server '\(server.name)' has both 'check' and 'track'",
                    mend: "remove one of them"
                )
            } else if end == nil {
                report.error(
                    server.location,
                    "'track \(path)': there is no such server",
                    mend: Spelling.nearest(to: path, among: servers.keys.sorted())
                        .map { "did you mean '\($0)'?" } ?? "write 'BACKEND/SERVER'"
                )
            } else if next != nil || end?.checked != true {
                report.error(
                    server.location,
                    "'track \(path)' leads to no server that is checked",
                    mend: "write 'check' on that server"
                )
            }
        }
    }
}
