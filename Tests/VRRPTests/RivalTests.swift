import Primitives
import Testing

@testable import VRRP

@Suite("Others who have what is ours")
struct RivalTests {
    private static let stranger: [UInt8] = [2, 0, 0, 0, 0, 9]
    private static let other: [UInt8] = [2, 0, 0, 0, 0, 8]
    private static let virtual = RouterFixture.address.prefix.address
    private static let burst = RouterEffect.announceOwnership(count: 5)

    @Test func `a MASTER announces against whoever answers for its address, and says who`() {
        var fixture = RouterFixture.active()
        _ = fixture.wait(.seconds(20))
        let effects = fixture.handle(.addressSighted(Self.virtual, at: Self.stranger))
        #expect(effects == [.note(.addressAnswered(Self.virtual, by: Self.stranger)), Self.burst])
        #expect(fixture.router.counters.rivalSightings == 1)
        // The second burst, as after a takeover.
        #expect(fixture.wait(.seconds(6)).contains(Self.burst))
    }

    @Test func `who insists is answered every ten seconds, and named once`() {
        var fixture = RouterFixture.active { $0.secondBurstDelay = .zero }
        _ = fixture.wait(.seconds(20))
        var effects: [RouterEffect] = []
        // At 0, 10, … 60 s.
        for _ in 0..<600 {
            effects += fixture.handle(.addressSighted(Self.virtual, at: Self.stranger))
            effects += fixture.wait(.milliseconds(100))
        }
        #expect(effects.filter { $0 == Self.burst }.count == 7)
        #expect(effects.notes.count == 1)
        #expect(fixture.router.counters.rivalSightings == 600)
        let again = fixture.handle(.addressSighted(Self.virtual, at: Self.other))
        #expect(again.notes == [.addressAnswered(Self.virtual, by: Self.other)])
    }

    @Test func `a sighting between two answers is answered too`() {
        var fixture = RouterFixture.active { $0.secondBurstDelay = .zero }
        _ = fixture.wait(.seconds(20))
        _ = fixture.handle(.addressSighted(Self.virtual, at: Self.stranger))
        #expect(
            fixture.handle(
                .addressSighted(Self.virtual, at: Self.stranger),
                after: .milliseconds(300)
            )
                == []
        )
        #expect(!fixture.wait(.seconds(9)).contains(Self.burst))
        #expect(fixture.wait(.seconds(1)).contains(Self.burst))
    }

    @Test func `nobody else's addresses are defended, and a BACKUP defends none`() {
        var fixture = RouterFixture.active()
        let strange = RouterFixture.otherAddress.prefix.address
        #expect(fixture.handle(.addressSighted(strange, at: Self.stranger)) == [])
        var backup = RouterFixture.backup()
        #expect(backup.handle(.addressSighted(Self.virtual, at: Self.stranger)) == [])
        #expect(backup.router.counters.rivalSightings == 0)
    }

    @Test
    func `a rival that did not hear us is told with each advertisement, also when it has yielded`()
    {
        let rival = RouterFixture.lowerPeer
        let told = RouterEffect.advertiseDirectly(priority: 100, to: rival)
        var fixture = RouterFixture.active()
        #expect(!fixture.wait(.seconds(10)).contains(told))
        for _ in 0..<3 { _ = fixture.hear(50, from: rival, after: .seconds(1)) }
        let effects = fixture.wait(.seconds(10))
        #expect((9...11).contains(effects.filter { $0 == told }.count))
        let end = fixture.handle(.shutdown)
        #expect(
            end.prefix(3) == [
                .releaseAddresses, .advertise(priority: 0),
                .advertiseDirectly(priority: 0, to: rival),
            ]
        )
    }

    @Test func `rivals that take turns are named once each, and each is found to be deaf`() {
        let second = IPAddress(10, 9, 0, 4)
        var fixture = RouterFixture.active()
        var effects: [RouterEffect] = []
        for _ in 0..<20 {
            effects += fixture.hear(50, from: RouterFixture.lowerPeer, after: .milliseconds(250))
            effects += fixture.hear(60, from: second, after: .milliseconds(250))
        }
        #expect(effects.notes.filter { $0 == .rivalHeard(50, RouterFixture.lowerPeer) }.count == 1)
        #expect(effects.notes.filter { $0 == .rivalHeard(60, second) }.count == 1)
        #expect(effects.notes.filter { $0 == .rivalDeaf(RouterFixture.lowerPeer) }.count == 1)
        #expect(effects.notes.filter { $0 == .rivalDeaf(second) }.count == 1)
    }

    @Test func `a crowd of rivals does not fill the log`() {
        var fixture = RouterFixture.active()
        var effects: [RouterEffect] = []
        for round in 0..<1000 {
            let sender = IPAddress(10, 8, UInt8(round / 250 % 4), UInt8(round % 250))
            effects += fixture.hear(50, from: sender, after: .milliseconds(10))
        }
        #expect(effects.notes.count <= 8)
    }

    @Test func `MASTERs that take turns are named once each by a BACKUP`() {
        let second = IPAddress(10, 9, 0, 4)
        var higher = RouterFixture.backup()
        var effects: [RouterEffect] = []
        for _ in 0..<20 {
            effects += higher.hear(150, from: RouterFixture.higherPeer, after: .milliseconds(250))
            effects += higher.hear(160, from: second, after: .milliseconds(250))
        }
        #expect(effects.notes.count == 2)
        var lower = RouterFixture.backup()
        effects = []
        for _ in 0..<3 {
            effects += lower.hear(50, from: RouterFixture.lowerPeer, after: .milliseconds(250))
            effects += lower.hear(60, from: second, after: .milliseconds(250))
        }
        #expect(lower.router.visibleState == .backup)
        // Each as a MASTER, and each as one of lower priority.
        #expect(effects.notes.count == 4)
    }

    @Test func `lists of addresses that take turns are noted once a sender`() {
        let second = IPAddress(10, 9, 0, 4)
        var fixture = RouterFixture.backup()
        var effects: [RouterEffect] = []
        for round in 0..<20 {
            let list =
                round % 2 == 0
                ? [RouterFixture.otherAddress]
                : [RouterFixture.otherAddress, RouterFixture.address]
            let advertisement = RouterFixture.advertisement(priority: 150, addresses: list)
            for sender in [RouterFixture.higherPeer, second] {
                effects += fixture.handle(
                    .received(advertisement, from: sender),
                    after: .milliseconds(250)
                )
            }
        }
        let lists = effects.notes.filter { note in
            if case .addressListDiffers = note { true } else { false }
        }
        #expect(lists.count == 2)
    }
}
