import CLinux
import HAProxySyntax

/// How many connections the descriptors of this process allow.
struct Capacity: Equatable {
    var maxconn: Int
    /// What the operator should know; nil: everything fits.
    var warning: String?

    /// Without a `maxconn` this is the most that is prepared for.
    private static let ceiling = 100_000

    /// Two descriptors a session; the rest for listeners, checks, logs and links.
    static func fitting(_ configuration: HAProxyConfiguration, threads: Int) -> Capacity {
        let binds = configuration.proxies.reduce(0) { $0 + $1.binds.count }
        let servers = configuration.proxies.reduce(0) { $0 + $1.servers.count }
        let overhead = 40 + binds + servers + 8 * threads
        let limit = Int(max(tandem_raise_descriptor_limit(), 256))
        let fitting = max((limit - overhead) / 2, 1)
        guard let wanted = configuration.global.maxconn else {
            return Capacity(maxconn: min(fitting, ceiling), warning: nil)
        }
        guard wanted > fitting else { return Capacity(maxconn: wanted, warning: nil) }
        let needed = 2 * wanted + overhead
        return Capacity(
            maxconn: fitting,
            warning:
                "maxconn \(wanted) needs \(needed) descriptors (2 * maxconn + \(overhead)), the limit is "
                + "\(limit): maxconn is \(fitting) now; raise LimitNOFILE or lower maxconn"
        )
    }
}
