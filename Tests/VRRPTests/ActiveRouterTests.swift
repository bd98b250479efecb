import Primitives
import Testing

@testable import VRRP

@Suite("Being MASTER")
struct ActiveRouterTests {
    @Test("the lifetime is renewed each second even where advertisements are rarer")
    func renewal() {
        var fixture = RouterFixture.active { $0.advertisementInterval = .seconds(3) }
        var last = fixture.now
        for _ in 0..<12 {
            let effects = fixture.nextDeadline()
            #expect(
                effects.contains(.renewAddresses) || effects.contains(.announceOwnership(count: 5))
            )
            #expect(fixture.now - last <= .seconds(1))
            last = fixture.now
        }
        #expect(fixture.router.visibleState == .active)
    }

    @Test("addresses without a lifetime are never renewed")
    func noLifetime() {
        var fixture = RouterFixture.active { $0.addressLifetime = .zero }
        #expect(!fixture.wait(.seconds(10)).contains(.renewAddresses))
    }

    @Test("addresses that outlived their lifetime are claimed and announced anew")
    func lateRenewal() {
        var fixture = RouterFixture.active { $0.advertisementInterval = .seconds(3) }
        let effects = fixture.handle(.deadline, after: .milliseconds(2500))
        #expect(effects == [.claimAddresses, .announceOwnership(count: 5)])
    }

    @Test("the stall guard leaves a late but living MASTER alone")
    func notStalled() {
        var fixture = RouterFixture.active()
        // The last advertisement was 20 ms before the claim.
        let effects = fixture.handle(.deadline, after: .milliseconds(1980))
        #expect(effects == [.renewAddresses, .advertise(priority: 100)])
        #expect(fixture.router.counters.stalls == 0)
    }

    @Test("no event gets past the stall guard")
    func everyEventIsGuarded() {
        let events: [RouterEvent] = [
            .start(source: RouterFixture.own, faults: []), .deadline,
            .received(RouterFixture.advertisement(priority: 50), from: RouterFixture.lowerPeer),
            .faultCleared(.interfaceDown), .sourceChanged(RouterFixture.own),
            .standing(.full), .check(RouterFixture.script, succeeded: true),
            .stepDown(.proxyHung, hold: nil), .addressesLost([RouterFixture.address]),
            .reconfigured(RouterFixture.settings), .shutdown, .fault(.interfaceDown),
        ]
        for event in events {
            var fixture = RouterFixture.active()
            let effects = fixture.handle(event, after: .seconds(2))
            #expect(
                Array(effects.prefix(2)) == [
                    .releaseAddresses,
                    .transition(.active, .backup, .stalled(.milliseconds(2020))),
                ],
                "\(event)"
            )
            #expect(!effects.contains(.advertise(priority: 0)), "\(event)")
            #expect(!effects.contains(.renewAddresses), "\(event)")
        }
    }

    @Test("a rival that shouts is answered at most every 5 ms, and announced over once a second")
    func shoutingRival() {
        var fixture = RouterFixture.active()
        var effects: [RouterEffect] = []
        for _ in 0..<10_000 {
            effects += fixture.hear(50, from: RouterFixture.lowerPeer)
            effects += fixture.wait(.microseconds(100))
        }
        let answers = effects.filter { $0 == .advertise(priority: 100) }.count
        let bursts = effects.filter { $0 == .announceOwnership(count: 5) }.count
        #expect((150...201).contains(answers))
        #expect(bursts <= 1)
        let rival = RouterFixture.lowerPeer
        #expect(effects.notes == [.rivalHeard(50, rival), .rivalDeaf(rival)])
        let direct = effects.filter { $0 == .advertiseDirectly(priority: 100, to: rival) }.count
        #expect((1...2).contains(direct))
    }

    @Test("a rival that shouts does not make a renewal of every answer")
    func shoutingRivalRenewsNothing() {
        var fixture = RouterFixture.active()
        var effects: [RouterEffect] = []
        for _ in 0..<1000 {
            effects += fixture.hear(50, from: RouterFixture.lowerPeer, after: .milliseconds(2))
            effects += fixture.wait(.zero)
        }
        #expect((2...4).contains(effects.filter { $0 == .renewAddresses }.count))
    }

    @Test("a long lifetime leaves no deadline in the past")
    func longLifetime() {
        var fixture = RouterFixture.active {
            $0.advertisementInterval = .milliseconds(300)
            $0.addressLifetime = .seconds(10)
        }
        for _ in 0..<40 {
            _ = fixture.nextDeadline()
            #expect(fixture.router.nextDeadline.map { $0 > fixture.now } == true)
        }
    }

    @Test("a deleted address is announced again, at most once a second")
    func restore() {
        var fixture = RouterFixture.active()
        let effects = fixture.handle(
            .addressesLost([RouterFixture.address]),
            after: .milliseconds(1000)
        )
        #expect(
            effects == [
                .restoreAddresses([RouterFixture.address]), .announceOwnership(count: 5),
                .note(.addressRestored(RouterFixture.address)),
            ]
        )
        let again = fixture.handle(.addressesLost([RouterFixture.address]))
        #expect(again.deeds == [.restoreAddresses([RouterFixture.address])])
        #expect(fixture.router.counters.addressesRestored == 2)
        let strange = fixture.handle(.addressesLost([RouterFixture.otherAddress]))
        #expect(strange == [])
    }

    @Test("addresses that are deleted together are put back together and announced once")
    func restoreMany() {
        var settings = RouterFixture.settings
        settings.excludedAddresses = (1...254).map {
            VirtualAddress(prefix: Prefix(host: IPAddress(10, 50, 0, $0)))
        }
        settings.excludedAddresses[0].isTracked = false
        var fixture = RouterFixture.active()
        _ = fixture.handle(.reconfigured(settings))
        let lost = settings.heldAddresses
        let tracked = lost.filter(\.isTracked)
        let effects = fixture.handle(.addressesLost(lost), after: .milliseconds(1000))
        #expect(effects.count { $0 == .restoreAddresses(tracked) } == 1)
        #expect(effects.count { $0 == .announceOwnership(count: 5) } == 1)
        #expect(
            effects.count { if case .note(.addressRestored) = $0 { true } else { false } } == 254
        )
        #expect(fixture.router.counters.addressesRestored == 254)
    }

    @Test("a list of addresses that differs is noted once and honoured")
    func otherList() {
        var fixture = RouterFixture.backup()
        let other = RouterFixture.advertisement(
            priority: 101,
            addresses: [RouterFixture.address, RouterFixture.otherAddress]
        )
        let event = RouterEvent.received(other, from: RouterFixture.higherPeer)
        let first = fixture.handle(event, after: .seconds(1))
        #expect(
            first.notes.contains(
                .addressListDiffers(other.addresses, from: RouterFixture.higherPeer)
            )
        )
        #expect(fixture.timeLeft == RouterFixture.activeDownInterval)
        #expect(fixture.handle(event, after: .seconds(1)) == [])
        #expect(fixture.router.counters.addressListMismatches == 2)
    }
}

