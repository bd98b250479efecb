import Primitives
import Testing

@testable import VRRP

@Suite("The guard of the addresses below a second")
struct VIPGuardTests {
    private static let begin = Instant.zero + .seconds(5)
    private static let promise = VIPGuard.Event.promise(interval: .milliseconds(10))

    private static func promised() -> VIPGuard {
        var watcher = VIPGuard()
        _ = watcher.handle(promise, at: begin)
        return watcher
    }

    @Test("nothing is due before the first promise")
    func idle() {
        var watcher = VIPGuard()
        #expect(watcher.nextDeadline == nil)
        #expect(watcher.handle(.deadline, at: Self.begin) == .keep)
        #expect(watcher.handle(.hungUp, at: Self.begin) == .keep)
    }

    @Test("two and a half advertisements of silence take the addresses away, once")
    func silence() {
        var watcher = Self.promised()
        #expect(watcher.nextDeadline == Self.begin + .milliseconds(25))
        #expect(watcher.handle(.deadline, at: Self.begin + .milliseconds(24)) == .keep)
        #expect(watcher.handle(.deadline, at: Self.begin + .milliseconds(25)) == .remove)
        #expect(watcher.nextDeadline == nil)
        #expect(watcher.handle(.deadline, at: Self.begin + .milliseconds(99)) == .keep)
    }

    @Test("each promise puts it off")
    func promises() {
        var watcher = Self.promised()
        for turn in 1...100 {
            let now = Self.begin + .milliseconds(10 * turn)
            #expect(watcher.handle(Self.promise, at: now) == .keep)
            #expect(watcher.nextDeadline == now + .milliseconds(25))
        }
    }

    @Test("a promise that comes too late does not save the addresses")
    func late() {
        var watcher = Self.promised()
        #expect(watcher.handle(Self.promise, at: Self.begin + .milliseconds(26)) == .remove)
        #expect(watcher.nextDeadline == Self.begin + .milliseconds(51))
    }

    @Test("what the loop released itself is none of the guard's business; a loop that is gone is")
    func ends() {
        var released = Self.promised()
        #expect(released.handle(.released, at: Self.begin + .milliseconds(1)) == .keep)
        #expect(released.handle(.hungUp, at: Self.begin + .milliseconds(2)) == .keep)
        var killed = Self.promised()
        #expect(killed.handle(.hungUp, at: Self.begin + .milliseconds(2)) == .remove)
    }
}

@Suite("Which routers the guard watches")
struct GuardedRouterTests {
    private func settings(
        every interval: Duration,
        lifetime: Duration,
        downTimer: Int
    ) -> RouterSettings {
        var settings = RouterFixture.settings
        settings.advertisementInterval = interval
        settings.addressLifetime = lifetime
        settings.downTimerAdvertisements = downTimer
        return settings
    }

    @Test("a lifetime that peers do not wait for, and intervals below a second")
    func needs() {
        #expect(!settings(every: .seconds(1), lifetime: .seconds(2), downTimer: 3).needsGuard)
        #expect(settings(every: .seconds(1), lifetime: .seconds(2), downTimer: 2).needsGuard)
        #expect(settings(every: .seconds(1), lifetime: .seconds(3), downTimer: 3).needsGuard)
        #expect(!settings(every: .seconds(1), lifetime: .zero, downTimer: 2).needsGuard)
        #expect(settings(every: .milliseconds(990), lifetime: .zero, downTimer: 3).needsGuard)
        // Nothing lies between the next advertisement and the peers' skew time.
        #expect(!settings(every: .seconds(1), lifetime: .seconds(2), downTimer: 1).needsGuard)
    }

    @Test(
        "it acts after the next advertisement and before a peer stops waiting",
        arguments: [(2, 1500), (3, 2500), (4, 2500), (100, 2500)]
    )
    func patience(_ downTimer: Int, _ milliseconds: Int) {
        let settings = settings(every: .seconds(1), lifetime: .seconds(4), downTimer: downTimer)
        #expect(settings.guardPatience == .milliseconds(milliseconds))
        #expect(settings.guardPatience > settings.advertisementInterval)
        #expect(settings.guardPatience < settings.advertisementInterval * downTimer)
    }
}
