/// What Tandem does with a keyword that keepalived knows.
enum Verdict: String {
    /// Acted on.
    case done
    /// Read and left out without a word: Tandem behaves so anyway, or has nothing that it could apply to.
    case accepted
    /// Left out with a warning: a client can't see the difference.
    case warned
    /// An error: leaving it out would change what a client sees.
    case refused
}

/// How many words follow a keyword.
enum Parameters {
    case none
    case optional
    case one
    /// To the end of the line, at least one.
    case some
    /// To the end of the line.
    case any
    /// A block, perhaps with a name in front of it.
    case block

    var minimum: Int {
        switch self {
        case .none, .optional, .any, .block: 0
        case .one, .some: 1
        }
    }

    var maximum: Int {
        switch self {
        case .none: 0
        case .optional, .one, .block: 1
        case .some, .any: .max
        }
    }
}

/// A row of the keyword tables, which `docs/keywords-keepalived.md` shows.
struct Keyword {
    var name: String
    var verdict: Verdict
    var parameters: Parameters
    /// done, accepted: what it does here. warned: why it has no effect. refused: what to write instead.
    var note: String

    static func done(_ name: String, _ parameters: Parameters, _ note: String) -> Keyword {
        Keyword(name: name, verdict: .done, parameters: parameters, note: note)
    }

    static func accepted(_ names: String, _ note: String) -> [Keyword] {
        rows(names, .accepted, note)
    }

    static func warned(_ names: String, _ note: String) -> [Keyword] {
        rows(names, .warned, note)
    }

    static func refused(_ names: String, _ note: String) -> [Keyword] {
        rows(names, .refused, note)
    }

    private static func rows(_ names: String, _ verdict: Verdict, _ note: String) -> [Keyword] {
        names.split(whereSeparator: \.isWhitespace).map { name in
            Keyword(name: String(name), verdict: verdict, parameters: .any, note: note)
        }
    }
}

/// Keywords by name.
struct KeywordTable {
    let rows: [Keyword]
    /// For "did you mean": what is done comes first.
    let candidates: [String]
    private let byName: [String: Keyword]

    init(_ groups: [Keyword]...) {
        rows = groups.flatMap(\.self)
        var names: [String: Keyword] = [:]
        for row in rows { names[row.name] = row }
        byName = names
        candidates =
            rows.filter { $0.verdict == .done }.map(\.name)
            + rows.filter { $0.verdict != .done }.map(\.name)
    }

    subscript(name: String) -> Keyword? { byName[name] }
}

/// The tables, by the block that a keyword stands in.
enum Keywords {
    static let topLevel = KeywordTable(
        [
            .done("global_defs", .block, "what holds for all routers"),
            .done("vrrp_instance", .block, "a virtual router; its name follows"),
            .done("vrrp_script", .block, "a check; its name follows"),
            .done("tandem", .block, "Tandem's own settings"),
            .done("include", .one, "reads other files; globs are allowed"),
        ],
        Keyword.refused(
            "vrrp_sync_group",
            "routers that must move together: put their addresses into one vrrp_instance"
        ),
        Keyword.refused(
            "vrrp_track_process",
            "the proxy is watched without a check; for another process write a vrrp_script"
        ),
        Keyword.refused(
            "vrrp_track_file track_file",
            "write a vrrp_script that looks at the file"
        ),
        Keyword.refused(
            "virtual_server virtual_server_group",
            "balance in haproxy.cfg: a 'listen' section with 'mode tcp'"
        ),
        Keyword.refused("bfd_instance", "leave it out: adverts and checks find the failure"),
        Keyword.refused(
            "static_ipaddress static_addresses static_routes static_rules",
            "set it up with the network configuration of the system"
        ),
        Keyword.refused(
            "net_namespace net_namespace_ipvs",
            "start tandem-agent inside of the namespace"
        ),
        Keyword.refused("interface_up_down_delays", "leave it out"),
        Keyword.warned("garp_group", "gratuitous ARP is sent in one burst without a pause"),
        Keyword.warned("track_group", "there are no static addresses to track"),
        Keyword.accepted(
            "linkbeat_use_polling linkbeat_interfaces",
            "netlink tells the link's state"
        ),
        Keyword.accepted(
            "instance use_pid_dir namespace_with_ipsets child_wait_time random_seed SSL",
            "belongs to keepalived's own processes"
        ),
    )

    static let tandem = KeywordTable([
        .done("proxy_watchdog", .one, "seconds without a beat before the proxy counts as hung"),
        .done("restart_limit", .one, "restarts of the proxy within restart_window"),
        .done("restart_window", .one, "seconds"),
        .done("restart_grace", .one, "seconds for a restarted proxy to be ready"),
        .done("fatal_retry", .one, "seconds between attempts to start a proxy that is FATAL"),
        .done("lease_grace", .one, "seconds without the supervisor before the last resort"),
        .done("vip_lease", .one, "whole seconds of an address's lifetime; 0: none"),
        .done("on_takeover", .one, "refresh, reload or restart"),
        .done("on_no_servers", .one, "ignore or degrade"),
        .done("failover_hold", .one, "seconds to stay BACKUP after 'tandemctl failover'"),
    ])

    static let script = KeywordTable([
        .done("script", .some, "a program and its arguments; no shell"),
        .done("interval", .one, "seconds between runs; default 1"),
        .done("timeout", .one, "seconds a run may take; default: the interval"),
        .done(
            "weight",
            .some,
            "-253 to 253, then perhaps 'reverse'; default 0: a failure is a FAULT"
        ),
        .done("rise", .one, "successes until a failed check is good; default 1"),
        .done("fall", .one, "failures until a good check has failed; default 1"),
        .done("user", .some, "USER [GROUP] that runs it"),
        .done("init_fail", .none, "the check starts as failed"),
    ])

    static let authentication = KeywordTable([
        .done("auth_type", .one, "PASS"),
        .done("auth_pass", .one, "the first 8 bytes count"),
    ])
}
