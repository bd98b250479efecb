import KeepalivedSyntax
import Logging
import Primitives
import VRRP

/// `vrrp_sync_group`: what the members of a group are decides about each of them.
extension Agent {
    /// Elections of one group in a row; a group that is not settled by then never is.
    private static let rounds = 8

    /// Asks the election after an event of one member, and does what it says.
    func settleGroup(of index: Int) {
        guard !isReconfiguring, routers[index].settings.isGrouped,
            let group = group(of: routers[index].settings.name)
        else { return }
        settle(group)
    }

    func settleGroups() {
        for group in configuration.groups { settle(group) }
    }

    func group(of router: String) -> SyncGroup? {
        configuration.groups.first { $0.members.contains(router) }
    }

    private func settle(_ group: SyncGroup) {
        let members = members(of: group)
        for _ in 0..<Self.rounds {
            let orders = GroupElection.orders(for: members.map { routers[$0].machine.groupMember })
            guard !orders.isEmpty else {
                tellState(of: group, members)
                return
            }
            for order in orders { react(to: order.event, members[order.member]) }
        }
        line(.error, "the sync group \(group.name) does not settle")
    }

    private func members(of group: SyncGroup) -> [Int] {
        group.members.compactMap { name in
            routers.firstIndex { $0.settings.name == name && !$0.isDeleted }
        }
    }

    // MARK: Notification

    private func tellState(of group: SyncGroup, _ members: [Int]) {
        guard let state = state(of: members), groupStates[group.name] != state else { return }
        groupStates[group.name] = state
        let word: StateWord
        switch state {
        case .active: word = .master
        case .backup: word = .backup
        case .fault: word = .fault
        case .initialize: word = .stop
        }
        line(.notice, "the sync group \(group.name) is \(word.rawValue)")
        // keepalived tells a priority of 0 for a group.
        notify(.group, group.name, word, priority: 0, by: group.notifications)
    }

    /// Nil while its members are on their way.
    private func state(of members: [Int]) -> VisibleState? {
        let states = members.map { routers[$0].machine.visibleState }
        if states.contains(.fault) { return .fault }
        guard let first = states.first, states.allSatisfy({ $0 == first }) else { return nil }
        return first
    }
}
