import Primitives
import VRRP

extension Interpreter {
    /// The lines of `virtual_ipaddress`: `ADDR[/LEN] [dev X] [label L] [scope S] [brd B]`, options in any order.
    mutating func addresses(
        of statements: [Statement]
    ) -> [(address: VirtualAddress, location: SourceLocation)] {
        var result: [(address: VirtualAddress, location: SourceLocation)] = []
        for statement in statements {
            if statement.children != nil {
                report.error(
                    statement.location,
                    "a block in 'virtual_ipaddress'",
                    mend: "remove it"
                )
                continue
            }
            var words = statement.words[...]
            while let first = words.popFirst() {
                guard var address = address(first.text, at: statement.location) else { break }
                guard readOptions(&words, of: &address, at: statement.location) else { break }
                if result.contains(where: { $0.address.prefix.address == address.prefix.address }) {
                    report.warning(
                        statement.location,
                        "\(address.prefix.address) is listed twice: once is enough",
                        mend: "remove it"
                    )
                } else {
                    result.append((address, statement.location))
                }
            }
        }
        if result.count > 255 {
            report.error(
                result[255].location,
                "an advert holds at most 255 addresses",
                mend: "move some into a second vrrp_instance"
            )
        }
        return result
    }

    private mutating func address(_ text: String, at location: SourceLocation) -> VirtualAddress? {
        guard let prefix = Prefix(text) else {
            report.error(
                location,
                "'\(text)' is not an address",
                mend: "expected ADDRESS or ADDRESS/LENGTH, such as 192.0.2.10/24"
            )
            return nil
        }
        guard case .v4(let address) = prefix.address else {
            report.error(
                location,
                "'\(text)': IPv6 addresses are not done by this version",
                mend: "use an IPv4 address: adverts are VRRPv2"
            )
            return nil
        }
        if address == .any || address.isMulticast || address.isLoopback {
            report.error(
                location,
                "'\(text)' can't be a virtual address",
                mend: "use a unicast one"
            )
            return nil
        }
        return VirtualAddress(prefix: prefix)
    }

    private static let options = [
        "dev", "label", "scope", "brd", "broadcast", "peer", "home", "nodad", "-nodad",
        "noprefixroute", "mngtmpaddr", "autojoin", "no_track", "no-track", "preferred_lft",
        "track_group", "use_vmac",
    ]

    /// Up to the next address on the line; false after an error.
    private mutating func readOptions(
        _ words: inout ArraySlice<Word>,
        of address: inout VirtualAddress,
        at location: SourceLocation
    ) -> Bool {
        while let option = words.first?.text {
            if Prefix(option) != nil { return true }
            words.removeFirst()
            switch option {
            case "dev", "label", "scope", "brd", "broadcast":
                guard let value = words.popFirst()?.text else {
                    report.error(location, "'\(option)' needs a value", mend: "write one after it")
                    return false
                }
                guard read(option, value, into: &address, at: location) else { return false }
            case "home", "nodad", "-nodad", "mngtmpaddr", "autojoin":
                report.warning(
                    location,
                    "'\(option)' has no effect: it is for IPv6",
                    mend: "remove it"
                )
            case "noprefixroute", "no_track", "no-track":
                report.warning(
                    location,
                    "'\(option)' has no effect: an address that is lost is put back",
                    mend: "remove it"
                )
            case "peer", "preferred_lft", "track_group", "use_vmac":
                report.error(
                    location,
                    "'\(option)' is not done by this version",
                    mend: "remove it"
                )
                return false
            default:
                let mend =
                    Spelling.nearest(to: option, among: Self.options).map {
                        "did you mean '\($0)'?"
                    }
                    ?? "expected dev, label, scope or brd"
                report.error(
                    location,
                    "unknown keyword '\(option)' in 'virtual_ipaddress'",
                    mend: mend
                )
                return false
            }
        }
        return true
    }

    private mutating func read(
        _ option: String,
        _ value: String,
        into address: inout VirtualAddress,
        at location: SourceLocation
    ) -> Bool {
        switch option {
        case "dev":
            let setting = Setting(
                keyword: "dev",
                arguments: [Word(text: value)],
                children: [],
                location: location
            )
            if value != "lo", !checkInterface(setting) { return false }
            address.interface = value
        case "label":
            guard value.utf8.count <= 15 else {
                report.error(
                    location,
                    "the label '\(value)' is longer than 15 bytes",
                    mend: "shorten it"
                )
                return false
            }
            address.label = value
        case "scope":
            let named: [String: UInt8] = [
                "global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255,
            ]
            guard let scope = named[value] ?? UInt8(value) else {
                report.error(
                    location,
                    "unknown scope '\(value)'",
                    mend: "expected global, site, link, host or 0 to 255"
                )
                return false
            }
            address.scope = scope
        default:
            guard let broadcast = broadcast(value, of: address.prefix) else {
                report.error(
                    location,
                    "'\(option) \(value)' is not a broadcast address",
                    mend: "expected an IPv4 address, '+' or '-'"
                )
                return false
            }
            address.broadcast = broadcast
        }
        return true
    }

    /// `+` sets the host bits of the address, `-` clears them, as ip-address(8) does.
    private func broadcast(_ text: String, of prefix: Prefix) -> IPv4Address? {
        guard text == "+" || text == "-" else { return IPv4Address(text) }
        guard case .v4(let address) = prefix.address else { return nil }
        let hostBits = prefix.length >= 32 ? 0 : UInt32.max >> UInt32(prefix.length)
        return IPv4Address(
            rawValue: text == "+" ? address.rawValue | hostBits : address.rawValue & ~hostBits
        )
    }
}
