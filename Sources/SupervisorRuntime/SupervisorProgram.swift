import Glibc
import LinuxIO
import Logging
import Messages
import Supervision
import Systemd

/// `tandem-supervisor` from its command line to its exit status.
package enum SupervisorProgram {
    /// Runs the program. `arguments` are those behind its name.
    package static func main(_ arguments: [String]) -> Int32 {
        switch SupervisorOptions.parse(arguments) {
        case .help:
            write(SupervisorOptions.usage + "\n", to: STDOUT_FILENO)
            return 0
        case .version:
            write("tandem-supervisor \(Hello.currentBuild)\n", to: STDOUT_FILENO)
            return 0
        case .unusable(let reason):
            write("tandem-supervisor: \(reason)\n\(SupervisorOptions.usage)\n", to: STDERR_FILENO)
            return 2
        case .run(let options): return run(options)
        }
    }

    private static func run(_ options: SupervisorOptions) -> Int32 {
        let log = Logger.daemon("tandem-supervisor")
        let reader = ConfigurationReader(file: options.keepalivedFile)
        log.tell(reader.diagnostics)
        guard let settings = reader.settings else { return 1 }
        do throws(SystemCallError) {
            let supervisor = try Supervisor(options: options, settings: settings, log: log)
            log.notice(
                "tandem-supervisor \(Hello.currentBuild) watches \(options.runtimeDirectory)"
            )
            return try supervisor.run()
        } catch {
            log.critical("\(error)")
            return 1
        }
    }

    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = unsafe bytes.withUnsafeBytes { raw in
            unsafe Glibc.write(descriptor, raw.baseAddress, raw.count)
        }
    }
}
