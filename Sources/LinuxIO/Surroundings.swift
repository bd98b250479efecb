import CLinux
import Glibc
package import Primitives

/// What a configuration file refers to beside itself: the files that a pattern matches, the host's name, the
/// environment.
package enum Surroundings {
    /// More names than this are no pattern's of a configuration.
    private static let namesSize = 1 << 20

    /// The files that a pattern of glob(7) matches, in order, dangling links among them. Directories are none, unless one
    /// is named itself.
    package static func files(matching pattern: String) -> [IncludedFile] {
        var text = [UInt8](repeating: 0, count: namesSize)
        let count = unsafe text.withUnsafeMutableBytes { raw in
            unsafe tandem_glob(
                pattern,
                raw.baseAddress?.assumingMemoryBound(to: CChar.self),
                raw.count
            )
        }
        guard count >= 0 else {
            return [.unreadable(path: pattern, reason: errorText(-count))]
        }
        var files: [IncludedFile] = []
        var rest = text[...]
        for _ in 0..<count {
            let name = rest.prefix { $0 != 0 }
            rest = rest.dropFirst(name.count + 1)
            let path = String(decoding: name, as: UTF8.self)
            if path != pattern, isDirectory(path) { continue }
            files.append(file(at: path))
        }
        return files
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func file(at path: String) -> IncludedFile {
        do throws(SystemCallError) {
            return .read(SourceText(path: path, bytes: try readFile(path)))
        } catch {
            return .unreadable(path: path, reason: errorText(error.errno))
        }
    }

    package static func hostname() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    package static func environmentVariable(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