@Suite("Checks and faults")
struct FaultTests {
    static let zeroWeight = Track(subject: RouterFixture.script, weight: 0)
    static let second = Track.Subject.script("second")

    @Test("scripts of weight 0 hold the router in INIT until each has reported once")
    func held() {
        var fixture = RouterFixture {
            $0.tracks = [Self.zeroWeight, Track(subject: Self.second, weight: 0)]
        }
        fixture.handle(.start(source: RouterFixture.own, faults: []))
        #expect(fixture.router.awaitedChecks.count == 2)
        #expect(fixture.handle(.check(Self.second, succeeded: true)) == [])
        #expect(fixture.router.nextDeadline == nil)
        #expect(
            fixture.handle(.check(RouterFixture.script, succeeded: true))
                == [.transition(.initialize, .backup, .started)]
        )
        #expect(fixture.timeLeft == RouterFixture.activeDownInterval)
    }

    @Test("weights and interfaces hold nothing back")
    func notHeld() {
        let fixture = RouterFixture.backup {
            $0.tracks = [
                Track(subject: RouterFixture.script, weight: 2),
                Track(subject: .interface("eth1"), weight: 0),
            ]
        }
        #expect(fixture.router.visibleState == .backup)
    }

    @Test("a fault over which a script is still awaited ends in INIT")
    func faultThenHeld() {
        var fixture = RouterFixture { $0.tracks = [Self.zeroWeight] }
        fixture.handle(.start(source: RouterFixture.own, faults: [.interfaceDown]))
        #expect(
            fixture.handle(.faultCleared(.interfaceDown))
                == [.transition(.fault, .initialize, .faultsCleared)]
        )
    }

    @Test("the last of several faults has to be cleared")
    func several() {
        var fixture = RouterFixture.active()
        fixture.handle(.fault(.interfaceDown))
        #expect(fixture.handle(.fault(.tracked(.interface("eth1")))) == [])
        #expect(fixture.handle(.sourceChanged(nil)) == [])
        #expect(fixture.handle(.faultCleared(.interfaceDown)) == [])
        #expect(fixture.handle(.faultCleared(.tracked(.interface("eth1")))) == [])
        #expect(
            fixture.handle(.sourceChanged(RouterFixture.own))
                == [.transition(.fault, .backup, .faultsCleared)]
        )
        #expect(fixture.timeLeft == RouterFixture.activeDownInterval)
    }

    @Test("a weight that changes on the MASTER is advertised at once")
    func weightOnMaster() {
        var fixture = RouterFixture.active {
            $0.tracks = [Track(subject: RouterFixture.script, weight: 2)]
        }
        let effects = fixture.handle(
            .check(RouterFixture.script, succeeded: true),
            after: .milliseconds(100)
        )
        #expect(effects.contains(.advertise(priority: 102)))
        #expect(effects.notes == [.priorityChanged(from: 100, to: 102)])
        #expect(fixture.handle(.check(RouterFixture.script, succeeded: true)) == [])
    }

    @Test("a check that the router does not track changes nothing")
    func unknownCheck() {
        var fixture = RouterFixture.active()
        #expect(fixture.handle(.check(Self.second, succeeded: false)) == [])
    }
}

