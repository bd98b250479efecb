import KeepalivedSyntax
import LinuxIO
import Logging
import Netlink
import Primitives
import Systemd
import VRRP

/// What is taken off a node on which no agent runs.
enum AddressRelease: Equatable {
    case everything
    /// All but what the next life of the agent may keep, which the kernel takes away by itself if there is
    /// none (`docs/decisions/0010`).
    case whatNobodyAdopts
    case nothing

    /// After the end of the unit's process: `$SERVICE_RESULT` of systemd.exec(5); nil outside of a unit.
    ///
    /// systemd does not say whether it starts the unit again. Signals that the unit did not send are the ends
    /// after which an agent is back before its peer misses it. One that hung, could not start or was told to
    /// stop is not.
    init(after serviceResult: String?) {
        switch serviceResult {
        case "signal"?, "core-dump"?: self = .whatNobodyAdopts
        // It was not started, so what is on the interfaces is somebody else's.
        case "exec-condition"?: self = .nothing
        default: self = .everything
        }
    }

    /// Returns the exit status.
    static func run(_ release: AddressRelease, _ options: AgentOptions) -> Int32 {
        guard release != .nothing else { return 0 }
        let log = Logger.daemon("tandem-agent")
        // Addresses go whatever has become of the file's programs and users.
        let reader = ConfigurationReader(
            file: options.file,
            environment: MachineFacts.otherMachine(name: options.name)
        )
        guard let configuration = reader.configuration else {
            for diagnostic in reader.diagnostics where diagnostic.severity == .error {
                log.error("\(diagnostic)")
            }
            return 1
        }
        do throws(SystemCallError) {
            var keeper = AddressKeeper(socket: try KernelRouteSocket())
            let listing = try keeper.listing()
            var view = NetworkView()
            _ = view.replace(interfaces: listing.interfaces, addresses: listing.addresses)
            var failed = false
            for settings in configuration.routers {
                if release == .whatNobodyAdopts,
                    settings.remnant(in: view, at: Clock.now) != nil
                {
                    continue
                }
                var unknown = Placements()
                let outcome = keeper.remove(
                    settings.heldAddresses,
                    of: settings,
                    in: view,
                    from: &unknown
                )
                for address in outcome.removed {
                    log.notice("(\(settings.name)) released \(address.prefix)")
                }
                for failure in outcome.failures { log.error("(\(settings.name)) \(failure.error)") }
                if let removed = try keeper.removeVirtualInterface(of: settings, in: view) {
                    log.notice("(\(settings.name)) removed \(removed.name)")
                }
                failed = failed || !outcome.failures.isEmpty
            }
            return failed ? 1 : 0
        } catch {
            log.error("\(error)")
            return 1
        }
    }
}
