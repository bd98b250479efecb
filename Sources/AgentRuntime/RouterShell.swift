import LinuxIO
import Netlink
import Primitives
import VRRP

/// One virtual router with what its shell knows beyond the machine.
struct RouterShell {
    /// How often the kernel is asked again for what it refused.
    static let retryInterval: Duration = .milliseconds(200)
    /// A MASTER that lacks an address for so long gives up, so that the peer can have it.
    static let claimPatience: Duration = .seconds(2)
    /// How long a node stays in FAULT that could not advertise or claim, before it tries again; each time
    /// in a row twice as long, up to the longest.
    static let faultRest: Duration = .seconds(5)
    static let longestFaultRest: Duration = .seconds(60)
    /// A MASTER that has had all its addresses for so long is well again.
    static let recovery: Duration = .seconds(10)

    var machine: VirtualRouter
    /// As the file says; the machine's are what the interface allows of it.
    var declared: RouterSettings
    /// What the machine was told of its interface.
    var facts: InterfaceFacts
    /// When the visible state last changed, nanoseconds since 1970.
    var since: UInt64 = Clock.wall
    /// Of the last advertisement that the kernel took since this router became MASTER: when the machine decided it.
    var advertisedAt: Instant?
    /// When the machine decided what is being done.
    var decidedAt: Instant = .zero
    /// Where its addresses are.
    var placements = Placements()
    /// What the address guard was told of; nil without one.
    var ward: AddressGuard.Ward?
    /// The addresses that it is to take away.
    var warded: Set<InterfaceAddress.Key> = []
    /// Whom `track_gateway` asks, as the machine knows it.
    var witness: RouterWitness = .none
    /// A reload has removed it: its end is no stop of the agent.
    var isDeleted = false
    /// The first error since the last advertisement that left, which the log was told of.
    var sendFailure: SystemCallError?
    /// How often the address guard took the addresses away.
    var guardFirings: UInt64 = 0
    /// When the journal was last told of an address that was put back.
    var restorationToldAt: Instant?
    /// Advertisements that the kernel did not take.
    var unsent: UInt64 = 0
    var peers = PeerLedger()
    var echoes = EchoFilter()
    /// The log was told that it is MASTER and has never heard another router.
    var saidThatNobodyWasHeard = false
    /// Addresses that the kernel refused, and when it is asked again.
    var unclaimed: [Unclaimed] = []
    var claimAgainAt: Instant = .zero
    /// Addresses that are not tracked and that somebody removed since they were claimed.
    var abandoned: [VirtualAddress] = []
    /// Addresses that could not be removed.
    var unreleased: [VirtualAddress] = []
    var releaseAgainAt: Instant = .zero
    /// Faults that this shell declared, and when each is taken back.
    var restingFaults: [FaultCause: Instant] = [:]
    /// The next rest of each.
    var faultRests: [FaultCause: Duration] = [:]

    struct Unclaimed: Equatable {
        var address: VirtualAddress
        var since: Instant
    }

    init(settings: RouterSettings, facts: InterfaceFacts) {
        declared = settings
        machine = VirtualRouter(settings: facts.allowed(of: settings))
        self.facts = facts
    }

    var settings: RouterSettings { machine.settings }

    var nextDeadline: Instant? {
        var earliest = machine.nextDeadline ?? .distantFuture
        if !unclaimed.isEmpty { earliest = min(earliest, claimAgainAt) }
        for end in restingFaults.values { earliest = min(earliest, end) }
        if !unreleased.isEmpty { earliest = min(earliest, releaseAgainAt) }
        return earliest == .distantFuture ? nil : earliest
    }

    /// Takes over what came of putting some of the addresses, and returns those that were not refused before. The
    /// others keep what was known of them.
    mutating func note(
        put addresses: [VirtualAddress],
        refused: [VirtualAddress],
        at now: Instant
    ) -> [VirtualAddress] {
        let tried = Set(addresses)
        let before = unclaimed
        unclaimed.removeAll { tried.contains($0.address) }
        var fresh: [VirtualAddress] = []
        for address in refused {
            let former = before.first { $0.address == address }
            if former == nil { fresh.append(address) }
            unclaimed.append(Unclaimed(address: address, since: former?.since ?? now))
        }
        claimAgainAt = now + Self.retryInterval
        return fresh
    }

    /// Whether an address has been refused for longer than a MASTER may lack one.
    func lacksAddressTooLong(at now: Instant) -> Bool {
        unclaimed.contains { now - $0.since >= Self.claimPatience }
    }

    /// Notes a fault that this shell found. False while it rests already.
    mutating func declare(_ cause: FaultCause, at now: Instant) -> Bool {
        guard restingFaults[cause] == nil else { return false }
        let rest = faultRests[cause] ?? Self.faultRest
        restingFaults[cause] = now + rest
        faultRests[cause] = min(rest * 2, Self.longestFaultRest)
        return true
    }

    /// All addresses are there.
    mutating func served(at now: Instant) {
        if now - machine.since >= Self.recovery { faultRests = [:] }
    }

    /// Hands one event to the machine. Who becomes MASTER has said nothing yet.
    mutating func decide(_ event: RouterEvent, at now: Instant) -> [RouterEffect] {
        let before = machine.visibleState
        decidedAt = now
        let effects = machine.handle(event, at: now)
        if machine.visibleState == .active, before != .active { advertisedAt = nil }
        return effects
    }

    /// Whether an address may be put or renewed: the peers have heard of us within `silenceLimit` by the clock as
    /// it is now, whenever that was decided. Later, someone else may have the addresses.
    func mayHoldAddresses(at now: Instant) -> Bool {
        advertisedAt != nil && silence(at: now) <= machine.silenceLimit
    }

    /// How long the peers have heard nothing of this MASTER, or since when it would speak for the first time.
    func silence(at now: Instant) -> Duration { now - (advertisedAt ?? decidedAt) }

    /// Not nil: it is too late for this effect, by the clock as it is now, and for so long nothing was said. A
    /// priority that is told late makes a MASTER yield that has taken over meanwhile.
    func silence(before effect: RouterEffect, at now: Instant) -> Duration? {
        switch effect {
        case .advertise(priority: 0), .advertiseDirectly(priority: 0, _): return nil
        case .advertise, .advertiseDirectly:
            // What was refused before is not late: it is tried until `isLost`.
            if sendFailure != nil, now <= decidedAt + machine.silenceLimit { return nil }
        case .announceOwnership: break
        // These are looked at when they are put, and what is released is never too late.
        case .claimAddresses, .renewAddresses, .restoreAddresses, .releaseAddresses,
            .releaseAddress,
            .transition, .note:
            return nil
        }
        let silence = silence(at: now)
        return silence > machine.silenceLimit ? silence : nil
    }

    /// Whether a MASTER whose advertisement was not taken gives up: nobody has heard of it for `silenceLimit`.
    func isLost(at now: Instant) -> Bool {
        guard machine.visibleState == .active else { return false }
        return now > (advertisedAt ?? machine.since) + machine.silenceLimit
    }
}
