import Primitives

@testable import VRRP

/// A router of priority 100 at 10.9.0.2 with one address, and the clock that it is driven by.
struct RouterFixture {
    static let own = IPAddress(10, 9, 0, 2)
    static let lowerPeer = IPAddress(10, 9, 0, 1)
    static let higherPeer = IPAddress(10, 9, 0, 3)
    static let address = VirtualAddress(prefix: Prefix(host: .v4(IPv4Address(10, 9, 0, 100))))
    static let otherAddress = VirtualAddress(prefix: Prefix(host: .v4(IPv4Address(10, 9, 0, 101))))
    static let script = Track.Subject.script("chk_haproxy")

    static let settings = RouterSettings(
        name: "VI_1",
        interface: "eth0",
        virtualRouterID: 51,
        addresses: [address]
    )

    /// Of routers and of what they hear. At an interval of 1 s both versions have the same timers.
    @TaskLocal static var version: ProtocolVersion = .v2

    /// 3 s and 156/256 s.
    static let activeDownInterval = Duration.nanoseconds(3_609_375_000)
    static let skewTime = Duration.nanoseconds(609_375_000)

    var router: VirtualRouter
    var now = Instant.zero + .seconds(1000)

    init(_ change: (inout RouterSettings) -> Void = { _ in }) {
        var settings = Self.settings
        settings.version = Self.version
        change(&settings)
        router = VirtualRouter(settings: settings)
    }

    static func backup(_ change: (inout RouterSettings) -> Void = { _ in }) -> RouterFixture {
        var fixture = RouterFixture(change)
        _ = fixture.handle(.start(source: own, faults: []))
        return fixture
    }

    /// MASTER since a moment ago, with its addresses.
    static func active(_ change: (inout RouterSettings) -> Void = { _ in }) -> RouterFixture {
        var fixture = backup(change)
        while !fixture.router.holdsAddresses { _ = fixture.nextDeadline() }
        return fixture
    }

    static func advertisement(
        priority: UInt8,
        addresses: [VirtualAddress] = [address]
    ) -> Advertisement {
        var settings = settings
        settings.version = version
        settings.addresses = addresses
        return settings.advertisement(priority: priority)
    }

    @discardableResult
    mutating func handle(_ event: RouterEvent, after pause: Duration = .zero) -> [RouterEffect] {
        now = now + pause
        return router.handle(event, at: now)
    }

    mutating func hear(
        _ priority: UInt8,
        from sender: IPAddress = higherPeer,
        after pause: Duration = .zero
    ) -> [RouterEffect] {
        handle(.received(Self.advertisement(priority: priority), from: sender), after: pause)
    }

    /// Goes to the next deadline and handles it.
    mutating func nextDeadline() -> [RouterEffect] {
        guard let deadline = router.nextDeadline else { return [] }
        now = max(now, deadline)
        return router.handle(.deadline, at: now)
    }

    /// Everything that happens by itself until `pause` has passed.
    mutating func wait(_ pause: Duration) -> [RouterEffect] {
        let end = now + pause
        var effects: [RouterEffect] = []
        while let deadline = router.nextDeadline, deadline <= end { effects += nextDeadline() }
        now = end
        return effects
    }

    /// How long until the next deadline.
    var timeLeft: Duration? { router.nextDeadline.map { $0 - now } }
}

extension [RouterEffect] {
    /// Without the notes, which change nothing.
    var deeds: [RouterEffect] {
        filter { effect in
            if case .note = effect { return false }
            return true
        }
    }

    var notes: [RouterNote] {
        compactMap { effect in
            if case .note(let note) = effect { return note }
            return nil
        }
    }
}

extension RouterEffect {
    static func transition(
        _ from: VisibleState,
        _ to: VisibleState,
        _ reason: RouterTransition.Reason
    ) -> RouterEffect {
        .transition(RouterTransition(from: from, to: to, reason: reason))
    }
}
