package import Primitives

/// The facts of the process that a haproxy.cfg refers to.
package struct HAProxyParsingEnvironment: Sendable {
    /// For `"${NAME}"` (HAProxy configuration manual §2.3).
    package var environmentVariable: @Sendable (_ name: String) -> String?

    package init(environmentVariable: @escaping @Sendable (String) -> String?) {
        self.environmentVariable = environmentVariable
    }
}

/// What came out of one or more haproxy.cfg files.
package struct ParsedHAProxy: Equatable, Sendable {
    /// Nil if, and only if, there is an error among the diagnostics.
    package var configuration: HAProxyConfiguration?
    package var diagnostics: [Diagnostic]

    package init(configuration: HAProxyConfiguration?, diagnostics: [Diagnostic]) {
        self.configuration = configuration
        self.diagnostics = diagnostics
    }
}

/// What a configuration from outside may cost; far above any real file.
enum Limits {
    static let bytes = 1 << 20
    static let lines = 50_000
    static let wordsPerLine = 64
    static let lineBytes = 1 << 14
    static let proxies = 4096
    static let binds = 4096
    static let diagnostics = 200
}

/// Diagnostics in the making: bounded, so that a file of rubbish does not fill a terminal.
struct Report {
    private var diagnostics: [Diagnostic] = []
    private(set) var hasErrors = false
    private var omitted = 0

    mutating func error(_ location: SourceLocation?, _ message: String, mend: String? = nil) {
        hasErrors = true
        add(Diagnostic(.error, at: location, message, mend: mend))
    }

    mutating func warning(_ location: SourceLocation?, _ message: String, mend: String? = nil) {
        add(Diagnostic(.warning, at: location, message, mend: mend))
    }

    private mutating func add(_ diagnostic: Diagnostic) {
        guard diagnostics.count < Limits.diagnostics else {
            omitted += 1
            return
        }
        diagnostics.append(diagnostic)
    }

    /// All of them, and a word about those that did not fit.
    var finished: [Diagnostic] {
        guard omitted > 0 else { return diagnostics }
        let severity: Diagnostic.Severity = hasErrors ? .error : .warning
        return diagnostics + [
            Diagnostic(severity, at: nil, "\(omitted) more diagnostics are not shown")
        ]
    }
}
