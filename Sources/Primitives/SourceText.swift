/// One configuration file as it was read, before anybody looked into it.
package struct SourceText: Equatable, Sendable {
    /// As the operator wrote it: it is what diagnostics show.
    package var path: String
    package var bytes: [UInt8]

    package init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    package init(path: String, text: String) {
        self.init(path: path, bytes: Array(text.utf8))
    }
}

/// A file that a pattern of an `include` matches.
package enum IncludedFile: Equatable, Sendable {
    case read(SourceText)
    case unreadable(path: String, reason: String)
}
