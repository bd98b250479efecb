import Primitives
import Testing

@testable import VRRP

@Suite("Sync groups")
struct GroupElectionTests {
    typealias Member = GroupElection.Member
    typealias Order = GroupElection.Order

    struct Row: CustomTestStringConvertible, Sendable {
        var name: String
        var members: [Member]
        var orders: [Order]
        var testDescription: String { name }
    }

    static let idle = Member(wish: .none)
    static let wants = Member(wish: .active)
    static let active = Member(wish: .isActive)
    static let faulty = Member(wish: .none, isFaulty: true)
    static let sharing = Member(wish: .none, sharesFault: true)

    static let rows = [
        Row(name: "no member", members: [], orders: []),
        Row(name: "all BACKUP and content", members: [idle, idle], orders: []),
        Row(name: "one wants, one does not", members: [wants, idle], orders: []),
        Row(
            name: "all want",
            members: [wants, wants],
            orders: [
                Order(member: 0, event: .groupElected), Order(member: 1, event: .groupElected),
            ]
        ),
        Row(
            name: "one is MASTER already, the other is on its way",
            members: [active, wants],
            orders: [Order(member: 1, event: .groupElected)]
        ),
        Row(name: "all MASTER", members: [active, active, active], orders: []),
        Row(
            name: "one is not MASTER any more: the others let go",
            members: [active, idle, active],
            orders: [
                Order(member: 0, event: .groupYields), Order(member: 2, event: .groupYields),
            ]
        ),
        Row(
            name: "MASTER, wanting and content: nobody stays MASTER",
            members: [active, wants, idle],
            orders: [Order(member: 0, event: .groupYields)]
        ),
        Row(
            name: "one in FAULT takes the others along",
            members: [active, faulty, wants],
            orders: [
                Order(member: 0, event: .fault(.syncGroup)),
                Order(member: 2, event: .fault(.syncGroup)),
            ]
        ),
        Row(
            name: "who was told is not told again",
            members: [sharing, faulty],
            orders: []
        ),
        Row(
            name: "two in FAULT hold each other until both are well",
            members: [faulty, faulty],
            orders: [
                Order(member: 0, event: .fault(.syncGroup)),
                Order(member: 1, event: .fault(.syncGroup)),
            ]
        ),
        Row(
            name: "the last own fault is gone: all are let in again",
            members: [sharing, idle, sharing],
            orders: [
                Order(member: 0, event: .faultCleared(.syncGroup)),
                Order(member: 2, event: .faultCleared(.syncGroup)),
            ]
        ),
    ]

    @Test("who is told what", arguments: rows)
    func table(row: Row) {
        #expect(GroupElection.orders(for: row.members) == row.orders)
    }

    /// Two routers of one node in one group, asked as a shell asks.
    struct Group {
        var members: [RouterFixture]

        init(_ change: (inout RouterSettings) -> Void = { _ in }) {
            members = (0..<2).map { index in
                RouterFixture.backup { settings in
                    settings.isGrouped = true
                    settings.virtualRouterID = UInt8(51 + index)
                    change(&settings)
                }
            }
            settle()
        }

        var states: [VisibleState] { members.map(\.router.visibleState) }

        mutating func settle() {
            for _ in 0..<8 {
                let orders = GroupElection.orders(for: members.map(\.router.groupMember))
                guard !orders.isEmpty else { return }
                for order in orders { members[order.member].handle(order.event) }
            }
            Issue.record("the group does not settle: \(states)")
        }

        mutating func wait(_ pause: Duration) {
            for index in members.indices { _ = members[index].wait(pause) }
            settle()
        }

        mutating func handle(_ event: RouterEvent, by member: Int) -> [RouterEffect] {
            let effects = members[member].handle(event)
            settle()
            return effects
        }
    }

    @Test("both become MASTER when the timers of both have fired")
    func elected() {
        var group = Group()
        group.wait(.seconds(4))
        #expect(group.states == [.active, .active])
    }

    @Test("while the MASTER of one is alive, neither is MASTER")
    func oneMasterAlive() {
        var group = Group()
        for _ in 0..<10 {
            _ = group.members[1].hear(200)
            group.wait(.seconds(1))
        }
        #expect(group.states == [.backup, .backup])
        group.wait(.seconds(4))
        #expect(group.states == [.active, .active])
    }

    @Test("one that yields to a higher priority takes the other along, which says so")
    func yields() {
        var group = Group()
        group.wait(.seconds(4))
        _ = group.members[0].hear(200)
        let orders = GroupElection.orders(for: group.members.map(\.router.groupMember))
        #expect(orders == [Order(member: 1, event: .groupYields)])
        let effects = group.members[1].handle(.groupYields)
        #expect(
            effects.deeds == [
                .releaseAddresses, .advertise(priority: 0),
                .transition(.active, .backup, .syncGroup),
            ]
        )
    }

    @Test("a fault of one is a fault of both, until it is cleared")
    func fault() {
        var group = Group()
        group.wait(.seconds(4))
        _ = group.handle(.fault(.interfaceDown), by: 0)
        #expect(group.states == [.fault, .fault])
        _ = group.handle(.faultCleared(.interfaceDown), by: 0)
        #expect(group.states == [.backup, .backup])
    }

    @Test("a member of priority 255 waits for the others, and wants from the start")
    func ownerWaits() {
        var group = Group { settings in
            if settings.virtualRouterID == 51 { settings.basePriority = 255 }
        }
        #expect(group.states == [.backup, .backup])
        _ = group.members[1].hear(200)
        group.wait(.seconds(1))
        #expect(group.states == [.backup, .backup])
        group.wait(.seconds(4))
        #expect(group.states == [.active, .active])
    }

    @Test("a group of owners is MASTER at once")
    func allOwners() {
        let group = Group { $0.basePriority = 255 }
        #expect(group.states == [.active, .active])
    }
}
