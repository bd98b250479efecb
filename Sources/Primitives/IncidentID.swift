/// One number that joins the log lines of all processes, and of `tandemctl why`, that have one cause.
package struct IncidentID: Hashable, Sendable {
    package var rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Nothing has happened.
    package static let none = IncidentID(rawValue: 0)
}

extension IncidentID: CustomStringConvertible {
    package var description: String { rawValue == 0 ? "-" : String(rawValue) }
}
