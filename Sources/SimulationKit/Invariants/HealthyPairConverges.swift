import Primitives
import VRRP

extension World {
    /// What a pair needs once everything is mended: a slow retry of a proxy that was given up, a lease
    /// grace, and two master-down intervals.
    package static let convergenceTime: Duration = .seconds(22)

    /// A pair in which nothing is wrong any more has one MASTER: with preemption the one of the higher
    /// priority, and in any case one whose proxy serves.
    func healthyPairConverges() -> Violation? {
        let holders = holders
        guard let holder = holders.first, holders.count == 1 else {
            return Violation(
                invariant: .healthyPairConverges,
                text: holders.isEmpty
                    ? "nobody has the address in the end" : "both have the address in the end"
            )
        }
        for host in HostName.allCases where self[host].agent.router.standing != .full {
            return Violation(
                invariant: .healthyPairConverges,
                text: "\(host) is mended and still stands as a last resort"
            )
        }
        guard self[holder].proxy.serves else {
            return Violation(
                invariant: .healthyPairConverges,
                text: "\(holder) has the address and its proxy does not serve"
            )
        }
        let mine = self[holder].agent.router.effectivePriority
        let other = self[holder.other].agent.router.effectivePriority
        guard settings.preempt, other > mine else { return nil }
        return Violation(
            invariant: .healthyPairConverges,
            text: "\(holder) has the address with \(mine), though \(holder.other) has \(other)"
        )
    }
}
