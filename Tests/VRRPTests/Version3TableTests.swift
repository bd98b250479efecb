import Primitives
import Testing

@testable import VRRP

/// RFC 9568 §6.4, where it is not what RFC 3768 says already: priority 100, an interval of 0.5 s.
@Suite("The table of transitions of version 3")
struct Version3TableTests {
    static let interval = Duration.milliseconds(500)
    /// 156/256 of the interval.
    static let skew = Duration.nanoseconds(304_687_500)
    static let down = interval * 3 + skew

    static func version3(_ settings: inout RouterSettings) {
        settings.version = .v3
        settings.advertisementInterval = interval
    }

    static func heard(
        _ priority: UInt8,
        _ sender: IPAddress = RouterFixture.higherPeer,
        every interval: Duration = interval
    ) -> RouterEvent {
        var advertisement = RouterFixture.advertisement(priority: priority)
        advertisement.version = .v3
        advertisement.interval = interval
        return .received(advertisement, from: sender)
    }

    @Test("§6.4.1: startup, Active_Adver_Interval is our own")
    func startup() {
        let fixture = RouterFixture.backup(Self.version3)
        #expect(fixture.timeLeft == Self.down)
    }

    @Test("§6.4.1 (110): startup of the owner")
    func owner() {
        let fixture = RouterFixture.backup { settings in
            Self.version3(&settings)
            settings.basePriority = 255
        }
        #expect(fixture.router.visibleState == .active)
    }

    @Test(
        "§6.4.2 (430): the MASTER's interval is learned, and both timers with it",
        arguments: [10, 500, 2000, 40_950]
    )
    func learned(milliseconds: Int) {
        var fixture = RouterFixture.backup(Self.version3)
        let interval = Duration.milliseconds(milliseconds)
        fixture.handle(Self.heard(101, every: interval))
        let skew = Duration.nanoseconds(interval.nanoseconds * 156 / 256)
        #expect(fixture.router.activeInterval == interval)
        #expect(fixture.router.skewTime == skew)
        #expect(fixture.timeLeft == interval * 3 + skew)
    }

    @Test("§6.4.2 (420): priority 0 sets the timer to the skew time of what was learned")
    func released() {
        var fixture = RouterFixture.backup(Self.version3)
        fixture.handle(Self.heard(101, every: .seconds(2)))
        fixture.handle(Self.heard(0, every: .seconds(2)))
        #expect(fixture.timeLeft == .nanoseconds(2_000_000_000 * 156 / 256))
    }

    @Test("§6.4.2 (440): a lower priority is discarded, and teaches nothing")
    func lower() {
        var fixture = RouterFixture.backup(Self.version3)
        fixture.handle(Self.heard(99, every: .seconds(2)))
        #expect(fixture.router.activeInterval == Self.interval)
        #expect(fixture.timeLeft == Self.down)
    }

    @Test("a lower priority with a longer interval is missed by that interval")
    func lowerAndSlower() {
        var fixture = RouterFixture.backup(Self.version3)
        fixture.handle(Self.heard(99, every: .seconds(2)), after: .milliseconds(200))
        let heardAt = fixture.now
        while fixture.router.visibleState == .backup { _ = fixture.nextDeadline() }
        #expect(fixture.now - heardAt == .seconds(6) + Self.skew)
    }

    @Test("§6.4.2 (430): without preemption a lower priority counts, and teaches")
    func nopreempt() {
        var fixture = RouterFixture.backup { settings in
            Self.version3(&settings)
            settings.preempt = false
        }
        fixture.handle(Self.heard(99, every: .seconds(2)))
        #expect(fixture.router.activeInterval == .seconds(2))
    }

