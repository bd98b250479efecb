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

    static var environment: ParsingEnvironment {
        ParsingEnvironment(
            readFiles: Surroundings.files(matching:),
            programExists: { program in status(of: program) },
            userExists: { name in UserIdentity.named(name) != nil },
            hostname: Surroundings.hostname(),
            environmentVariable: Surroundings.environmentVariable
        )
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
}
