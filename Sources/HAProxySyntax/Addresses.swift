import Primitives

/// The text of an address, taken apart as HAProxy does (manual §11): the last colon is the port's.
enum AddressText {
    /// The port is nil without a colon, and empty behind a bare one.
    static func split(_ text: String) -> (host: String, port: String?) {
        if text.hasPrefix("["), let close = text.lastIndex(of: "]") {
            let host = String(text[text.index(after: text.startIndex)..<close])
            let rest = text[text.index(after: close)...]
            return (host, rest.hasPrefix(":") ? String(rest.dropFirst()) : nil)
        }
        guard let colon = text.lastIndex(of: ":") else { return (text, nil) }
        let host = String(text[..<colon])
        let port = String(text[text.index(after: colon)...])
        // An IPv6 address without a port ends in a group: only if what is left is not one itself.
        if host.contains(":"), IPv6Address(host) == nil, IPv6Address(text) != nil {
            return (text, nil)
        }
        return (host, port)
    }

    /// `FIRST[-LAST]`, each 1 to 65535.
    static func ports(_ text: String) -> ClosedRange<UInt16>? {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = port(parts[0]), let last = port(parts[parts.count - 1]), first <= last
        else {
            return nil
        }
        return first...last
    }

    static func port(_ text: some StringProtocol) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
            let port = UInt16(text), port > 0
        else { return nil }
        return port
    }

    /// What a name may be made of: letters, digits, `-`, `_` and `.`.
    static func isHostName(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                    || byte == UInt8(ascii: ".")
            }
            && text.utf8.contains { (65...90).contains($0) || (97...122).contains($0) }
    }
}

