import CLinux
import Glibc
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
                readFiles: { pattern in
                    let isAbsolute = pattern.hasPrefix("/")
                    let paths = Self.paths(matching: isAbsolute ? pattern : directory + pattern)
                    return paths.compactMap { path in
                        guard let bytes = try? readFile(path) else { return nil }
                        let name = isAbsolute ? path : String(path.dropFirst(directory.count))
                        found.withLock { $0.append(name) }
                        return SourceText(path: name, bytes: bytes)
                    }
                },
                programExists: { _ in .found },
                userExists: { _ in true },
                hostname: Self.hostname(),
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

    private static func paths(matching pattern: String) -> [String] {
        var text = [UInt8](repeating: 0, count: 65536)
        let count = unsafe text.withUnsafeMutableBytes { raw in
            unsafe tandem_glob(
                pattern,
                raw.baseAddress?.assumingMemoryBound(to: CChar.self),
                raw.count
            )
        }
        guard count > 0 else { return [] }
        return text.split(separator: 0).prefix(Int(count)).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private static func hostname() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
