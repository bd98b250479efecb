package import Logging

extension Logger {
    /// The logger of a daemon: `tandem-agent`, `tandem-proxy` or `tandem-supervisor`. One a process.
    package static func daemon(_ program: String) -> Logger {
        let log = DaemonLog.open(program: program)
        return Logger(label: program, factory: { _ in DaemonLogHandler(log) })
    }
}
