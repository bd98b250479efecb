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
    }

    private static func objections(
        to settings: RouterSettings
    ) -> [(what: String, mend: String)] {
        var found: [(what: String, mend: String)] = []
        if settings.virtualInterface != nil {
            found.append(
                (
                    "'use_vmac' is not carried out by this version",
                    "remove it: the interface's own address is announced by gratuitous ARP"
                )
            )
        }
        return found
    }
}
