import KeepalivedSyntax
import LinuxIO
import Primitives
import Supervision

/// The `tandem` block of keepalived.conf, and what is wrong with the file.
struct ConfigurationReader {
    /// Nil: the file has errors.
    var settings: SupervisionSettings?
    var diagnostics: [Diagnostic]

    init(file: String) {
        do throws(SystemCallError) {
            let source = SourceText(path: file, bytes: try readFile(file))
            let parsed = KeepalivedParser.parse(source, environment: Self.environment)
            diagnostics = parsed.diagnostics.filter { $0.severity == .error }
            settings = parsed.configuration.map { SupervisionSettings($0.tandem) }
        } catch {
            diagnostics = [
                Diagnostic(
                    .error,
                    at: nil,
                    "\(error)",
                    mend: "name a readable file by --keepalived"
                )
            ]
            settings = nil
        }
    }

    /// Programs, users and interfaces are the agent's to check: it has to do with them.
    private static var environment: ParsingEnvironment {
        ParsingEnvironment(
            hostname: Surroundings.hostname(),
            readFiles: Surroundings.files(matching:),
            environmentVariable: Surroundings.environmentVariable
        )
    }
}

extension SupervisionSettings {
    init(_ block: TandemSettings) {
        self.init()
        proxyWatchdog = block.proxyWatchdog
        restartLimit = block.restartLimit
        restartWindow = block.restartWindow
        restartGrace = block.restartGrace
        fatalRetry = block.fatalRetry
        failoverHold = block.failoverHold
        onTakeover =
            switch block.onTakeover {
            case .refresh: .refresh
            case .reload: .reload
            case .restart: .restart
            }
        degradesWithoutServers = block.onNoServers == .degrade
    }
}
