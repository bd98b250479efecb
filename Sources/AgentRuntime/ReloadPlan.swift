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
        for (position, settings) in old.enumerated() {
            let match = unclaimed.firstIndex {
                $0.virtualRouterID == settings.virtualRouterID
                    && $0.interface == settings.interface && $0.family == settings.family
                    && $0.transport.isUnicast == settings.transport.isUnicast
                    && $0.virtualInterface == settings.virtualInterface
            }
            if let match {
                kept.append((position, unclaimed.remove(at: match)))
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

extension Transport {
    var isUnicast: Bool {
        switch self {
        case .unicast: true
        case .multicast: false
        }
    }
}
