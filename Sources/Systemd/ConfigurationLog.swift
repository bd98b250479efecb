package import Logging
package import Primitives

extension Logger {
    /// What a configuration's reader found: one entry for its errors, one for its warnings, a line each, so that no
    /// number of them is a flood.
    /// `id` is nil where a line of its own says that the file is refused.
    package func tell(
        _ diagnostics: [Diagnostic],
        incident: IncidentID = .none,
        id: MessageID? = .configurationRefused
    ) {
        let notes = diagnostics.filter { $0.severity == .note }
        let warnings = diagnostics.filter { $0.severity == .warning }
        let errors = diagnostics.filter { $0.severity == .error }
        if !notes.isEmpty { line(.info, Self.lines(notes), LogFields(incident: incident)) }
        if !warnings.isEmpty {
            line(.warning, Self.lines(warnings), LogFields(incident: incident))
        }
        if !errors.isEmpty {
            line(.error, Self.lines(errors), LogFields(id, incident: incident))
        }
    }

    private static func lines(_ diagnostics: [Diagnostic]) -> String {
        diagnostics.map(\.description).joined(separator: "\n")
    }
}
