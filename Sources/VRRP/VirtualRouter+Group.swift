import Primitives

/// A member of a sync group wants, and `GroupElection` decides.
extension VirtualRouter {
    /// What the group has to know of this member.
    package var groupMember: GroupElection.Member {
        // Before its start nothing is known to be wrong.
        let ownFaults =
            state != .initialize(started: false) && faults.contains { $0 != .syncGroup }
        let wish: GroupElection.Member.Wish =
            switch state {
            case .initialize: .none
            case .backup(let backup): backup.wantsActive == nil ? .none : .active
            case .active: .isActive
            }
        return GroupElection.Member(
            wish: wish,
            isFaulty: ownFaults,
            sharesFault: reportedFaults.contains(.syncGroup)
        )
    }

    /// A member that would become MASTER says so and goes on waiting.
    mutating func wish(
        _ backup: Backup,
        because reason: RouterTransition.Reason,
        at now: Instant
    ) -> [RouterEffect] {
        var backup = backup
        backup.wantsActive = reason
        backup.activeDownAt = max(backup.activeDownAt, now + activeDownInterval)
        state = .backup(backup)
        return []
    }

    mutating func followElection(_ backup: Backup, at now: Instant) -> [RouterEffect] {
        guard let reason = backup.wantsActive, backup.holdUntil == nil else { return [] }
        return becomeActive(because: reason, at: now)
    }

    mutating func followYield(at now: Instant) -> [RouterEffect] {
        [.releaseAddresses] + send(priority: 0)
            + move(to: .backup(freshBackup(at: now)), because: .syncGroup, at: now)
    }
}
