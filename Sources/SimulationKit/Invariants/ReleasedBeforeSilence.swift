import Primitives

extension World {
    /// Whoever says with priority 0 that the address is free has released it before.
    func releasedBeforeSilence(on host: HostName) -> Violation? {
        guard self[host].kernel.holds(at: now) else { return nil }
        return Violation(
            invariant: .releasedBeforeSilence,
            text: "\(host) advertises priority 0 and still has the address"
        )
    }
}
