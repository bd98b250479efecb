import KeepalivedSyntax
import Netlink
import Primitives
import Testing
import VRRP

@testable import AgentRuntime

/// What a shell may still do when its loop, or the kernel, was slow.
@Suite("A turn that takes too long")
struct RouterShellTests {
    private static let own = IPAddress(10, 9, 0, 2)
    private static let peer = IPAddress(10, 9, 0, 3)
    private static let address = VirtualAddress(
        prefix: Prefix(host: .v4(IPv4Address(10, 9, 0, 100)))
    )
    private static let start = Instant.zero + .seconds(1000)

    private static func settings(
        _ change: (inout RouterSettings) -> Void = { _ in }
    ) -> RouterSettings {
        var settings = RouterSettings(
            name: "VI_1",
            interface: "eth0",
            virtualRouterID: 51,
            addresses: [address]
        )
        change(&settings)
        return settings
    }

    private static func shell(
        _ change: (inout RouterSettings) -> Void = { _ in }
    ) -> RouterShell {
        let settings = settings(change)
        let facts = InterfaceFacts(of: settings, in: NetworkView(), lent: [])
        return RouterShell(settings: settings, facts: facts)
    }

    /// MASTER with its addresses since its last deadline, whose advertisements the kernel took.
    private static func master() -> (shell: RouterShell, now: Instant) {
        var shell = shell()
        var now = start
        _ = shell.decide(.start(source: own, faults: []), at: now)
        while !shell.machine.holdsAddresses {
            now = shell.machine.nextDeadline ?? now
            let effects = shell.decide(.deadline, at: now)
            if effects.contains(.advertise(priority: 100)) { shell.advertisedAt = now }
        }
        return (shell, now)
    }

    @Test func `a MASTER that stood still behind its decision neither speaks nor announces`() {
        var (shell, now) = Self.master()
        now = shell.machine.nextDeadline ?? now
        #expect(shell.decide(.deadline, at: now).contains(.advertise(priority: 100)))
        let inTime = now + .milliseconds(500)
        #expect(shell.silence(before: .advertise(priority: 100), at: inTime) == nil)
        #expect(shell.mayHoldAddresses(at: inTime))
        // The last one that left is older than the two intervals by now, though the decision is not.
        let late = now + .milliseconds(1100)
        #expect(shell.silence(before: .advertise(priority: 100), at: late) != nil)
        #expect(shell.silence(before: .announceOwnership(count: 5), at: late) != nil)
        #expect(!shell.mayHoldAddresses(at: late))
        // What lets go is never too late.
        #expect(shell.silence(before: .advertise(priority: 0), at: late) == nil)
        #expect(shell.silence(before: .releaseAddresses, at: late) == nil)
        let effects = shell.decide(.overdue(.seconds(2)), at: late)
        #expect(effects.first == .releaseAddresses)
        #expect(shell.machine.visibleState == .backup)
        #expect(shell.machine.counters.stalls == 1)
    }

    @Test func `the first word of a new MASTER is too late when its decision is`() {
        var shell = Self.shell()
        _ = shell.decide(.start(source: Self.own, faults: []), at: Self.start)
        // Of an earlier time as MASTER.
        shell.advertisedAt = Instant.zero + .seconds(900)
        let now = shell.machine.nextDeadline ?? Self.start
        #expect(shell.decide(.deadline, at: now).contains(.advertise(priority: 100)))
        #expect(shell.silence(before: .advertise(priority: 100), at: now) == nil)
        let late = now + .milliseconds(2100)
        #expect(shell.silence(before: .advertise(priority: 100), at: late) != nil)
    }

    @Test
    func `a first advertisement that is refused postpones the claim, and is given up in the end`() {
        var shell = Self.shell()
        _ = shell.decide(.start(source: Self.own, faults: []), at: Self.start)
        var now = shell.machine.nextDeadline ?? Self.start
        let began = now
        var attempts = 0
        while !shell.isLost(at: now), attempts < 100 {
            let effects = shell.decide(.deadline, at: now)
            #expect(!effects.contains(.claimAddresses))
            if effects.contains(.advertise(priority: 100)) {
                attempts += 1
                _ = shell.decide(.unsaid, at: now)
            }
            now = shell.machine.nextDeadline ?? now
        }
        #expect((4...10).contains(attempts))
        #expect(now - began > .seconds(2) && now - began <= .milliseconds(2300))

        // One that is taken is followed by the claim.
        _ = shell.decide(.deadline, at: now)
        shell.advertisedAt = now
        now = shell.machine.nextDeadline ?? now
        #expect(shell.decide(.deadline, at: now).contains(.claimAddresses))
    }

    @Test func `resets have half the pause when a rival claims, and none when it may have claimed`()
    {
        let settings = Self.settings()
        let yields = RouterEffect.transition(
            RouterTransition(from: .active, to: .backup, reason: .higherPriority(150, Self.peer))
        )
        let stalled = RouterEffect.transition(
            RouterTransition(from: .active, to: .backup, reason: .stalled(.seconds(3)))
        )
        let stepsDown = RouterEffect.transition(
            RouterTransition(from: .active, to: .backup, reason: .stepDown(.proxyHung))
        )
        #expect(
            ReleaseHaste(of: [.releaseAddresses, yields]).resets(before: settings)
                == .milliseconds(10)
        )
        #expect(ReleaseHaste(of: [.releaseAddresses, stalled]).resets(before: settings) == .zero)
        #expect(
            ReleaseHaste(of: [.releaseAddresses, stepsDown]).resets(before: settings)
                == .milliseconds(50)
        )
        let fast = Self.settings { $0.advertisementInterval = .milliseconds(10) }
        #expect(
            ReleaseHaste(of: [.releaseAddresses, yields]).resets(before: fast) == .milliseconds(5)
        )
    }
}
