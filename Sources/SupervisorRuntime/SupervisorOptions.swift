import LinuxIO

/// What the command line of `tandem-supervisor` says.
struct SupervisorOptions: Equatable, Sendable {
    var isStandalone = false
    var keepalivedFile = "/etc/tandem/keepalived.conf"
    var haproxyFiles: [String] = []
    var runtimeDirectory = RuntimeDirectory.defaultPath
    /// Where `tandem-agent` and `tandem-proxy` are; nil: beside this program.
    var libexecDirectory: String?

    enum Parsed: Equatable {
        case run(SupervisorOptions)
        case help
        case version
        case unusable(String)
    }

    static let usage = """
        usage: tandem-supervisor [--standalone] [--keepalived FILE] [--haproxy FILE]…
                                 [--runtime-dir DIR] [--libexec-dir DIR]

          --standalone         start and watch tandem-agent and tandem-proxy itself
          --keepalived FILE    the agent's file (default: /etc/tandem/keepalived.conf)
          --haproxy FILE       the proxy's file, may be repeated (default: /etc/tandem/haproxy.cfg)
          --runtime-dir DIR    the directory of the sockets (default: /run/tandem)
          --libexec-dir DIR    where tandem-agent and tandem-proxy are (default: beside this program)
          --version            print the version
          -h, --help           print this
        """

    /// `arguments` are those behind the program's name.
    static func parse(_ arguments: [String]) -> Parsed {
        var options = SupervisorOptions()
        var rest = arguments[...]
        while let word = rest.popFirst() {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let isAttached = word.hasPrefix("--") && parts.count == 2
            let option = isAttached ? String(parts[0]) : word
            func value() -> String? { isAttached ? String(parts[1]) : rest.popFirst() }
            switch option {
            case "-h", "--help": return .help
            case "--version", "-v": return .version
            case "--standalone": options.isStandalone = true
            case "--keepalived":
                guard let file = value() else { return .unusable("'\(option)' needs a file") }
                options.keepalivedFile = file
            case "--haproxy":
                guard let file = value() else { return .unusable("'\(option)' needs a file") }
                options.haproxyFiles.append(file)
            case "--runtime-dir":
                guard let directory = value(), directory.hasPrefix("/") else {
                    return .unusable("'\(option)' needs an absolute path")
                }
                options.runtimeDirectory = directory
            case "--libexec-dir":
                guard let directory = value(), directory.hasPrefix("/") else {
                    return .unusable("'\(option)' needs an absolute path")
                }
                options.libexecDirectory = directory
            default: return .unusable("unknown option '\(word)'")
            }
        }
        if options.haproxyFiles.isEmpty { options.haproxyFiles = ["/etc/tandem/haproxy.cfg"] }
        return .run(options)
    }
}
