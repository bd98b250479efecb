import KeepalivedSyntax
import LinuxIO
import Primitives
import Synchronization

/// What a keepalived.conf includes, found by reading it as the agent does.
struct Includes {
    /// Files named relative to the one that includes them, by that name: they move along.
    private(set) var relative: [String] = []
    /// Files named by an absolute path: they are read from there for ever.
    private(set) var absolute: [String] = []
    /// Relative names that lead out of the directory, where a copy can't follow.
    private(set) var outside: [String] = []

    init(of file: ImportedFile) {
        let directory = file.source.lastIndex(of: "/").map { String(file.source[...$0]) } ?? ""
        let found = Mutex<[String]>([])
        // The file goes by its bare name, so that a relative include stays relative.
        _ = KeepalivedParser.parse(
            SourceText(path: file.name, bytes: file.bytes),
            environment: ParsingEnvironment(
                hostname: Surroundings.hostname(),
                readFiles: { pattern in
                    let isAbsolute = pattern.hasPrefix("/")
                    let files = Surroundings.files(
                        matching: isAbsolute ? pattern : directory + pattern
                    )
                    return files.compactMap { file in
                        guard case .read(let source) = file else { return nil }
                        let name =
                            isAbsolute
                            ? source.path : String(source.path.dropFirst(directory.count))
                        found.withLock { $0.append(name) }
                        return .read(SourceText(path: name, bytes: source.bytes))
                    }
                },
                environmentVariable: { _ in nil }
            )
        )
        for name in found.withLock({ $0 }) {
            if name.hasPrefix("/") {
                if !absolute.contains(name) { absolute.append(name) }
            } else if name.split(separator: "/").contains("..") {
                if !outside.contains(name) { outside.append(name) }
            } else if !relative.contains(name) {
                relative.append(name)
            }
        }
    }
}
