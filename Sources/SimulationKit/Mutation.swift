import Primitives
import VRRP

/// A defect that is put between the pure machines and the world, so that a test can show that the
/// invariants would see it. The machines themselves know nothing of it.
package enum Mutation: String, Equatable, Sendable, CaseIterable {
    /// The agent's clock stops while the agent does, so the stall guard never sees a stall.
    case stallGuardBlinded
    /// Priority 0 goes out before the addresses are released.
    case stepDownOrderReversed
    /// An equal priority always seems to come from a lower address.
    case tieBreakRemoved
    /// The addresses are claimed with the first advertisement, not `claimDelay` later.
    case claimedAtOnce
    /// The kernel keeps addresses for ever, as keepalived's do.
    case lifetimeIgnored
    /// The supervisor hears beats of a proxy that hangs, as `killall -0` would.
    case hungProxyBeats
    /// A MASTER does not hear advertisements of a higher priority.
    case higherPriorityIgnored
}

extension Mutation {
    /// The event as the defective agent hears it; nil: not at all.
    func perturb(_ event: RouterEvent, for router: VirtualRouter) -> RouterEvent? {
        switch (self, event) {
        case (.tieBreakRemoved, .received(let advertisement, _))
        where advertisement.priority == router.effectivePriority:
            .received(advertisement, from: IPAddress(0, 0, 0, 1))
        case (.higherPriorityIgnored, .received(let advertisement, _))
        where advertisement.priority > router.effectivePriority && router.visibleState == .active:
            nil
        default: event
        }
    }

    /// The effects as the defective agent carries them out.
    func perturb(_ effects: [RouterEffect]) -> [RouterEffect] {
        switch self {
        case .stepDownOrderReversed:
            let isSilence = effects.contains(.advertise(priority: 0))
            return isSilence
                ? [.advertise(priority: 0)] + effects.filter { $0 != .advertise(priority: 0) }
                : effects
        case .claimedAtOnce:
            let isTakeover = effects.contains { effect in
                guard case .transition(let transition) = effect else { return false }
                return transition.to == .active
            }
            return isTakeover ? effects + [.claimAddresses] : effects
        case .stallGuardBlinded, .tieBreakRemoved, .lifetimeIgnored, .hungProxyBeats,
            .higherPriorityIgnored:
            return effects
        }
    }
}
