import Glibc
import HAProxySyntax
import LinuxIO
import Primitives

/// The haproxy.cfg files from the disk, with what there is to say about them.
struct ConfigurationFiles {
    /// Nil after an error.
    let configuration: HAProxyConfiguration?
    let diagnostics: [Diagnostic]

    init(_ paths: [String]) {
        var sources: [SourceText] = []
        var unreadable: [Diagnostic] = []
        for path in paths {
            do throws(SystemCallError) {
                sources.append(SourceText(path: path, bytes: try readFile(path)))
            } catch {
                unreadable.append(
                    Diagnostic(
                        .error,
                        at: nil,
                        "\(error)",
                        mend: error.errno == EACCES
                            ? "a reload reads it as the proxy's user: 'chmod o+r \(path)'"
                            : "name a readable file with '-f FILE'"
                    )
                )
            }
        }
        guard unreadable.isEmpty else {
            diagnostics = unreadable
            configuration = nil
            return
        }
        let parsed = HAProxyParser.parse(
            sources,
            environment: HAProxyParsingEnvironment(
                environmentVariable: { name in
                    unsafe getenv(name).map { unsafe String(cString: $0) }
                },
                file: { path in try? readFile(path) },
                addresses: Resolver.lookUp
            )
        )
        diagnostics = parsed.diagnostics
        configuration = parsed.configuration
    }

    /// The first error as one line, for who asked for a reload.
    var firstError: String {
        diagnostics.first { $0.severity == .error }?.description ?? "no error"
    }

    /// `tandem-proxy -c`: the exit status, 0 if the files would run.
    static func check(_ paths: [String]) -> Int32 {
        let files = ConfigurationFiles(paths)
        for diagnostic in files.diagnostics { write(haproxyText(diagnostic), to: STDERR_FILENO) }
        guard files.configuration != nil else { return 1 }
        if files.diagnostics.contains(where: { $0.severity == .warning }) {
            write("Warnings were found.\n", to: STDOUT_FILENO)
        }
        write("Configuration file is valid\n", to: STDOUT_FILENO)
        return 0
    }

    /// `[ALERT]    (pid) : config : parsing [file:line] : text`, as HAProxy 2.6 writes it.
    static func haproxyText(_ diagnostic: Diagnostic) -> String {
        let level =
            switch diagnostic.severity {
            case .error: "[ALERT]    "
            case .warning: "[WARNING]  "
            case .note: "[NOTICE]   "
            }
        let place = diagnostic.location.map { "parsing [\($0)] : " } ?? ""
        let mend = diagnostic.mend.map { " (\($0))" } ?? ""
        return "\(level)(\(getpid())) : config : \(place)\(diagnostic.message)\(mend)\n"
    }

    static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { raw in
                unsafe Glibc.write(descriptor, raw.baseAddress, raw.count)
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
