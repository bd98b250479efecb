import Glibc
import LinuxIO
import Logging
import Netlink
import Primitives
import VRRP

/// What becomes of clients when an address goes: a connection that can't go on is reset while there is still an
/// address to send that from, so that its client comes again at once instead of waiting for an answer.
extension Agent {
    /// Of the loop's time, however many routers let go in one turn: the peers' skew time is longer.
    private static let resetsInOneTurn: Duration = .milliseconds(100)

    /// A router that goes on must not fall silent for another one's connections.
    var resetsOfThisTurn: Duration {
        let shortest = routers.lazy.map(\.machine.silenceLimit).min() ?? Self.resetsInOneTurn
        return min(Self.resetsInOneTurn, shortest / 4)
    }

    static func openConnectionTable(_ log: Logger) -> ConnectionTable<KernelRouteSocket>? {
        do throws(SystemCallError) {
            var table = try ConnectionTable()
            try table.prepare()
            return table
        } catch {
            log.warning(
                "clients are not told when an address goes: \(error) (CONFIG_INET_DIAG_DESTROY)"
            )
            return nil
        }
    }

    func resetConnections(
        on addresses: [VirtualAddress],
        of settings: RouterSettings,
        within limit: Duration
    ) {
        guard connections != nil, !addresses.isEmpty else { return }
        let limit = min(resetAllowance ?? resetsOfThisTurn, limit)
        guard limit > .zero else { return }
        resetAllowance = resetAllowance ?? resetsOfThisTurn
        let begin = Clock.now
        defer { resetAllowance = resetAllowance.map { $0 - (Clock.now - begin) } }
        do throws(SystemCallError) {
            let count =
                try connections?.reset(
                    on: addresses.map(\.prefix.address),
                    within: limit
                ) ?? 0
            guard count > 0 else { return }
            line(
                .info,
                "(\(settings.name)) reset \(count) connections, in \((Clock.now - begin).milliseconds) ms",
                of: settings.name
            )
        } catch {
            line(
                .warning,
                "(\(settings.name)) connections are left alone: \(error)",
                of: settings.name
            )
            if error.errno == EOPNOTSUPP || error.errno == EPERM { connections = nil }
        }
    }
}
