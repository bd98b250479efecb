import Netlink

/// What settings of interfaces were before this agent changed them: one of each, however often the interface is made anew.
struct FormerSettings: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var interface: String
        var setting: InterfaceSetting
    }

    private(set) var entries: [Entry] = []

    init() {}

    /// The setting as it was. An interface that was made anew has another past than the one before it.
    mutating func note(_ setting: InterfaceSetting, of interface: String) {
        entries.removeAll { $0.interface == interface && $0.setting.name == setting.name }
        entries.append(Entry(interface: interface, setting: setting))
    }
}

/// Interfaces that need `promote_secondaries`, by number: one that is made anew has its own.
struct Promotions: Equatable, Sendable {
    /// Those that were looked at, and whether it was set here.
    private(set) var isOurs: [Int32: Bool] = [:]

    init() {}

    func knows(_ interface: Int32) -> Bool { isOurs[interface] != nil }

    mutating func note(_ interface: Int32, setHere: Bool) {
        isOurs[interface] = (isOurs[interface] ?? false) || setHere
    }

    /// Those that have gone need nothing any more.
    mutating func keep(where exists: (Int32) -> Bool) {
        isOurs = isOurs.filter { exists($0.key) }
    }
}
