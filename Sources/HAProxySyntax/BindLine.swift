import Primitives

extension Interpreter {
    /// `bind ADDRESS[,…] [OPTION…]` (manual §4.2 and §5.1).
    mutating func readBind(
        _ words: [String],
        at location: SourceLocation,
        into draft: inout ProxyDraft
    ) {
        guard !draft.isDefaults, draft.section.kind != .backend else {
            report.error(
                location,
                "'bind' is not allowed in a '\(draft.sectionName)' section",
                mend: "move it into a 'frontend' or 'listen'"
            )
            return
        }
        guard words.count > 1 else {
            report.error(location, "'bind' needs an address", mend: "write 'bind :PORT'")
            return
        }
        var template = BindAddress(endpoint: .descriptor(0), location: location)
        template.permissions = socketPermissions
        readOptions(words.dropFirst(2), into: &template, at: location)
        for part in words[1].split(separator: ",", omittingEmptySubsequences: false) {
            if part.isEmpty {
                report.error(
                    location,
                    "an empty address in the list '\(words[1])'",
                    mend: "remove the comma"
                )
                continue
            }
            for endpoint in endpoints(String(part), at: location) {
                bindCount += 1
                guard bindCount <= Limits.binds else {
                    if bindCount == Limits.binds + 1 {
                        report.error(location, "more than \(Limits.binds) addresses to bind")
                    }
                    return
                }
                var bind = template
                bind.endpoint = endpoint
                draft.section.binds.append(bind)
            }
        }
    }

    private mutating func readOptions(
        _ words: ArraySlice<String>,
        into bind: inout BindAddress,
        at location: SourceLocation
    ) {
        var words = words
        while let name = words.popFirst() {
            guard let keyword = Keywords.bind[name] else {
                reportUnknown(name, in: Keywords.bind, section: "bind", at: location)
                return
            }
            let values = words.prefix(keyword.parameters)
            words = words.dropFirst(keyword.parameters)
            guard values.count == keyword.parameters else {
                report.error(
                    location,
                    "'\(name)' of 'bind' needs a value",
                    mend: "write one after it"
                )
                return
            }
            switch keyword.verdict {
            case .accepted: continue
            case .warned, .http: reportWithoutEffect(name, keyword, at: location)
            case .refused: reportRefused(name, keyword, at: location)
            case .done, .replaced: set(name, values.first ?? "", in: &bind, at: location)
            }
        }
    }

    private mutating func set(
        _ name: String,
        _ value: String,
        in bind: inout BindAddress,
        at location: SourceLocation
    ) {
        switch name {
        case "interface":
            guard (1...15).contains(value.utf8.count) else {
                report.error(
                    location,
                    "'\(value)' is no name of an interface",
                    mend: "expected 1 to 15 bytes"
                )
                return
            }
            bind.interface = value
        case "backlog":
            bind.backlog = integer(value, of: name, in: 1...1_000_000, at: location)
        case "maxconn":
            bind.maxconn = integer(value, of: name, in: 1...10_000_000, at: location)
        case "name": bind.name = value
        case "mode", "user", "group", "uid", "gid":
            setPermission(name, value, in: &bind.permissions, at: location)
        case "transparent": bind.transparent = true
        case "defer-accept": bind.deferAccept = true
        case "accept-proxy": bind.acceptProxy = true
        case "v6only": bind.onlyIPv6 = true
        default: reportUnknown(name, in: Keywords.bind, section: "bind", at: location)
        }
    }

    /// `unix-bind [prefix PATH] [mode MODE] [user USER] [uid UID] [group GROUP] [gid GID]` (§3.1).
    mutating func readUnixBind(_ words: ArraySlice<String>, at location: SourceLocation) {
        var words = words
        var permissions = socketPermissions
        defer { socketPermissions = permissions }
        while let name = words.popFirst() {
            guard let value = words.popFirst() else {
                report.error(
                    location,
                    "'\(name)' of 'unix-bind' needs a value",
                    mend: "write one after it"
                )
                return
            }
            switch name {
            case "prefix": socketPrefix = value
            case "mode", "user", "group", "uid", "gid":
                setPermission(name, value, in: &permissions, at: location)
            default:
                report.error(
                    location,
                    "'\(name)' of 'unix-bind' is not known",
                    mend: "expected prefix, mode, user, uid, group or gid"
                )
                return
            }
        }
    }

    private mutating func setPermission(
        _ name: String,
        _ value: String,
        in permissions: inout SocketPermissions,
        at location: SourceLocation
    ) {
        switch name {
        case "mode":
            guard (1...4).contains(value.utf8.count), let mode = UInt32(value, radix: 8),
                mode <= 0o777
            else {
                report.error(
                    location,
                    "'mode \(value)' is not a file's mode",
                    mend: "expected digits of base 8, such as 660"
                )
                return
            }
            permissions.mode = mode
        case "user": permissions.user = value
        case "group": permissions.group = value
        default:
            let number = integer(value, of: name, in: 0...Int(UInt32.max) - 1, at: location)
            if name == "uid" {
                permissions.uid = number.map(UInt32.init)
            } else {
                permissions.gid = number.map(UInt32.init)
            }
        }
    }
}
