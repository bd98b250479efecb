import CLinux
import Glibc
import KeepalivedSyntax
import LinuxIO
import Primitives

/// What a keepalived.conf refers to on this machine: included files, programs, users, interfaces, names.
enum MachineFacts {
    /// Where keepalived and the script runner look for programs without a slash.
    static let searchPath = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]

    /// `name`: what `@host` lines go by; nil: the host's name.
    static func environment(name: String? = nil) -> ParsingEnvironment {
        var environment = otherMachine(name: name)
        environment.programStatus = status(of:for:)
        environment.userExists = { UserIdentity.named($0) != nil }
        environment.groupExists = { UserIdentity.groupID(named: $0) != nil }
        environment.interfaceExists = { unsafe if_nametoindex($0) != 0 }
        return environment
    }

    /// For the file of a machine that is not this one: what is there can't be looked at from here.
    static func otherMachine(name: String? = nil) -> ParsingEnvironment {
        ParsingEnvironment(
            hostname: name ?? Surroundings.hostname(),
            readFiles: Surroundings.files(matching:),
            environmentVariable: Surroundings.environmentVariable
        )
    }

    /// The file that a program's name means; nil when there is none.
    static func path(of program: String) -> String? {
        if program.contains("/") { return isFile(program) ? program : nil }
        return searchPath.lazy.map { $0 + "/" + program }.first(where: isFile)
    }

    private static func status(of program: String, for owner: ProgramOwner) -> ProgramStatus {
        guard let path = path(of: program) else { return .missing }
        guard let user = UserIdentity.named(owner.user, group: owner.group) else {
            // Who does not exist is an error of its own.
            return unsafe access(path, X_OK) == 0 ? .found : .notExecutable
        }
        let parts = ProgramPath(path)
        guard parts.isExecutable(by: user) else { return .notExecutable }
        guard user.uid == 0, let open = parts.writableByOthers else { return .found }
        return .writableByOthers(path: open)
    }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}

/// A program with the directories that lead to it, as the kernel will see them.
private struct ProgramPath {
    private struct Part {
        var path: String
        var status: stat
        var isDirectory: Bool { status.st_mode & S_IFMT == S_IFDIR }
    }

    /// From the root down; links are followed.
    private let parts: [Part]

    init(_ path: String) {
        var real = path
        if let resolved = unsafe realpath(path, nil) {
            real = unsafe String(cString: resolved)
            unsafe free(resolved)
        }
        var paths: [String] = real.hasPrefix("/") ? ["/"] : []
        var current = ""
        for name in real.split(separator: "/") {
            current += (current.isEmpty && !real.hasPrefix("/") ? "" : "/") + name
            paths.append(current)
        }
        parts = paths.compactMap { path in
            var status = stat()
            return unsafe stat(path, &status) == 0 ? Part(path: path, status: status) : nil
        }
    }

    /// By the bits of the mode: the script runner has no capability to get round them, not even as root.
    /// Where an access list says more than the bits, it is left to the kernel.
    func isExecutable(by user: UserIdentity) -> Bool {
        parts.allSatisfy { part in
            let bit: mode_t =
                if part.status.st_uid == user.uid {
                    S_IXUSR
                } else if part.status.st_gid == user.gid
                    || user.groups.contains(part.status.st_gid)
                {
                    S_IXGRP
                } else {
                    S_IXOTH
                }
            return part.status.st_mode & bit != 0 || Self.hasAccessList(part.path)
        }
    }

    private static func hasAccessList(_ path: String) -> Bool {
        unsafe tandem_has_access_list(path) != 0
    }

    /// What others than root may change, by keepalived's rule: of a directory that is sticky each has only
    /// what is his own.
    var writableByOthers: String? {
        parts.first { part in
            let mode = part.status.st_mode
            if part.status.st_uid != 0 { return true }
            if part.isDirectory, mode & S_ISVTX != 0 { return false }
            return mode & S_IWOTH != 0 || mode & S_IWGRP != 0 && part.status.st_gid != 0
        }?.path
    }
}
