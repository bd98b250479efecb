/// A `vrrp_sync_group` (keepalived.conf(5)): its members are MASTER together or not at all, and one in
/// FAULT takes the others along.
///
/// A function of what the members are at present; the shell asks it after every event that one of them
/// handled, hands out what it says, and asks again until it says nothing. keepalived's exception for members of
/// priority 255, which drag the group along without the consent of the others, is left out: such a member
/// wants to be MASTER from the start, and waits like any other.
package enum GroupElection {
    /// One member as it is at present.
    package struct Member: Equatable, Sendable {
        package enum Wish: Equatable, Sendable {
            /// BACKUP or not taking part.
            case none
            /// BACKUP, and nothing of its own keeps it from being MASTER.
            case active
            case isActive
        }

        package var wish: Wish
        /// In FAULT for a reason of its own.
        package var isFaulty: Bool
        /// It was told of another member's FAULT.
        package var sharesFault: Bool

        package init(wish: Wish, isFaulty: Bool = false, sharesFault: Bool = false) {
            self.wish = wish
            self.isFaulty = isFaulty
            self.sharesFault = sharesFault
        }
    }

    /// An event for one member, by its place.
    package struct Order: Equatable, Sendable {
        package var member: Int
        package var event: RouterEvent
    }

    package static func orders(for members: [Member]) -> [Order] {
        let faulty = members.indices.filter { members[$0].isFaulty }
        guard faulty.isEmpty else {
            // Who is faulty itself must not share, or two members would hold each other in FAULT.
            return members.indices.compactMap { index in
                let shares = faulty != [index]
                guard members[index].sharesFault != shares else { return nil }
                return Order(
                    member: index,
                    event: shares ? .fault(.syncGroup) : .faultCleared(.syncGroup)
                )
            }
        }
        let sharing = members.indices.filter { members[$0].sharesFault }
        guard sharing.isEmpty else {
            return sharing.map { Order(member: $0, event: .faultCleared(.syncGroup)) }
        }
        if members.allSatisfy({ $0.wish != .none }) {
            return members.indices.filter { members[$0].wish == .active }
                .map { Order(member: $0, event: .groupElected) }
        }
        return members.indices.filter { members[$0].wish == .isActive }
            .map { Order(member: $0, event: .groupYields) }
    }
}
