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
    /// When it takes more again.
    var nextWarmStep: Instant?
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

    /// Whether checks tell of the same place as they did under the configuration before.
    func isWhereItWas(_ before: ServerWatch) -> Bool {
        let (line, former) = (server.line, before.server.line)
        return line.host == former.host && line.port == former.port
            && line.checkAddress == former.checkAddress && line.checkPort == former.checkPort
    }

    /// Where the check connects to.
    var checkAddress: SocketAddress? {
        guard let address = server.line.checkAddress ?? address,
            let port = server.line.checkPort ?? server.line.port.port(client: 0)
        else { return nil }
        return SocketAddress(address, port: port)
    }

    /// It is one of those that new connections may go to: a weight of 0 takes none.
    var takesConnections: Bool { isUsable && server.line.weight > 0 }

    /// Weights count sixteenfold where `slowstart` needs steps in between.
    static let weightScale = 16

    /// `ramps`: the weight may change while connections are balanced, which a map of places allows for no moment.
    func status(weightScale: Int, ramps: Bool, at now: Instant) -> ServerStatus {
        var status = ServerStatus(
            isUsable: isUsable,
            weight: server.line.weight * weightScale,
            address: address
        )
        // HAProxy's server_recalc_eweight and srv_dynamic_maxconn count whole seconds.
        let whole = Int(server.line.slowStart.inSeconds)
        guard let warmsSince, whole > 0 else { return status }
        let seconds = min(Int(max((now - warmsSince).inSeconds, 0)), whole)
        status.warmth = 100 * seconds / whole
        if ramps {
            let steps = min(Self.weightScale * seconds / whole + 1, Self.weightScale)
            status.weight = (status.weight * steps + Self.weightScale - 1) / Self.weightScale
        }
        return status
    }

    mutating func beginWarming(at now: Instant) {
        guard server.line.slowStart > .zero else { return }
        warmsSince = now
        nextWarmStep = now + warmStep
    }

    mutating func endWarming() {
        warmsSince = nil
        nextWarmStep = nil
    }

    /// True: it takes more from now on.
    mutating func warm(at now: Instant) -> Bool {
        guard let since = warmsSince, let step = nextWarmStep, step <= now else { return false }
        nextWarmStep = now + warmStep
        if now - since >= server.line.slowStart { endWarming() }
        return true
    }

    private var warmStep: Duration { max(.seconds(1), server.line.slowStart / 20) }
}
