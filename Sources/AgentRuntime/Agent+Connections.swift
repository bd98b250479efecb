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
    static let resetsInOneTurn: Duration = .milliseconds(100)
    /// For one release; connections that are left over end by their own time limits.
    private static let resetsOfOneRelease: Duration = .milliseconds(50)

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

    func resetConnections(on addresses: [VirtualAddress], of settings: RouterSettings) {
        guard connections != nil, !addresses.isEmpty, resetAllowance > .zero else { return }
        let begin = Clock.now
        defer { resetAllowance = resetAllowance - (Clock.now - begin) }
        do throws(SystemCallError) {
            let count =
                try connections?.reset(
                    on: addresses.map(\.prefix.address),
                    within: min(resetAllowance, Self.resetsOfOneRelease)
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
