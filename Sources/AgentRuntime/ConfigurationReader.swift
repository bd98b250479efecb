import KeepalivedSyntax
import LinuxIO
import Messages
import Primitives

/// A keepalived.conf from the disk, with what there is to say about it.
struct ConfigurationReader {
    /// Nil after an error.
    let configuration: KeepalivedConfiguration?
    let diagnostics: [Diagnostic]

    /// The file that the agent runs.
    init(_ options: AgentOptions) {
        self.init(
            file: options.file,
            environment: MachineFacts.environment(name: options.name)
        )
    }

    init(file: String, environment: ParsingEnvironment = MachineFacts.environment()) {
        do throws(SystemCallError) {
            let source = SourceText(path: file, bytes: try readFile(file))
            let parsed = KeepalivedParser.parse(source, environment: environment)
            let refused =
                parsed.configuration.map {
                    Self.oversizedPrograms(in: $0)
                } ?? []
            diagnostics = parsed.diagnostics + refused
            configuration = refused.isEmpty ? parsed.configuration : nil
        } catch {
            diagnostics = [
                Diagnostic(.error, at: nil, "\(error)", mend: "name a readable file with '-f FILE'")
            ]
            configuration = nil
        }
    }

    /// All that there is to say of the file alone: `diagnostics`, and what a failed check would do.
    var findings: [Diagnostic] {
        diagnostics + (configuration.map { KeepalivedLint.findings($0, peer: nil) } ?? [])
    }

    /// Command lines that would not reach the script runner whole.
    private static func oversizedPrograms(
        in configuration: KeepalivedConfiguration
    ) -> [Diagnostic] {
        let scripts = configuration.scripts.map { ($0.arguments, Optional($0.location)) }
        let groups = configuration.groups.compactMap(\.notifications)
        let notifications = (Array(configuration.notifications.values) + groups)
            .flatMap(\.commands).map { ($0, SourceLocation?.none) }
        let readers = configuration.global.notifyFIFOs.compactMap { fifo in
            fifo.script.map { ($0 + [fifo.path], Optional(fifo.location)) }
        }
        return (scripts + notifications + readers).compactMap { arguments, location in
            // Room for what keepalived appends: INSTANCE NAME STATE PRIORITY.
            let program = ProgramOrder(arguments: arguments, user: "")
            guard !program.fits || arguments.count > ProgramOrder.argumentLimit - 4 else {
                return nil
            }
            return Diagnostic(
                .error,
                at: location,
                "the command '\(arguments.first ?? "")' is longer than \(ProgramOrder.totalSize) bytes "
                    + "or has more than \(ProgramOrder.argumentLimit - 4) arguments",
                mend: "put it into a file and name that"
            )
        }
    }
}
