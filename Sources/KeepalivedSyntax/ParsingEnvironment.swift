package import Primitives

/// What a program's path leads to on this machine, for those who are to run it.
package enum ProgramStatus: Sendable, Equatable {
    case found
    case missing
    /// Not by this user, or not by anybody.
    case notExecutable
    /// Root would run it, and others may write to this file or directory on the way.
    case writableByOthers(path: String)
}

/// Whom a program runs as.
package struct ProgramOwner: Hashable, Sendable {
    package var user: String
    /// Nil: the user's own.
    package var group: String?

    package init(user: String, group: String? = nil) {
        self.user = user
        self.group = group
    }
}

/// The facts of the machine that a keepalived.conf refers to; the shell knows them, the parser only asks.
package struct ParsingEnvironment: Sendable {
    /// The files that an `include` pattern matches, in order; empty when none does. The pattern is absolute,
    /// or relative to where the path of the first file is.
    package var readFiles: @Sendable (_ pattern: String) -> [IncludedFile]
    /// Looks a program up as execvp does: by path, or by `PATH` when the name has no slash.
    package var programStatus: @Sendable (_ program: String, _ owner: ProgramOwner) -> ProgramStatus
    package var userExists: @Sendable (_ name: String) -> Bool
    package var groupExists: @Sendable (_ name: String) -> Bool
    package var interfaceExists: @Sendable (_ name: String) -> Bool
    /// For `@host` lines; what stands behind the first dot is ignored, as keepalived's `--config-id` does.
    package var hostname: String
    /// For `${_ENV NAME}`.
    package var environmentVariable: @Sendable (_ name: String) -> String?

    /// A machine on which every program, user, group and interface is there: for a file that is another
    /// machine's, or whose programs are another process's to judge.
    package init(
        hostname: String,
        readFiles: @escaping @Sendable (String) -> [IncludedFile],
        environmentVariable: @escaping @Sendable (String) -> String?
    ) {
        self.readFiles = readFiles
        programStatus = { _, _ in .found }
        userExists = { _ in true }
        groupExists = { _ in true }
        interfaceExists = { _ in true }
        self.hostname = hostname
        self.environmentVariable = environmentVariable
    }
}

/// What came out of a keepalived.conf.
package struct ParsedKeepalived: Equatable, Sendable {
    /// Nil if, and only if, there is an error among the diagnostics.
    package var configuration: KeepalivedConfiguration?
    /// In the order of the file, as far as the lines tell.
    package var diagnostics: [Diagnostic]

    package init(configuration: KeepalivedConfiguration?, diagnostics: [Diagnostic]) {
        self.configuration = configuration
        self.diagnostics = diagnostics
    }
}

/// What a configuration from outside may cost; far above any real file.
enum Limits {
    static let bytes = 1 << 20
    static let files = 256
    static let includeDepth = 16
    static let lineBytes = 1 << 16
    static let statements = 20_000
    static let blockDepth = 8
    static let diagnostics = 200
}

/// Diagnostics in the making: bounded, so that a file of rubbish does not fill a terminal.
struct Report {
    private(set) var diagnostics: [Diagnostic] = []
    private(set) var hasErrors = false
    private var counts: [Diagnostic.Severity: Int] = [:]
    private var omitted = 0

    mutating func error(
        _ location: SourceLocation?,
        _ message: String,
        mend: String? = nil
    ) {
        hasErrors = true
        add(Diagnostic(.error, at: location, message, mend: mend))
    }

    mutating func warning(
        _ location: SourceLocation?,
        _ message: String,
        mend: String? = nil
    ) {
        add(Diagnostic(.warning, at: location, message, mend: mend))
    }

    mutating func note(
        _ location: SourceLocation?,
        _ message: String,
        mend: String? = nil
    ) {
        add(Diagnostic(.note, at: location, message, mend: mend))
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
