import Primitives
import Testing

@testable import VRRP

@Suite("Addresses that an earlier life left")
struct AdoptionTests {
    static func fixture(
        age: Duration,
        faults: Set<FaultCause> = [],
        _ change: (inout RouterSettings) -> Void = { _ in }
    ) -> (fixture: RouterFixture, effects: [RouterEffect]) {
        var fixture = RouterFixture(change)
        let remnant = Remnant(renewedAt: fixture.now + (.zero - age))
        let effects = fixture.handle(
            .start(source: RouterFixture.own, faults: faults, remnant: remnant)
        )
        return (fixture, effects)
    }

    @Test("fresh ones are kept: MASTER at once, claimed 20 ms later", arguments: [0, 500, 1999])
    func fresh(milliseconds: Int) {
        var (fixture, effects) = Self.fixture(age: .milliseconds(milliseconds))
        #expect(
            effects == [
                .advertise(priority: 100), .transition(.initialize, .active, .adopted),
            ]
        )
        #expect(fixture.timeLeft == .milliseconds(20))
        #expect(fixture.nextDeadline().first == .claimAddresses)
        #expect(fixture.router.counters.adoptions == 1)
    }

    struct Row: CustomTestStringConvertible, Sendable {
        var name: String
        var age = Duration.milliseconds(100)
        var faults: Set<FaultCause> = []
        var change: @Sendable (inout RouterSettings) -> Void = { _ in }
        var testDescription: String { name }
    }

    static let refused = [
        Row(name: "as old as their lifetime", age: .seconds(2)),
        Row(name: "a fault", faults: [.interfaceDown]),
        Row(name: "a sync group", change: { $0.isGrouped = true }),
        Row(name: "addresses without a lifetime", change: { $0.addressLifetime = .zero }),
        Row(name: "a peer that waits one interval", change: { $0.downTimerAdvertisements = 1 }),
        Row(
            name: "three advertisements of 10 ms ago",
            age: .milliseconds(30),
            change: { settings in
                settings.version = .v3
                settings.advertisementInterval = .milliseconds(10)
            }
        ),
    ]

    @Test(
        "what is not fresh, or not the node's to decide, is released at the start",
        arguments: refused
    )
    func releases(row: Row) {
        let (fixture, effects) = Self.fixture(age: row.age, faults: row.faults, row.change)
        #expect(effects.first == .releaseAddresses)
        #expect(fixture.router.visibleState != .active)
    }

    @Test("a MASTER of higher priority that answers gets them within the pause")
    func rivalAnswers() {
        var (fixture, _) = Self.fixture(age: .milliseconds(100))
        let effects = fixture.hear(101, after: .milliseconds(2))
        #expect(effects.deeds.first == .releaseAddresses)
        #expect(fixture.router.visibleState == .backup)
    }

    static func waiting() -> RouterFixture {
        let (waiting, effects) = Self.fixture(age: .milliseconds(500)) {
            $0.tracks = [Track(subject: RouterFixture.script, weight: 0)]
        }
        #expect(effects == [])
        return waiting
    }

    @Test("the first report of its checks may come while they are fresh")
    func awaited() {
        var fixture = Self.waiting()
        let effects = fixture.handle(
            .check(RouterFixture.script, succeeded: true),
            after: .seconds(1)
        )
        #expect(effects.last == .transition(.initialize, .active, .adopted))
    }

    @Test(
        "while the checks are awaited, their end of life, another MASTER, a failure or a shutdown releases them"
    )
    func awaitedInVain() {
        var old = Self.waiting()
        #expect(old.timeLeft == .milliseconds(1500))
        #expect(old.nextDeadline() == [.releaseAddresses])
        var replaced = Self.waiting()
        #expect(replaced.hear(1) == [.releaseAddresses])
        #expect(replaced.hear(1) == [])
        var failed = Self.waiting()
        let failure = failed.handle(.check(RouterFixture.script, succeeded: false))
        #expect(failure.first == .releaseAddresses)
        var ended = Self.waiting()
        #expect(ended.handle(.shutdown).first == .releaseAddresses)
        var demoted = Self.waiting()
        #expect(demoted.handle(.standing(.lastResort)).contains(.releaseAddresses))
    }

    @Test("vrrp_startup_delay is waited in Initialize, and not by an adopter")
    func startupDelay() {
        var fixture = RouterFixture { $0.startupDelay = .seconds(10) }
        #expect(
            fixture.handle(.start(source: RouterFixture.own, faults: [])) == [.releaseAddresses]
        )
        #expect(fixture.hear(50) == [])
        #expect(fixture.timeLeft == .seconds(10))
        #expect(fixture.nextDeadline() == [.transition(.initialize, .backup, .started)])
        let adopter = Self.fixture(age: .zero) { $0.startupDelay = .seconds(10) }
        #expect(adopter.fixture.router.visibleState == .active)
    }
}
