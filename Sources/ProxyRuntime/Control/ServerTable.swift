import CLinux
import HAProxySyntax
import HealthChecks
import LinuxIO
import Primitives

/// One server as the control thread knows it: its address, its health, its next check.
struct ServerRecord: ~Copyable {
    let backend: Int
    let server: Int
    let line: ServerLine
    var address: IPAddress?
    var health: ServerHealth
    var nextCheckAt: Instant?
    /// A check that is on its way.
    var check: FileDescriptor?
    var checkBegan: Instant = .zero
    var checkEnds: Instant = .zero
    /// It has to answer before a refresh is finished.
    var isRefreshing = false
    var wasUsable = false
    /// Milliseconds by the boot clock; 0: from the start.
    var upSince: UInt64 = 0

    init(backend: Int, server: Int, line: ServerLine, health: ServerHealth?, address: IPAddress?) {
        self.backend = backend
        self.server = server
        self.line = line
        self.health = health ?? ServerHealth(rise: line.rise, fall: line.fall)
        if case .address(let fixed) = line.host {
            self.address = fixed
        } else {
            self.address = address
        }
        wasUsable = isUsable
    }

    var isUsable: Bool {
        !line.disabled && address != nil && (!line.checked || health.isUp)
    }

    var pace: CheckPace {
        CheckPace(
            interval: line.interval,
            fastInterval: line.fastInterval,
            downInterval: line.downInterval
        )
    }

    /// The name to look up, where the address is not written out.
    var hostName: String? {
        if case .name(let name) = line.host { name } else { nil }
    }

    var standing: ServerStanding {
        let target = address ?? .v4(.any)
        return switch line.port {
        case .fixed(let port):
            ServerStanding(
                isUsable: isUsable,
                address: tandem_address(target, port: port),
                portOffset: nil,
                upSince: upSince
            )
        case .client(let offset):
            ServerStanding(
                isUsable: isUsable,
                address: tandem_address(target, port: 0),
                portOffset: offset,
                upSince: upSince
            )
        }
    }

    /// Where a check goes; nil: nowhere yet.
    var checkAddress: tandem_address? {
        guard let target = line.checkAddress ?? address else { return nil }
        if let port = line.checkPort { return tandem_address(target, port: port) }
        guard case .fixed(let port) = line.port else { return nil }
        return tandem_address(target, port: port)
    }
}
