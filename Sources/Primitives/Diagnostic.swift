/// A line of a configuration file.
package struct SourceLocation: Hashable, Sendable, CustomStringConvertible {
    package var file: String
    /// Counted from 1.
    package var line: Int

    package init(file: String, line: Int) {
        self.file = file
        self.line = line
    }

    package var description: String { "\(file):\(line)" }
}

/// What the check of a configuration file has to say about one place in it.
package struct Diagnostic: Hashable, Sendable {
    package enum Severity: Int, Comparable, Sendable {
        /// Tells what would happen; there is nothing to mend.
        case note = -1
        /// Leaving it out changes nothing that a client can see.
        case warning = 0
        /// The file is refused.
        case error = 1

        /// `note`, `warning`, `error`.
        package var name: String {
            switch self {
            case .note: "note"
            case .warning: "warning"
            case .error: "error"
            }
        }

        package static func < (left: Severity, right: Severity) -> Bool {
            left.rawValue < right.rawValue
        }
    }

    package var severity: Severity
    /// Nil for what belongs to no line, such as a section that is missing.
    package var location: SourceLocation?
    /// What is wrong, naming the keyword and what was expected.
    package var message: String
    /// What to write instead.
    package var mend: String?

    package init(
        _ severity: Severity,
        at location: SourceLocation?,
        _ message: String,
        mend: String? = nil
    ) {
        self.severity = severity
        self.location = location
        self.message = message
        self.mend = mend
    }
}

extension Diagnostic: CustomStringConvertible {
    /// `FILE:LINE: error: MESSAGE (MEND)`.
    package var description: String {
        let place = location.map { "\($0): " } ?? ""
        return "\(place)\(severity.name): \(message)" + (mend.map { " (\($0))" } ?? "")
    }
}
