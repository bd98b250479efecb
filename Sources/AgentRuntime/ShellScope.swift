import KeepalivedSyntax
import Primitives
import VRRP

/// What a file may say and this agent's sockets and tables can't carry out yet: refused by name, because a
/// node that advertises otherwise than its file says is worse than one that does not start.
enum ShellScope {
    static func refusals(of configuration: KeepalivedConfiguration) -> [Diagnostic] {
        configuration.routers.flatMap { settings in
            let place = configuration.routerLocations[settings.name]
            return objections(to: settings).map { objection in
                Diagnostic(
                    .error,
                    at: place,
                    "(\(settings.name)) \(objection.what)",
                    mend: objection.mend
                )
            }
        }
            + configuration.global.interfaceDelays.keys.sorted().map { name in
                Diagnostic(
                    .error,
                    at: nil,
                    "'interface_up_down_delays' of '\(name)' is not kept by this version",
                    mend: "remove it: a change of the interface counts at once"
                )
            }
    }

    private static func objections(
        to settings: RouterSettings
    ) -> [(what: String, mend: String)] {
        var found: [(what: String, mend: String)] = []
        if let address = settings.heldAddresses.first(where: { !$0.isTracked }) {
            found.append(
                (
                    "'no_track' of \(address.prefix) is not carried out by this version",
                    "remove it: an address that someone deletes is put back"
                )
            )
        }
        if settings.promotesSecondaries {
            found.append(
                (
                    "'promote_secondaries' is not carried out by this version",
                    "set net.ipv4.conf.\(settings.interface).promote_secondaries by sysctl.d"
                )
            )
        }
        if settings.virtualInterface != nil {
            found.append(
                (
                    "'use_vmac' is not carried out by this version",
                    "remove it: the interface's own address is announced by gratuitous ARP"
                )
            )
        }
        if settings.gateway != nil {
            found.append(
                (
                    "'track_gateway' is not asked by this version",
                    "track it by a 'vrrp_script' of ping"
                )
            )
        }
        return found
    }
}
