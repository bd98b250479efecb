import Primitives
import Testing

@testable import VRRP

@Suite("The gateway as witness")
struct WitnessTests {
    static func watched(_ settings: inout RouterSettings) { settings.gateway = .automatic }

    @Test(
        "a BACKUP that hears neither a peer nor the gateway claims nothing",
        arguments: [true, false]
    )
    func withheld(hasAsked: Bool) {
        var fixture = RouterFixture.backup(Self.watched)
        if hasAsked { fixture.handle(.gatewaySilent) }
        let effects = fixture.wait(.seconds(30))
        #expect(effects == [.note(.withheld)])
        #expect(fixture.router.visibleState == .backup)
        #expect(fixture.router.counters.isolations == 1)
    }

    @Test("it waits one advertisement more when the gateway answers again, and claims then")
    func answersAgain() {
        var fixture = RouterFixture.backup(Self.watched)
        _ = fixture.wait(.seconds(30))
        #expect(fixture.handle(.gatewayAnswered) == [])
        #expect(fixture.timeLeft == .seconds(1) + RouterFixture.skewTime)
        _ = fixture.wait(.seconds(2))
        #expect(fixture.router.visibleState == .active)
    }

    @Test("with a gateway that answers, it becomes MASTER as ever")
    func answers() {
        var fixture = RouterFixture.backup(Self.watched)
        fixture.handle(.gatewayAnswered)
        _ = fixture.nextDeadline()
        #expect(fixture.router.visibleState == .active)
    }

    @Test(
        "a peer that is heard in the gateway's silence discredits the witness, until it answers again"
    )
    func discredited() {
        var fixture = RouterFixture.backup(Self.watched)
        fixture.handle(.gatewaySilent)
        let peer = RouterFixture.higherPeer
        #expect(fixture.hear(200).contains(.note(.witnessDiscredited(peer))))
        fixture.handle(.gatewaySilent)
        _ = fixture.wait(.seconds(5))
        #expect(fixture.router.visibleState == .active)
        _ = fixture.hear(200)
        fixture.handle(.gatewayAnswered)
        fixture.handle(.gatewaySilent)
        _ = fixture.wait(.seconds(5))
        #expect(fixture.router.visibleState == .backup)
    }

    @Test("a MASTER that gave up is a peer that was heard")
    func released() {
        var fixture = RouterFixture.backup(Self.watched)
        fixture.handle(.gatewaySilent)
        _ = fixture.hear(0)
        _ = fixture.wait(.seconds(1))
        #expect(fixture.router.visibleState == .active)
    }

    static func watchedMaster() -> RouterFixture {
        var fixture = RouterFixture.backup(watched)
        fixture.handle(.gatewayAnswered)
        while !fixture.router.holdsAddresses { _ = fixture.nextDeadline() }
        return fixture
    }

    @Test("an isolated MASTER lets go after a master-down interval, and claims nothing again")
    func isolatedMaster() {
        var fixture = Self.watchedMaster()
        fixture.handle(.gatewaySilent)
        let before = fixture.wait(RouterFixture.activeDownInterval - .milliseconds(1))
        #expect(!before.contains(.releaseAddresses))
        let effects = fixture.wait(.milliseconds(1))
        #expect(
            effects == [
                .releaseAddresses, .advertise(priority: 0),
                .transition(.active, .backup, .isolated(RouterFixture.activeDownInterval)),
            ]
        )
        _ = fixture.wait(.seconds(60))
        #expect(fixture.router.visibleState == .backup)
    }

    @Test(
        "a MASTER stays whose gateway answers in time, or that hears a peer",
        arguments: [
            RouterEvent.gatewayAnswered,
            .received(RouterFixture.advertisement(priority: 0), from: RouterFixture.lowerPeer),
            .received(RouterFixture.advertisement(priority: 50), from: RouterFixture.lowerPeer),
        ]
    )
    func stays(event: RouterEvent) {
        var fixture = Self.watchedMaster()
        fixture.handle(.gatewaySilent)
        _ = fixture.wait(.seconds(2))
        fixture.handle(event)
        fixture.handle(event)
        _ = fixture.wait(.seconds(30))
        #expect(fixture.router.visibleState == .active)
    }

    @Test("without track_gateway the events change nothing")
    func unwatched() {
        var fixture = RouterFixture.active()
        fixture.handle(.gatewaySilent)
        _ = fixture.wait(.seconds(30))
        #expect(fixture.router.visibleState == .active)
        var backup = RouterFixture.backup()
        backup.handle(.gatewaySilent)
        _ = backup.nextDeadline()
        #expect(backup.router.visibleState == .active)
    }

    @Test("an owner of the addresses waits for the gateway's first answer")
    func owner() {
        var fixture = RouterFixture.backup { settings in
            Self.watched(&settings)
            settings.basePriority = 255
        }
        #expect(fixture.router.visibleState == .backup)
        fixture.handle(.gatewayAnswered)
        _ = fixture.wait(.seconds(4))
        #expect(fixture.router.visibleState == .active)
    }
}