@Suite("A reload")
struct ReconfigurationTests {
    @Test("the same settings change nothing")
    func same() {
        var fixture = RouterFixture.active()
        #expect(fixture.handle(.reconfigured(RouterFixture.settings)) == [])
    }

    @Test("a MASTER stays MASTER and advertises its new priority at once")
    func priority() {
        var fixture = RouterFixture.active()
        var settings = RouterFixture.settings
        settings.basePriority = 90
        let effects = fixture.handle(.reconfigured(settings), after: .milliseconds(100))
        #expect(effects.deeds == [.renewAddresses, .advertise(priority: 90)])
        #expect(fixture.router.visibleState == .active)
    }

    @Test("addresses that are gone are removed, new ones claimed and announced")
    func addresses() {
        var fixture = RouterFixture.active()
        var settings = RouterFixture.settings
        settings.addresses = [RouterFixture.otherAddress]
        let effects = fixture.handle(.reconfigured(settings), after: .milliseconds(100))
        #expect(
            effects == [
                .releaseAddress(RouterFixture.address), .claimAddresses,
                .announceOwnership(count: 5),
                .renewAddresses, .advertise(priority: 100),
            ]
        )
    }

    @Test("a MASTER that a reload takes out releases what only the old list has as well, and first")
    func addressesOfWhoIsTakenOut() {
        let tracked = { (settings: inout RouterSettings) in
            settings.addresses = [RouterFixture.address, RouterFixture.otherAddress]
            settings.tracks = [Track(subject: RouterFixture.script, weight: -5)]
        }
        var fixture = RouterFixture.active(tracked)
        fixture.handle(.check(RouterFixture.script, succeeded: false))
        var settings = fixture.router.settings
        settings.addresses = [RouterFixture.address]
        settings.tracks = [Track(subject: RouterFixture.script, weight: 0)]
        let effects = fixture.handle(.reconfigured(settings), after: .milliseconds(100))
        #expect(fixture.router.visibleState == .fault)
        #expect(
            effects.deeds.prefix(3) == [
                .releaseAddress(RouterFixture.otherAddress), .releaseAddresses,
                .advertise(priority: 0),
            ]
        )
    }

    @Test("a MASTER that stood still until the reload releases what only the old list has, too")
    func addressesOfWhoStoodStill() {
        var fixture = RouterFixture.active {
            $0.addresses = [RouterFixture.address, RouterFixture.otherAddress]
        }
        var settings = fixture.router.settings
        settings.addresses = [RouterFixture.address]
        let effects = fixture.handle(.reconfigured(settings), after: .seconds(10))
        #expect(fixture.router.visibleState == .backup)
        let released: [RouterEffect] = [
            .releaseAddress(RouterFixture.otherAddress), .releaseAddresses,
        ]
        #expect(Array(effects.prefix(2)) == released)
    }

    @Test("another interval sets the timers of both states")
    func interval() {
        var settings = RouterFixture.settings
        settings.advertisementInterval = .seconds(2)
        var active = RouterFixture.active()
        active.handle(.reconfigured(settings), after: .milliseconds(100))
        #expect(active.wait(.seconds(10)).filter { $0 == .advertise(priority: 100) }.count == 5)
        var backup = RouterFixture.backup()
        backup.handle(.reconfigured(settings), after: .milliseconds(100))
        #expect(backup.timeLeft == .seconds(6) + RouterFixture.skewTime)
    }

    @Test("a new script is taken to be well, a known one keeps its outcome")
    func scripts() {
        var fixture = RouterFixture.active {
            $0.tracks = [Track(subject: RouterFixture.script, weight: 5)]
        }
        fixture.handle(.check(RouterFixture.script, succeeded: true))
        var settings = fixture.router.settings
        settings.tracks.append(Track(subject: .script("new"), weight: 0))
        settings.tracks.append(Track(subject: .script("newer"), weight: 3))
        fixture.handle(.reconfigured(settings))
        #expect(fixture.router.visibleState == .active)
        #expect(fixture.router.effectivePriority == 108)
    }

    @Test("a fault of a script that is no longer tracked is over")
    func faultGone() {
        var fixture = RouterFixture {
            $0.tracks = [Track(subject: RouterFixture.script, weight: 0)]
        }
        fixture.handle(.start(source: RouterFixture.own, faults: []))
        fixture.handle(.check(RouterFixture.script, succeeded: false))
        #expect(fixture.router.visibleState == .fault)
        fixture.handle(.reconfigured(RouterFixture.settings))
        #expect(fixture.router.visibleState == .backup)
    }
}
