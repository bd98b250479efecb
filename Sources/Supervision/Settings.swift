/// What the decisions are told by the `tandem` block of keepalived.conf.
package struct SupervisionSettings: Equatable, Sendable {
    package enum Takeover: Equatable, Sendable {
        case refresh
        case reload
        case restart
    }

    /// Silence of the proxy's event loops that counts as hung.
    package var proxyWatchdog: Duration = .seconds(1)
    /// How many restarts `restartWindow` may see before the process counts as FATAL.
    package var restartLimit = 3
    package var restartWindow: Duration = .seconds(30)
    /// How long a MASTER keeps the addresses while its proxy restarts.
    package var restartGrace: Duration = .seconds(1)
    package var fatalRetry: Duration = .seconds(30)
    package var failoverHold: Duration = .seconds(5)
    package var onTakeover: Takeover = .refresh
    /// `on_no_servers degrade`: without a usable server the node stands as a last resort.
    package var degradesWithoutServers = false

    package init() {}
}
