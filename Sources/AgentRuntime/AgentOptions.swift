import LinuxIO

/// What the command line of `tandem-agent` says.
struct AgentOptions: Equatable {
    var file = "/etc/tandem/keepalived.conf"
    var checkOnly = false
    /// Take this file's addresses off the node and end.
    var releaseOnly = false
    /// Take off what the unit's process left, and end.
    var cleansUp = false
    /// What `@host` lines go by; nil: the host's name.
    var name: String?
    var peerFile: String?
    /// The same for the other node's file.
    var peerName: String?
    var runtimeDirectory = RuntimeDirectory.defaultPath

    enum Parsed: Equatable {
        case run(AgentOptions)
        case help
        case version
        /// The program that runs scripts for an agent; not for people.
        case scriptRunner
        case unusable(String)
    }

    static let scriptRunnerOption = "--script-runner"

    static let usage = """
        usage: tandem-agent [-f FILE] [-i ID] [-t [--peer FILE] [--peer-id ID]] [--runtime-dir DIR]
               tandem-agent [-f FILE] [-i ID] --release-addresses | --clean-up

          -f FILE              the keepalived.conf to run (default: /etc/tandem/keepalived.conf)
          -i, --config-id ID   what '@ID' lines go by (default: the name of the host)
          -t                   check the file, say what would happen, and exit 0 or 1
          --peer FILE          with -t: the other node's file
          --peer-id ID         with --peer: what '@ID' lines of that file go by
          --runtime-dir DIR    the directory of the sockets (default: /run/tandem)
          --release-addresses  take the file's addresses off this node, whoever put them there, and exit
          --clean-up           the same as the unit does it: $SERVICE_RESULT says what may stay for the
                               next start
          --version            print the version
          -h, --help           print this
        """

    /// `arguments` are those behind the program's name.
    static func parse(_ arguments: [String]) -> Parsed {
        var options = AgentOptions()
        var rest = arguments[...]
        while let word = rest.popFirst() {
            let (option, attached) = split(word)
            func value() -> String? { attached ?? rest.popFirst() }
            switch option {
            case "-h", "--help": return .help
            case "--version", "-v": return .version
            case scriptRunnerOption: return .scriptRunner
            case "-t", "--config-test": options.checkOnly = true
            case "-f", "--use-file":
                guard let file = value() else { return .unusable("'\(option)' needs a file") }
                options.file = file
            case "--release-addresses": options.releaseOnly = true
            case "--clean-up": options.cleansUp = true
            case "-i", "--config-id":
                guard let name = value() else { return .unusable("'\(option)' needs a name") }
                options.name = name
            case "--peer":
                guard let file = value() else { return .unusable("'--peer' needs a file") }
                options.peerFile = file
            case "--peer-id":
                guard let name = value() else { return .unusable("'--peer-id' needs a name") }
                options.peerName = name
            case "--runtime-dir":
                guard let directory = value(), directory.hasPrefix("/") else {
                    return .unusable("'--runtime-dir' needs an absolute path")
                }
                options.runtimeDirectory = directory
            default: return .unusable("unknown option '\(word)'")
            }
        }
        if options.peerFile != nil, !options.checkOnly {
            return .unusable("'--peer' is for '-t' only")
        }
        if options.peerName != nil, options.peerFile == nil {
            return .unusable("'--peer-id' is for '--peer' only")
        }
        return .run(options)
    }

    /// `--option=value`.
    private static func split(_ word: String) -> (option: String, value: String?) {
        guard word.hasPrefix("--"), let equals = word.firstIndex(of: "=") else {
            return (word, nil)
        }
        return (String(word[..<equals]), String(word[word.index(after: equals)...]))
    }
}
