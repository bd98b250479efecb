import HAProxySyntax
import HealthChecks
import LinuxIO
import Primitives

/// One server as the control thread knows it: its address, its checks, whether it is in maintenance.
struct ServerWatch {
    let server: Server
    let backend: Int
    let index: Int
    /// `backend/server`.
    let fullName: String
    var address: IPAddress?
    var check: ServerCheck?
    /// The connection of the check that runs.
    var descriptor: Int32 = -1
    /// Since when it is up, for `slowstart`; nil: long enough.
    var warmsSince: Instant?
    /// When an unresolved name is looked up again.
    var asksAgainAt: Instant?
    /// `track`: whether the server that it follows is usable; nil: it follows none.
    var followedIsUsable: Bool?
    /// `observe`: how often its error limit was met already.
    var errorLimitsSeen = 0
    var availability = Availability(isUp: true, since: .zero)
    /// The last check that has ended, and when.
    var lastOutcome: (outcome: CheckOutcome, endedAt: Instant)?
    /// Checks that failed while it was up.
    var failedChecks: UInt64 = 0
    /// The log has said that its name does not resolve.
    var wasReported = false

    var name: String? {
        if case .name(let name) = server.line.host { return name }
        return nil
    }

    /// Without an address there is nothing to connect to.
    var isChecking: Bool { check != nil && !server.line.disabled && checkAddress != nil }

    var isUsable: Bool {
        !server.line.disabled && address != nil && (check?.health.isUp ?? true)
            && (followedIsUsable ?? true)
    }

    /// Where the check connects to.
    var checkAddress: SocketAddress? {
        guard let address = server.line.checkAddress ?? address,
            let port = server.line.checkPort ?? server.line.port.port(client: 0)
        else { return nil }
        return SocketAddress(address, port: port)
    }

    /// Weights count sixteenfold where `slowstart` needs steps in between.
    static let weightScale = 16

    func status(weightScale: Int, at now: Instant) -> ServerStatus {
        let whole = server.line.weight * weightScale
        var weight = whole
        if let warmsSince, server.line.slowStart > .zero, whole > 0 {
            let share = (now - warmsSince).inSeconds / server.line.slowStart.inSeconds
            weight = max(1, Int(Double(whole) * min(max(share, 0), 1)))
        }
        return ServerStatus(isUsable: isUsable, weight: weight, address: address)
    }

    /// Whether the server is still within its slow start.
    func isWarming(at now: Instant) -> Bool {
        warmsSince.map { now - $0 < server.line.slowStart } ?? false
    }
}
