import Primitives
import VRRP

/// How much time there is to reset connections before an address has to be gone (`docs/decisions/0011`).
enum ReleaseHaste: Equatable, Sendable {
    /// Nobody claims before priority 0 is said, or before the master-down interval is over.
    case orderly
    /// The rival that was heard claims `claimPause` after it spoke.
    case yielding
    /// Someone else may have the address by now.
    case overdue

    /// For one release; connections that are left over end by their own time limits.
    static let resetsOfOneRelease: Duration = .milliseconds(50)

    /// By what else the machine asks for beside the release.
    init(of effects: [RouterEffect]) {
        self = .orderly
        for case .transition(let transition) in effects {
            switch transition.reason {
            case .higherPriority: self = .yielding
            case .stalled: self = .overdue
            case .started, .masterDown, .preempted, .masterReleased, .owner, .stepDown, .adopted,
                .isolated, .syncGroup, .fault, .faultsCleared, .shutdown:
                break
            }
        }
    }

    /// The packet was on its way before it was read, and the removal takes its time as well: half of the pause is for
    /// the connections.
    func resets(before settings: RouterSettings) -> Duration {
        switch self {
        case .orderly: Self.resetsOfOneRelease
        case .yielding: min(Self.resetsOfOneRelease, settings.claimPause / 2)
        case .overdue: .zero
        }
    }
}

extension RouterEffect {
    /// False for what only tells.
    var isRelease: Bool {
        switch self {
        case .releaseAddresses, .releaseAddress: true
        case .claimAddresses, .renewAddresses, .restoreAddresses, .advertise, .advertiseDirectly,
            .announceOwnership, .transition, .note:
            false
        }
    }

    var isDeed: Bool {
        switch self {
        case .claimAddresses, .renewAddresses, .releaseAddresses, .restoreAddresses,
            .releaseAddress,
            .advertise, .advertiseDirectly, .announceOwnership:
            true
        case .transition, .note: false
        }
    }
}
