import LinuxIO

/// What the command line of `tandem-proxy` says.
struct ProxyOptions: Equatable {
    var files: [String] = []
    var checkOnly = false
    /// A running proxy that is to reload.
    var reloads: Int32?
    var runtimeDirectory = RuntimeDirectory.defaultPath

    enum Parsed: Equatable {
        case run(ProxyOptions)
        case help
        case version
        case unusable(String)
    }

    static let defaultFile = "/etc/tandem/haproxy.cfg"

    static let usage = """
        usage: tandem-proxy [-f FILE]... [-c | --reload PID] [--runtime-dir DIR]

          -f FILE              a haproxy.cfg to run, may be repeated (default: /etc/tandem/haproxy.cfg)
          -c                   check the files and exit 0 or 1
          --reload PID         have a running proxy read its files anew and exit 0 if it has
          --runtime-dir DIR    the directory of the sockets (default: /run/tandem)
          --version            print the version
          -h, --help           print this
        """

    /// `arguments` are those behind the program's name.
    static func parse(_ arguments: [String]) -> Parsed {
        var options = ProxyOptions()
        var rest = arguments[...]
        while let word = rest.popFirst() {
            switch word {
            case "-h", "--help": return .help
            case "--version", "-v": return .version
            case "-c": options.checkOnly = true
            case "-f":
                guard let file = rest.popFirst() else { return .unusable("'-f' needs a file") }
                options.files.append(file)
            case "--reload":
                guard let text = rest.popFirst(), let pid = Int32(text), pid > 1 else {
                    return .unusable("'--reload' needs the pid of a running proxy")
                }
                options.reloads = pid
            case "--runtime-dir":
                guard let directory = rest.popFirst(), directory.hasPrefix("/") else {
                    return .unusable("'--runtime-dir' needs an absolute path")
                }
                options.runtimeDirectory = directory
            default:
                let prefix = "--runtime-dir="
                guard word.hasPrefix(prefix), word.dropFirst(prefix.count).hasPrefix("/") else {
                    return .unusable("unknown option '\(word)'")
                }
                options.runtimeDirectory = String(word.dropFirst(prefix.count))
            }
        }
        if options.files.isEmpty { options.files = [defaultFile] }
        return .run(options)
    }
}
