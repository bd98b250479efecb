package import Primitives

/// The facts of the process that a haproxy.cfg refers to.
package struct HAProxyParsingEnvironment: Sendable {
    /// For `"${NAME}"` (HAProxy configuration manual §2.3).
    package var environmentVariable: @Sendable (_ name: String) -> String?
    /// For `acl … -f FILE`; nil: it can't be read.
    package var file: @Sendable (_ path: String) -> [UInt8]?
    /// For `bind NAME:PORT`; empty: it does not resolve.
    package var addresses: @Sendable (_ name: String) -> [IPAddress]

    package init(
        environmentVariable: @escaping @Sendable (String) -> String?,
        file: @escaping @Sendable (String) -> [UInt8]? = { _ in nil },
        addresses: @escaping @Sendable (String) -> [IPAddress] = { _ in [] }
    ) {
        self.environmentVariable = environmentVariable
        self.file = file
        self.addresses = addresses
    }
}

/// What came out of one or more haproxy.cfg files.
package struct ParsedHAProxy: Equatable, Sendable {
    /// Nil if, and only if, there is an error among the diagnostics.
    package var configuration: HAProxyConfiguration?
    /// As far as it was understood, also of a file with errors.
    package var global: GlobalSection
    package var diagnostics: [Diagnostic]

    package init(
        configuration: HAProxyConfiguration?,
        global: GlobalSection,
        diagnostics: [Diagnostic]
    ) {
        self.configuration = configuration
        self.global = global
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
    /// Of one 'server-template'.
    static let servers = 4096
    static let diagnostics = 200
    /// Of a file of patterns, in bytes.
    static let patternFile = 4 << 20
    /// Values that criteria compare with, all together.
    static let patterns = 200_000
}

/// Diagnostics in the making: bounded, so that a file of rubbish does not fill a terminal.
struct Report {
    private var diagnostics: [Diagnostic] = []
    private(set) var hasErrors = false
    private var counts: [Diagnostic.Severity: Int] = [:]
    private var omitted = 0

    mutating func error(_ location: SourceLocation?, _ message: String, mend: String? = nil) {
        hasErrors = true
        add(Diagnostic(.error, at: location, message, mend: mend))
    }

    mutating func warning(_ location: SourceLocation?, _ message: String, mend: String? = nil) {
        add(Diagnostic(.warning, at: location, message, mend: mend))
    }

    private mutating func add(_ diagnostic: Diagnostic) {
        // Errors have room of their own, so that warnings can't crowd them out.
        guard counts[diagnostic.severity, default: 0] < Limits.diagnostics else {
            omitted += 1
            return
        }
        counts[diagnostic.severity, default: 0] += 1
        diagnostics.append(diagnostic)
    }

    /// All of them in the order of the lines, and a word about those that did not fit.
    var finished: [Diagnostic] {
        var files: [String: Int] = [:]
        for file in diagnostics.compactMap(\.location?.file) where files[file] == nil {
            files[file] = files.count
        }
        func place(_ diagnostic: Diagnostic) -> (Int, Int) {
            guard let location = diagnostic.location else { return (.max, 0) }
            return (files[location.file] ?? 0, location.line)
        }
        // Of one line, what was found first stays first.
        let sorted = diagnostics.enumerated().sorted { left, right in
            let (leftPlace, rightPlace) = (place(left.element), place(right.element))
            return leftPlace == rightPlace ? left.offset < right.offset : leftPlace < rightPlace
        }
        let ordered = sorted.map(\.element)
        guard omitted > 0 else { return ordered }
        let severity: Diagnostic.Severity = hasErrors ? .error : .warning
        return ordered + [
            Diagnostic(severity, at: nil, "\(omitted) more diagnostics are not shown")
        ]
    }
}
