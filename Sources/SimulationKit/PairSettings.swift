package import Primitives
package import Supervision
package import VRRP

/// How the two nodes are configured, which differs from seed to seed as files differ from site to site.
package struct PairSettings: Equatable, Sendable {
    package static let virtualAddress = VirtualAddress(
        prefix: Prefix(host: .v4(IPv4Address(192, 168, 0, 100)))
    )
    /// The check that the proxy's health answers.
    package static let proxyCheck = Track.Subject.script("chk_haproxy")
    /// A script of the user's own.
    package static let extraCheck = Track.Subject.script("chk_extra")

    package var priorities: [UInt8] = [101, 100]
    package var advertisementInterval: Duration = .seconds(1)
    package var preempt = true
    /// Of the proxy check; 2 in the founding document.
    package var proxyWeight = 2
    package var extraWeight = -5
    package var leaseGrace: Duration = .seconds(5)
    /// The defaults, but for a slow retry that is not all that slow.
    package var supervision: SupervisionSettings = {
        var settings = SupervisionSettings()
        settings.fatalRetry = .seconds(6)
        return settings
    }()

    package init() {}

    /// What a seed makes of it.
    package init(using random: inout SeededGenerator) {
        self.init()
        priorities =
            random.choice(of: [[101, 100], [101, 100], [100, 100], [150, 100], [90, 91]])
            ?? priorities
        advertisementInterval =
            random.choice(of: [.seconds(1), .seconds(1), .seconds(1), .seconds(2)])
            ?? advertisementInterval
        supervision.degradesWithoutServers = random.chance(percent: 50)
        preempt = random.chance(percent: 75)
        proxyWeight = random.choice(of: [2, 2, -20]) ?? proxyWeight
        extraWeight = random.choice(of: [-5, 3, -60]) ?? extraWeight
    }

    package func router(of host: HostName) -> RouterSettings {
        RouterSettings(
            name: "VI_1",
            interface: "eth0",
            virtualRouterID: 51,
            basePriority: priorities[host.rawValue],
            advertisementInterval: advertisementInterval,
            addresses: [Self.virtualAddress],
            preempt: preempt,
            tracks: [
                Track(subject: Self.proxyCheck, weight: proxyWeight),
                Track(subject: Self.extraCheck, weight: extraWeight),
            ]
        )
    }
}
