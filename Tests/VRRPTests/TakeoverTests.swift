import Primitives
import Testing

@testable import VRRP

@Suite("Becoming MASTER")
struct TakeoverTests {
    @Test("the advertisement goes out first, the claim and the gratuitous ARP 20 ms later")
    func speaksThenClaims() {
        var fixture = RouterFixture.backup()
        #expect(
            fixture.wait(.seconds(4))
                == [
                    .advertise(priority: 100), .transition(.backup, .active, .masterDown),
                    .claimAddresses, .announceOwnership(count: 5),
                ]
        )
        #expect(fixture.router.holdsAddresses)
    }

    @Test("a router that is contradicted before the claim never has the addresses")
    func contradicted() {
        var fixture = RouterFixture.backup()
        _ = fixture.nextDeadline()
        let effects = fixture.hear(101, after: .milliseconds(10))
        #expect(!effects.contains(.claimAddresses))
        #expect(fixture.router.visibleState == .backup)
        #expect(!fixture.wait(.seconds(1)).contains(.claimAddresses))
    }

    @Test("a lost address before the claim is not restored")
    func lostBeforeClaim() {
        var fixture = RouterFixture.backup()
        _ = fixture.nextDeadline()
        #expect(fixture.handle(.addressesLost([RouterFixture.address])) == [])
    }

    @Test("the second burst follows after its delay, and a refresh as often as it is asked for")
    func bursts() {
        var fixture = RouterFixture.active()
        #expect(!fixture.wait(.milliseconds(4900)).contains(.announceOwnership(count: 5)))
        #expect(fixture.wait(.milliseconds(200)).contains(.announceOwnership(count: 5)))
        #expect(!fixture.wait(.seconds(60)).contains(.announceOwnership(count: 5)))

        var refreshing = RouterFixture.active {
            $0.announcementRefresh = .seconds(10)
            $0.secondBurstDelay = .zero
        }
        let bursts = refreshing.wait(.seconds(35)).filter { $0 == .announceOwnership(count: 1) }
        #expect(bursts.count == 3)
    }

    @Test("priority 0 of the MASTER shortens the wait to the skew time, and is the reason given")
    func released() {
        var fixture = RouterFixture.backup()
        _ = fixture.hear(101)
        _ = fixture.hear(0)
        #expect(
            fixture.wait(.milliseconds(610))
                == [
                    .advertise(priority: 100),
                    .transition(
                        .backup,
                        .active,
                        .masterReleased(RouterFixture.higherPeer)
                    ),
                ]
        )
    }

    @Test(
        "a MASTER of lower priority is preempted when it is heard for the last time before the timer"
    )
    func preempts() {
        var fixture = RouterFixture.backup()
        var effects: [RouterEffect] = []
        for _ in 0..<3 { effects += fixture.hear(99) + fixture.wait(.seconds(1)) }
        effects += fixture.hear(99) + fixture.wait(.milliseconds(20))
        #expect(
            effects.deeds
                == [
                    .advertise(priority: 100),
                    .transition(.backup, .active, .preempted(99, RouterFixture.higherPeer)),
                    .claimAddresses, .announceOwnership(count: 5),
                ]
        )
        #expect(effects.notes.count == 2, "the log is told once")
    }

    @Test("a MASTER of lower priority that falls silent has to be missed for a whole interval")
    func lowerFallsSilent() {
        var fixture = RouterFixture.backup()
        _ = fixture.hear(99, after: .seconds(2))
        let silent = RouterFixture.activeDownInterval
        #expect(fixture.wait(silent - .milliseconds(1)) == [])
        #expect(
            fixture.wait(.milliseconds(1))
                == [.advertise(priority: 100), .transition(.backup, .active, .masterDown)]
        )
    }

    @Test("the log is told once of a MASTER, and again when it is no longer a last resort")
    func notedOnce() {
        var fixture = RouterFixture.backup { $0.preempt = false }
        let higher = RouterFixture.higherPeer
        #expect(fixture.hear(1).contains(.note(.masterHeard(1, higher))))
        #expect(!fixture.hear(1).contains(.note(.masterHeard(1, higher))))
        #expect(fixture.hear(99) == [.note(.masterHeard(99, higher))])
        #expect(fixture.hear(100) == [])
    }

    @Test("the preemption delay is waited first, and counts from the first advertisement")
    func preemptDelay() {
        var fixture = RouterFixture.backup { $0.preemptDelay = .seconds(10) }
        var seconds = 0
        while fixture.router.visibleState == .backup, seconds < 60 {
            _ = fixture.hear(99)
            _ = fixture.wait(.seconds(1))
            seconds += 1
        }
        // In answer to the advertisement of second 10.
        #expect(seconds == 11)
    }

    @Test("preempt_delay that runs does not keep the addresses on what has become a last resort")
    func preemptDelayOfLastResort() {
        var fixture = RouterFixture.backup { $0.preemptDelay = .seconds(60) }
        for _ in 0..<5 { _ = fixture.hear(90, after: .seconds(1)) }
        #expect(fixture.router.visibleState == .backup)
        var waited = Duration.zero
        while fixture.router.visibleState == .backup, waited < .seconds(10) {
            _ = fixture.hear(1, after: .seconds(1))
            waited = waited + .seconds(1)
        }
        #expect(fixture.router.visibleState == .active)
        #expect(waited <= RouterFixture.activeDownInterval)
    }

    @Test("a higher priority in between begins the delay anew")
    func preemptDelayAnew() {
        var fixture = RouterFixture.backup { $0.preemptDelay = .seconds(3) }
        _ = fixture.hear(99)
        _ = fixture.wait(.seconds(2))
        _ = fixture.hear(101)
        _ = fixture.wait(.seconds(2))
        _ = fixture.hear(99)
        #expect(fixture.timeLeft == RouterFixture.activeDownInterval)
    }

    @Test("an advertisement that waited for a loop that stood still preempts nobody")
    func staleAdvertisement() {
        var fixture = RouterFixture.backup()
        let late = RouterFixture.activeDownInterval + .seconds(2)
        #expect(fixture.hear(99, after: late).notes.contains(.timerLate(.seconds(2))))
        #expect(fixture.hear(99) == [])
        #expect(fixture.router.visibleState == .backup)
        #expect(fixture.hear(99, after: .seconds(1)).contains(.advertise(priority: 100)))
    }

    @Test("a BACKUP whose loop stood still gives the MASTER one more advertisement")
    func lateTimer() {
        var fixture = RouterFixture.backup()
        let late = RouterFixture.activeDownInterval + .milliseconds(300)
        let effects = fixture.handle(.deadline, after: late)
        #expect(effects == [.note(.timerLate(.milliseconds(300)))])
        #expect(fixture.timeLeft == .seconds(1) + RouterFixture.skewTime)

        var punctual = RouterFixture.backup()
        let soon = RouterFixture.activeDownInterval + .milliseconds(250)
        #expect(punctual.handle(.deadline, after: soon).contains(.advertise(priority: 100)))
    }
}

