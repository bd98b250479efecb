import Glibc
import HAProxySyntax
import LinuxIO
import Primitives

/// What reading the files came to.
struct LoadedConfiguration {
    var configuration: HAProxyConfiguration?
    var diagnostics: [Diagnostic]

    /// Reads and parses; a file that can't be read is a diagnostic like any other.
    static func load(_ files: [String]) -> LoadedConfiguration {
        var sources: [SourceText] = []
        for file in files {
            do throws(SystemCallError) {
                sources.append(SourceText(path: file, bytes: try readFile(file)))
            } catch {
                let problem = Diagnostic(
                    .error,
                    at: nil,
                    "cannot read \(file): \(errorText(error.errno))",
                    mend: "name another file with -f"
                )
                return LoadedConfiguration(configuration: nil, diagnostics: [problem])
            }
        }
        let parsed = HAProxyParser.parse(
            sources,
            environment: HAProxyParsingEnvironment { name in
                unsafe getenv(name).map { unsafe String(cString: $0) }
            }
        )
        return LoadedConfiguration(
            configuration: parsed.configuration,
            diagnostics: parsed.diagnostics
        )
    }

    /// In HAProxy's shape: `[ALERT]    (pid) : config : parsing [file:line] : text`.
    static func line(for diagnostic: Diagnostic) -> String {
        let level =
            switch diagnostic.severity {
            case .error: "[ALERT]    "
            case .warning: "[WARNING]  "
            case .note: "[NOTICE]   "
            }
        let place = diagnostic.location.map { "parsing [\($0)] : " } ?? ""
        let mend = diagnostic.mend.map { " (\($0))" } ?? ""
        return "\(level)(\(getpid())) : config : \(place)\(diagnostic.message)\(mend)"
    }
}
