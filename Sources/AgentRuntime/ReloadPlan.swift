import VRRP

/// What a new configuration does to the virtual routers: one is the same as before if its VRID, its family
/// and its interface are, whatever its name (as keepalived has it); unicast and multicast are two,
/// and so are those with and without `use_vmac`.
struct ReloadPlan: Equatable, Sendable {
    /// Positions in the old list with their new settings, equal ones too.
    var kept: [(position: Int, settings: RouterSettings)] = []
    /// Positions in the old list.
    var removed: [Int] = []
    var added: [RouterSettings] = []

    init(old: [RouterSettings], new: [RouterSettings]) {
        var unclaimed = new
        var heirs: [Int: RouterSettings] = [:]
        // Of several with one VRID, each is first looked for with its own peers or group.
        for isSame in [RouterSettings.isSameByAll(as:), RouterSettings.isSame(as:)] {
            for (position, settings) in old.enumerated() where heirs[position] == nil {
                guard let match = unclaimed.firstIndex(where: { isSame(settings)($0) }) else {
                    continue
                }
                heirs[position] = unclaimed.remove(at: match)
            }
        }
        for position in old.indices {
            if let settings = heirs[position] {
                kept.append((position, settings))
            } else {
                removed.append(position)
            }
        }
        added = unclaimed
    }

    static func == (left: ReloadPlan, right: ReloadPlan) -> Bool {
        left.removed == right.removed && left.added == right.added
            && left.kept.elementsEqual(right.kept) {
                $0.position == $1.position && $0.settings == $1.settings
            }
    }
}

extension RouterSettings {
    fileprivate func isSame(as other: RouterSettings) -> Bool {
        virtualRouterID == other.virtualRouterID && interface == other.interface
            && family == other.family && transport.isUnicast == other.transport.isUnicast
            && virtualInterface == other.virtualInterface
    }

    fileprivate func isSameByAll(as other: RouterSettings) -> Bool {
        isSame(as: other) && RouterKey(self) == RouterKey(other)
    }
}

extension Transport {
    var isUnicast: Bool {
        switch self {
        case .unicast: true
        case .multicast: false
        }
    }
}
