import Primitives
import VRRP

extension Interpreter {
    /// The lines of `virtual_ipaddress`: an address and its options, in any order.
    mutating func addresses(of block: Setting, after earlier: [AddressLine]) -> [AddressLine] {
        var result: [AddressLine] = []
        for statement in block.children {
            if statement.children != nil {
                report.error(
                    statement.location,
                    "a block in '\(block.keyword)'",
                    mend: "remove it"
                )
                continue
            }
            var words = statement.words[...]
            while let first = words.popFirst() {
                guard var address = address(first.text, at: statement.location),
                    readOptions(&words, of: &address, in: block.keyword, at: statement.location)
                else { break }
                finish(&address, at: statement.location)
                let line = AddressLine(address: address, location: statement.location)
                guard !isKnown(line, among: earlier + result) else { continue }
                result.append(line)
            }
        }
        return result
    }

    private mutating func isKnown(_ line: AddressLine, among others: [AddressLine]) -> Bool {
        let known = others.contains { other in
            other.address.prefix.address == line.address.prefix.address
                && other.address.interface == line.address.interface
        }
        guard known else { return false }
        report.warning(
            line.location,
            "\(line.address.prefix.address) is listed twice: once is enough",
            mend: "remove it"
        )
        return true
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
        guard prefix.address.isUnicast else {
            report.error(
                location,
                "'\(text)' can't be a virtual address",
                mend: "use a unicast one"
            )
            return nil
        }
        return VirtualAddress(prefix: prefix)
    }

    /// Up to the next address on the line; false after an error.
    private mutating func readOptions(
        _ words: inout ArraySlice<Word>,
        of address: inout VirtualAddress,
        in block: String,
        at location: SourceLocation
    ) -> Bool {
        while let option = words.first?.text {
            if Prefix(option) != nil { return true }
            words.removeFirst()
            guard let keyword = Keywords.address[option] else {
                let mend =
                    Spelling.nearest(to: option, among: Keywords.address.candidates).map {
                        "did you mean '\($0)'?"
                    } ?? "expected dev, label, scope, brd or another option of an address"
                report.error(
                    location,
                    "unknown keyword '\(option)' in '\(block)'",
                    mend: mend
                )
                return false
            }
            switch keyword.verdict {
            case .accepted: continue
            case .warned:
                report.warning(
                    location,
                    "'\(option)' has no effect: \(keyword.note)",
                    mend: "remove it"
                )
                if option == "track_group" { words = words.dropFirst() }
                continue
            case .refused:
                report.error(
                    location,
                    "'\(option)' is not done by this version",
                    mend: keyword.note
                )
                return false
            case .done: break
            }
            guard keyword.parameters.minimum > 0 else {
                setFlag(option, of: &address, at: location)
                continue
            }
            guard let value = words.popFirst()?.text else {
                report.error(location, "'\(option)' needs a value", mend: "write one after it")
                return false
            }
            guard read(option, value, into: &address, at: location) else { return false }
        }
        return true
    }

    /// `IFA_F_…` of linux/if_addr.h, which is part of the kernel's interface.
    private static let flags: [String: UInt32] = [
        "home": 0x10, "mngtmpaddr": 0x100, "autojoin": 0x400,
    ]

    private mutating func setFlag(
        _ option: String,
        of address: inout VirtualAddress,
        at location: SourceLocation
    ) {
        switch option {
        case "noprefixroute": address.hasNoPrefixRoute = true
        case "no_track", "no-track": address.isTracked = false
        default:
            let isForV6 = option == "home" || option == "mngtmpaddr"
            guard !isForV6 || address.prefix.address.family == .v6 else {
                report.warning(
                    location,
                    "'\(option)' has no effect: it is for IPv6",
                    mend: "remove it"
                )
                return
            }
            address.flags |= Self.flags[option] ?? 0
        }
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
                arguments: [Word(Array(value.utf8))],
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
            guard address.prefix.address.family == .v4 else {
                report.warning(
                    location,
                    "'label' has no effect: IPv6 addresses have none",
                    mend: "remove it"
                )
                return true
            }
            address.label = value
        case "scope": return readScope(value, into: &address, at: location)
        case "peer": return readPeer(value, into: &address, at: location)
        case "preferred_lft": return readLifetime(value, into: &address, at: location)
        default: return readBroadcast(option, value, into: &address, at: location)
        }
        return true
    }

    private mutating func readScope(
        _ value: String,
        into address: inout VirtualAddress,
        at location: SourceLocation
    ) -> Bool {
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
        return true
    }

    private mutating func readPeer(
        _ value: String,
        into address: inout VirtualAddress,
        at location: SourceLocation
    ) -> Bool {
        guard let peer = Prefix(value), peer.address.family == address.prefix.address.family
        else {
            report.error(
                location,
                "'peer \(value)' is not an address of the same family",
                mend: "expected ADDRESS or ADDRESS/LENGTH of the other end"
            )
            return false
        }
        address.peer = peer
        return true
    }

    /// `forever`, or seconds; 0 keeps the kernel from choosing the address as a source.
    private mutating func readLifetime(
        _ value: String,
        into address: inout VirtualAddress,
        at location: SourceLocation
    ) -> Bool {
        if value == "forever" {
            address.preferredLifetime = .max
            return true
        }
        guard let seconds = UInt32(value), seconds < .max else {
            report.error(
                location,
                "'preferred_lft \(value)' is not a time",
                mend: "expected whole seconds or 'forever'"
            )
            return false
        }
        address.preferredLifetime = seconds
        return true
    }

    private mutating func readBroadcast(
        _ option: String,
        _ value: String,
        into address: inout VirtualAddress,
        at location: SourceLocation
    ) -> Bool {
        guard address.prefix.address.family == .v4 else {
            report.warning(
                location,
                "'\(option)' has no effect: IPv6 has no broadcast",
                mend: "remove it"
            )
            return true
        }
        guard let broadcast = broadcast(value, of: address.prefix) else {
            report.error(
                location,
                "'\(option) \(value)' is not a broadcast address",
                mend: "expected an IPv4 address, '+' or '-'"
            )
            return false
        }
        address.broadcast = broadcast
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

    /// What follows from the whole line, as keepalived has it.
    private mutating func finish(_ address: inout VirtualAddress, at location: SourceLocation) {
        if address.peer != nil {
            if address.broadcast != nil {
                report.warning(
                    location,
                    "'brd' has no effect beside 'peer': a point-to-point address has none",
                    mend: "remove it"
                )
                address.broadcast = nil
            }
            if address.prefix.length != address.prefix.address.bitWidth {
                report.warning(
                    location,
                    "the length of \(address.prefix) is not used beside 'peer', as in keepalived",
                    mend: "write it behind the peer's address"
                )
                address.prefix = Prefix(host: address.prefix.address)
            }
        }
        switch address.preferredLifetime {
        // An IPv6 host address is not to be chosen as a source.
        case nil where address.prefix.address.family == .v6 && address.prefix.length == 128:
            address.preferredLifetime = 0
        case .some(.max): address.preferredLifetime = nil
        default: break
        }
    }
}
