import Primitives
import VRRP

/// One node of a segment: an agent with one virtual router, or two in a sync group, on a kernel that keeps
/// their addresses.
struct SegmentNode: Equatable, Sendable {
    enum Condition: Equatable, Sendable {
        case running
        /// SIGSTOP, or starved: only the agent does not run.
        case stopped
        /// The agent is gone; its addresses are not.
        case dead
        /// The whole machine stands still. `clockRuns`: its clock tells so afterwards, as after a suspension;
        /// not so after a hypervisor's pause.
        case paused(since: Instant, clockRuns: Bool)
    }

    /// One virtual router with the addresses that the kernel has for it.
    struct Member: Equatable, Sendable {
        var router: VirtualRouter
        /// When the kernel or the guard takes each of `SegmentPlan.addresses(of:)` away; nil: it is not there.
        var heldUntil = HeldUntil()
        /// When it last became MASTER.
        var activeSince: Instant = .zero
        var adoptedAt: Instant?
        /// When their lifetime was last renewed, by the node's clock.
        var renewedAt: Instant = .zero
        var wakeAt: Instant?
        /// When it last advertised.
        var spokeAt: Instant?
        /// Everything but the priority.
        var advertisement: Advertisement

        init(settings: RouterSettings) {
            router = VirtualRouter(settings: settings)
            advertisement = settings.advertisement(priority: 0)
        }
    }

    let address: IPAddress
    var condition: Condition = .dead
    var members: [Member]
    /// Changes with every death.
    var life = 0
    var startedAt: Instant = .zero
    /// How far its clock is behind.
    var clockLag: Duration = .zero
    /// What arrives while the agent does not read.
    var inbox: [SegmentInput] = []
    var checkFails = false
    /// Since when it has neither LAN nor gateway.
    var isolatedSince: Instant?
    /// When it last stood still or began to run.
    var disturbedAt: Instant = .zero
    var isLastResort = false
    /// When its agent, or the machine, last went on after it stood still.
    var thawedAt: Instant?
    var resumedAt: Instant?
    /// Of a machine whose clock does not know that it stood still.
    var resumedBlindlyAt: Instant?
    /// When its agent last stopped right behind an advertisement of its own.
    var racedAt: Instant?

    init(address: IPAddress, settings: [RouterSettings]) {
        self.address = address
        members = settings.map(Member.init)
    }

    var isPaused: Bool {
        if case .paused = condition { true } else { false }
    }

    var isRunning: Bool { condition == .running }

    func holds(_ member: Int, at now: Instant) -> Bool {
        guard !isPaused else { return false }
        let held = members[member].heldUntil
        return held.first.map { $0 > now } ?? false || held.second.map { $0 > now } ?? false
    }

    /// Until when it has one of the member's addresses, if nothing happens; nil: it does not have it.
    func holds(_ member: Int, slot: Int, at now: Instant) -> Instant? {
        guard !isPaused, let until = members[member].heldUntil[slot], until > now else {
            return nil
        }
        return until
    }
}

/// One moment for each of a member's addresses.
struct HeldUntil: Equatable, Sendable {
    var first: Instant?
    var second: Instant?

    static let slots = 0..<2

    subscript(slot: Int) -> Instant? {
        get { slot == 0 ? first : second }
        set { if slot == 0 { first = newValue } else { second = newValue } }
    }
}

/// Something for one member of a node's agent.
struct SegmentInput: Equatable, Sendable {
    var member: Int
    var event: RouterEvent
}
