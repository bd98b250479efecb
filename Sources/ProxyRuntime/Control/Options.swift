package import LinuxIO

/// The command line of `tandem-proxy`.
package struct ProxyOptions: Equatable, Sendable {
    package enum Task: Equatable, Sendable {
        case run
        case check
        case version
        case help
    }

    package var task: Task = .run
    package var files: [String] = []
    package var runtimeDirectory = RuntimeDirectory()

    package static let defaultFile = "/etc/tandem/haproxy.cfg"

    package static let usage = """
        usage: tandem-proxy [-f FILE]… [-c] [--runtime-dir DIR]
          -f FILE            configuration file, may be repeated (default \(defaultFile))
          -c                 check the configuration and exit: 0 good, 1 bad
          --runtime-dir DIR  where the sockets are (default \(RuntimeDirectory.defaultPath))
          --version          print the version
          -h, --help         print this

        """

    /// Nil: the arguments are wrong; `problem` says how.
    package static func parse(_ arguments: [String], problem: inout String) -> ProxyOptions? {
        var options = ProxyOptions()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "-c": options.task = .check
            case "--version", "-v": options.task = .version
            case "-h", "--help": options.task = .help
            case "-f":
                guard let file = rest.popFirst() else {
                    problem = "-f needs a file"
                    return nil
                }
                options.files.append(file)
            case "--runtime-dir":
                guard let path = rest.popFirst() else {
                    problem = "--runtime-dir needs a directory"
                    return nil
                }
                options.runtimeDirectory = RuntimeDirectory(path: path)
            default:
                problem = "unknown argument '\(argument)'"
                return nil
            }
        }
        if options.files.isEmpty { options.files = [defaultFile] }
        return options
    }
}