extension Interpreter {
    /// Addresses expand `${NAME}` without quotes too.
    func expanded(_ text: String) -> String {
        guard text.contains("${") else { return text }
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            guard rest.hasPrefix("${"), let close = rest.firstIndex(of: "}") else {
                result.append("$")
                rest = rest.dropFirst()
                continue
            }
            let name = String(rest[rest.index(dollar, offsetBy: 2)..<close])
            result += (variable(name) ?? "").prefix(1024)
            rest = rest[rest.index(after: close)...]
        }
        return result + rest
    }

    /// `setenv` and `unsetenv` of the file come before the environment.
    private func variable(_ name: String) -> String? {
        if let override = overrides[name] { return override }
        return environment.environmentVariable(name)
    }

    // MARK: bind

    /// One element of a `bind` line's comma list; empty after an error.
    mutating func endpoints(
        _ text: String,
        at location: SourceLocation
    ) -> [BindAddress.Endpoint] {
        var address = expanded(text)
        var family: Family?
        if let at = address.firstIndex(of: "@") {
            let prefix = String(address[..<at])
            address = String(address[address.index(after: at)...])
            switch prefix {
            case "ipv4", "tcp4": family = .v4
            case "ipv6", "tcp6": family = .v6
            case "tcp": break
            case "unix": return unixEndpoint(address, at: location)
            case "fd": return descriptorEndpoint(address, at: location)
            default:
                report.error(
                    location,
                    "'bind \(text)': '\(prefix)@' is not done by this version",
                    mend: "expected ADDRESS:PORT, ipv4@, ipv6@, unix@ or fd@"
                )
                return []
            }
        }
        if address.hasPrefix("/") { return unixEndpoint(address, at: location) }
        let split = AddressText.split(address)
        guard let port = split.port, !port.isEmpty else {
            report.error(
                location,
                "'bind \(text)' has no port",
                mend: "write 'bind \(address):PORT'"
            )
            return []
        }
        guard let ports = AddressText.ports(port) else {
            report.error(
                location,
                "'\(port)' is not a port or a range of ports",
                mend: "expected 1 to 65535, or FIRST-LAST"
            )
            return []
        }
        guard let host = bindHost(split.host, family: family, text: text, at: location) else {
            return []
        }
        guard ports.count <= Limits.binds else {
            report.error(
                location,
                "'bind \(text)' is more than \(Limits.binds) addresses",
                mend: "use a smaller range"
            )
            return []
        }
        return ports.map { .ip(host, port: $0) }
    }

    private enum Family {
        case v4
        case v6
    }

    private mutating func bindHost(
        _ host: String,
        family: Family?,
        text: String,
        at location: SourceLocation
    ) -> IPAddress? {
        if host.isEmpty || host == "*" { return family == .v6 ? .v6(.any) : .v4(.any) }
        if AddressText.isHostName(host), IPAddress(host) == nil,
            let found = environment.addresses(host).first(where: {
                family == nil || ($0.family == .v4) == (family == .v4)
            })
        {
            report.warning(
                location,
                "'bind \(text)': '\(host)' is \(found) now, and could be another one tomorrow",
                mend: "write the IP address"
            )
            return found
        }
        guard let address = IPAddress(host) else {
            let isName = AddressText.isHostName(host)
            report.error(
                location,
                isName
                    ? "'bind \(text)': the name '\(host)' does not resolve"
                    : "'\(host)' is not an address",
                mend: isName
                    ? "write the IP address of '\(host)'"
                    : "expected an IPv4 or IPv6 address, or '*'"
            )
            return nil
        }
        switch (address, family) {
        case (.v4, .v6), (.v6, .v4):
            report.error(
                location,
                "'bind \(text)': the address is of the other family",
                mend: "remove what stands before '@'"
            )
            return nil
        case (.v4, .v4), (.v4, nil), (.v6, .v6), (.v6, nil):
            return address
        }
    }

    private mutating func unixEndpoint(
        _ text: String,
        at location: SourceLocation
    ) -> [BindAddress.Endpoint] {
        let path = socketPrefix + text
        guard path.hasPrefix("/"), path.utf8.count <= 107 else {
            report.error(
                location,
                "'\(path)' is not the path of a socket",
                mend: "expected a full path of at most 107 bytes"
            )
            return []
        }
        return [.unix(path: path)]
    }

    private mutating func descriptorEndpoint(
        _ text: String,
        at location: SourceLocation
    ) -> [BindAddress.Endpoint] {
        guard let number = Int32(text), number >= 0 else {
            report.error(
                location,
                "'fd@\(text)' is not a descriptor",
                mend: "expected a number, such as fd@3"
            )
            return []
        }
        return [.descriptor(number)]
    }

    // MARK: server

    /// `HOST[:PORT]`, where the port may be missing or `+N`; nil after an error.
    mutating func serverAddress(
        _ text: String,
        at location: SourceLocation
    ) -> (host: ServerLine.Host, port: ServerLine.PortRule)? {
        var address = expanded(text)
        if let at = address.firstIndex(of: "@") {
            let prefix = String(address[..<at])
            guard ["ipv4", "ipv6", "tcp", "tcp4", "tcp6"].contains(prefix) else {
                report.error(
                    location,
                    "'\(text)': '\(prefix)@' is not done by this version",
                    mend: "expected ADDRESS:PORT or NAME:PORT"
                )
                return nil
            }
            address = String(address[address.index(after: at)...])
        }
        if address.hasPrefix("/") {
            report.error(
                location,
                "'\(text)': a Unix socket is not done by this version",
                mend: "let the server listen on 127.0.0.1"
            )
            return nil
        }
        let split = AddressText.split(address)
        guard let port = serverPort(split.port, at: location) else { return nil }
        if let ip = IPAddress(split.host) {
            if ip == .v4(.any) || ip == .v6(.any) {
                report.error(
                    location,
                    "'\(text)': sending on to where the client connected is not done",
                    mend: "write the server's address"
                )
                return nil
            }
            return (.address(ip), port)
        }
        if split.host.hasPrefix("_") {
            report.error(
                location,
                "'\(split.host)': SRV records are not looked up",
                mend: "write the name of a host and a port, and 'server-template' for several"
            )
            return nil
        }
        guard AddressText.isHostName(split.host) else {
            report.error(
                location,
                split.host.isEmpty || split.host == "*"
                    ? "the server has no address" : "'\(split.host)' is not an address or a name",
                mend: "expected ADDRESS:PORT or NAME:PORT"
            )
            return nil
        }
        return (.name(split.host), port)
    }

    private mutating func serverPort(
        _ text: String?,
        at location: SourceLocation
    ) -> ServerLine.PortRule? {
        guard let text, !text.isEmpty, text != "0" else { return .client(offset: 0) }
        if text.hasPrefix("+") || text.hasPrefix("-") {
            if let offset = Int32(text), (-65_535...65_535).contains(offset) {
                return .client(offset: offset)
            }
        } else if let port = AddressText.port(text) {
            return .fixed(port)
        }
        report.error(
            location,
            "'\(text)' is not a port",
            mend: "expected 1 to 65535, or an offset such as +1"
        )
        return nil
    }
}
