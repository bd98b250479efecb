package import Logging

extension Logger {
    /// The logger of a daemon: `tandem-agent`, `tandem-proxy` or `tandem-supervisor`.
    package static func daemon(_ program: String) -> Logger {
        Logger(label: program, factory: { _ in ConsoleLogHandler(program: program) })
    }
}