    @Test("§6.4.2 (370): the timer fires, and the interval is our own again")
    func takesOver() {
        var fixture = RouterFixture.backup(Self.version3)
        fixture.handle(Self.heard(101, every: .milliseconds(10)))
        #expect(
            fixture.nextDeadline() == [
                .advertise(priority: 100), .transition(.backup, .active, .masterDown),
            ]
        )
        #expect(fixture.router.activeInterval == Self.interval)
    }

    @Test("§6.4.3 (725): a MASTER that yields learns the other's interval")
    func yields() {
        var fixture = RouterFixture.active(Self.version3)
        fixture.handle(Self.heard(101, every: .seconds(2)))
        #expect(fixture.router.visibleState == .backup)
        #expect(fixture.timeLeft == .seconds(6) + .nanoseconds(2_000_000_000 * 156 / 256))
    }

    @Test("§6.4.3 (705): priority 0 is answered")
    func answersZero() {
        var fixture = RouterFixture.active(Self.version3)
        let effects = fixture.handle(Self.heard(0), after: .milliseconds(100))
        #expect(effects.contains(.advertise(priority: 100)))
    }

    @Test(
        "§6.4.3 (735): a lower priority is answered at once, or not if lower_prio_no_advert says so"
    )
    func answersLower() {
        var fixture = RouterFixture.active(Self.version3)
        let answer = fixture.handle(Self.heard(99), after: .milliseconds(100))
        #expect(answer.contains(.advertise(priority: 100)))
        var silent = RouterFixture.active { settings in
            Self.version3(&settings)
            settings.answersLowerPriority = false
        }
        let silence = silent.handle(Self.heard(99), after: .milliseconds(100))
        #expect(!silence.contains(.advertise(priority: 100)))
    }

    @Test("version 2 learns nothing from a MASTER")
    func version2() {
        var fixture = RouterFixture.backup()
        fixture.handle(Self.heard(101, every: .seconds(2)))
        #expect(fixture.timeLeft == RouterFixture.activeDownInterval)
    }

    @Test("at 10 ms: claimed after 10 ms, silent for 20 ms, renewed twice a second and no oftener")
    func fastest() {
        var fixture = RouterFixture.active { settings in
            Self.version3(&settings)
            settings.advertisementInterval = .milliseconds(10)
        }
        #expect(fixture.router.claimPause == .milliseconds(10))
        #expect(fixture.router.silenceLimit == .milliseconds(20))
        let effects = fixture.wait(.seconds(10))
        #expect((995...1001).contains(effects.filter { $0 == .advertise(priority: 100) }.count))
        #expect((18...21).contains(effects.filter { $0 == .renewAddresses }.count))
        let stalled = fixture.handle(.deadline, after: .milliseconds(31))
        #expect(stalled.first == .releaseAddresses)
    }

    @Test("a timer that is always read late fires all the same, the second time")
    func alwaysLate() {
        var fixture = RouterFixture.backup { settings in
            Self.version3(&settings)
            settings.advertisementInterval = .milliseconds(10)
        }
        for _ in 0..<2 {
            guard let deadline = fixture.router.nextDeadline else { break }
            fixture.now = deadline + .milliseconds(8)
            fixture.handle(.deadline)
        }
        #expect(fixture.router.visibleState == .active)
    }

    @Test("a rival that goes on is told by unicast, twice an interval at most")
    func deafRival() {
        var fixture = RouterFixture.active(Self.version3)
        let rival = RouterFixture.lowerPeer
        var direct = 0
        for _ in 0..<20 {
            let effects = fixture.handle(Self.heard(99, rival), after: .milliseconds(500))
            direct += effects.filter { $0 == .advertiseDirectly(priority: 100, to: rival) }.count
        }
        #expect((18...40).contains(direct))
        let once = fixture.handle(Self.heard(99, rival), after: .milliseconds(1))
        #expect(!once.contains(.advertiseDirectly(priority: 100, to: rival)))
    }

    @Test("a rival that is heard once, and again after a long time, is not deaf")
    func passingRival() {
        var fixture = RouterFixture.active(Self.version3)
        for _ in 0..<3 {
            let effects = fixture.handle(Self.heard(99, RouterFixture.lowerPeer))
            let isDirect = effects.contains {
                $0 == .advertiseDirectly(priority: 100, to: RouterFixture.lowerPeer)
            }
            #expect(!isDirect)
            _ = fixture.wait(.seconds(10))
        }
    }

    @Test(
        "a tracked file: its number times the weight, at most 253 either way",
        arguments: [
            (1, 20, false, Int?.some(120)), (-3, 20, false, 40), (1, 1000, false, 254),
            (2, -126, false, 1), (2, -127, false, nil), (1, .min, false, nil),
            (-1, .min, false, 254),
            (1, 20, true, 80), (0, 0, false, 100), (0, 1, false, nil), (0, 1, true, 100),
            (0, 0, true, nil),
        ]
    )
    func files(weight: Int, value: Int, reversed: Bool, priority: Int?) {
        let subject = Track.Subject.file("maintenance")
        var fixture = RouterFixture.backup { settings in
            settings.tracks = [Track(subject: subject, weight: weight, reversed: reversed)]
        }
        fixture.handle(.reading(subject, value: value))
        if let priority {
            #expect(fixture.router.visibleState == .backup)
            #expect(Int(fixture.router.effectivePriority) == priority)
        } else {
            #expect(fixture.router.visibleState == .fault)
        }
    }
}
