import VRRP

/// A defect that is put between the machine and the segment, so that a test can show that the invariants
/// would see it.
package enum SegmentDefect: String, Equatable, Sendable, CaseIterable {
    /// Nobody waits for the skew time.
    case noSkew
    /// An equal priority always seems to come from a lower address.
    case noTieBreak
    /// To a BACKUP, a MASTER of lower priority seems to be as good as itself.
    case neverPreempts
    /// Priority 0 is not sent.
    case noPriorityZero
    /// The kernel keeps addresses for ever.
    case noLease
    /// Below a second nobody but the kernel takes addresses away.
    case noGuard
    /// The agent's clock stands still while the agent does.
    case noStallGuard
    /// The addresses are claimed with the first advertisement.
    case claimsAtOnce
    /// Priority 0 goes out before the addresses are released.
    case speaksBeforeRelease
    /// The gateway always answers.
    case witnessLies
}