@Suite("Letting go")
struct StepDownTests {
    @Test("a held router wants nothing until the hold is over, and then waits a whole interval")
    func holdPasses() {
        var fixture = RouterFixture.active()
        fixture.handle(.stepDown(.operatorRequest, hold: .seconds(5)))
        #expect(fixture.wait(.seconds(5)) == [])
        #expect(fixture.timeLeft == RouterFixture.activeDownInterval)
        #expect(fixture.wait(.seconds(4)).contains(.claimAddresses))
    }

    @Test("a MASTER that is heard ends the hold; priority 0 does not")
    func holdEnds() {
        var fixture = RouterFixture.active()
        fixture.handle(.stepDown(.operatorRequest, hold: .seconds(5)))
        _ = fixture.hear(0, after: .seconds(1))
        #expect(fixture.timeLeft == .seconds(4))
        _ = fixture.hear(99, after: .seconds(1))
        #expect(fixture.timeLeft == RouterFixture.activeDownInterval)
    }

    @Test("a hold of zero is none")
    func noHold() {
        var fixture = RouterFixture.active()
        fixture.handle(.stepDown(.proxyHung, hold: .zero))
        #expect(fixture.timeLeft == RouterFixture.activeDownInterval)
    }

    @Test("a BACKUP is held as well, by the longer of two holds")
    func backupHeld() {
        var fixture = RouterFixture.backup()
        fixture.handle(.stepDown(.operatorRequest, hold: .seconds(5)))
        fixture.handle(.stepDown(.proxyHung, hold: .seconds(1)))
        #expect(fixture.timeLeft == .seconds(5))
    }

    @Test("a last resort takes the address when nobody else does")
    func lastResort() {
        var fixture = RouterFixture.backup()
        fixture.handle(.standing(.lastResort))
        _ = fixture.hear(2)
        #expect(fixture.timeLeft == .nanoseconds(3_996_093_750))
        #expect(fixture.wait(.seconds(5)).contains(.claimAddresses))
        #expect(
            fixture.hear(2).deeds
                == [
                    .releaseAddresses, .advertise(priority: 1),
                    .transition(
                        .active,
                        .backup,
                        .higherPriority(2, RouterFixture.higherPeer)
                    ),
                ]
        )
    }
}
