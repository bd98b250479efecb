import CLinux
import Glibc
import KeepalivedSyntax
import LinuxIO
import Primitives

/// What a keepalived.conf refers to on this machine: included files, programs, users, names.
enum MachineFacts {
    /// Where keepalived and the script runner look for programs without a slash.
    static let searchPath = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]

    /// `file` is the configuration whose directory relative includes start from.
    static func environment(of file: String) -> ParsingEnvironment {
        let directory = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
        return ParsingEnvironment(
            readFiles: { pattern in
                files(matching: pattern.hasPrefix("/") ? pattern : directory + pattern)
            },
            programExists: { program in status(of: program) },
            userExists: { name in UserIdentity.named(name) != nil },
            hostname: hostname(),
            environmentVariable: { name in
                unsafe getenv(name).map { unsafe String(cString: $0) }
            }
        )
    }

    private static func files(matching pattern: String) -> [SourceText] {
        var text = [UInt8](repeating: 0, count: 65536)
        let count = unsafe text.withUnsafeMutableBytes { raw in
            unsafe tandem_glob(
                pattern,
                raw.baseAddress?.assumingMemoryBound(to: CChar.self),
                raw.count
            )
        }
        guard count > 0 else { return [] }
        return text.split(separator: 0, omittingEmptySubsequences: true)
            .prefix(Int(count))
            .compactMap { bytes in
                let path = String(decoding: bytes, as: UTF8.self)
                guard let content = try? readFile(path) else { return nil }
                return SourceText(path: path, bytes: content)
            }
    }

    /// The file that a program's name means; nil when there is none.
    static func path(of program: String) -> String? {
        if program.contains("/") { return isFile(program) ? program : nil }
        return searchPath.lazy.map { $0 + "/" + program }.first(where: isFile)
    }

    private static func status(of program: String) -> ProgramStatus {
        guard let path = path(of: program) else { return .missing }
        return unsafe access(path, X_OK) == 0 ? .found : .notExecutable
    }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private static func hostname() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
