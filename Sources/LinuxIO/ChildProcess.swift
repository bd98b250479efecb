import CLinux
import Glibc

/// What to run and how; the child gets nothing that is not named here.
package struct Spawn: Sendable {
    package enum Group: Int32, Sendable {
        case inherited = 0
        case own = 1
        case ownSession = 2
    }

    /// Whom the child becomes before it executes.
    package var user: UserIdentity?
    /// Absolute; nothing is searched.
    package var path: String
    /// Including the name of the program.
    package var arguments: [String]
    /// `NAME=VALUE` each.
    package var environment: [String]
    /// Borrowed descriptors for 0, 1 and 2; nil: /dev/null.
    package var standardInput: Int32?
    package var standardOutput: Int32?
    package var standardError: Int32?
    /// Borrowed descriptors that become 3, 4 and so on. When there are any, `LISTEN_FDS`, `LISTEN_PID` and
    /// `LISTEN_FDNAMES` are set.
    package var passed: [(descriptor: Int32, name: String)] = []
    package var group: Group = .inherited
    package var dieWithParent = false
    package var noNewPrivileges = false
    /// When memory runs out the child is not spared, although this process may be: its `oom_score_adj`, which it
    /// would inherit, becomes 0 (proc_pid_oom_score_adj(5)).
    package var shedsOOMProtection = false

    package init(path: String, arguments: [String], environment: [String] = []) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
    }

    /// Starts the program; throws what failed before it ran, such as `ENOENT` of the path.
    package func start() throws(SystemCallError) -> ChildProcess {
        var environment = environment
        if !passed.isEmpty {
            environment.append("LISTEN_FDS=\(passed.count)")
            environment.append("LISTEN_FDNAMES=" + passed.map(\.name).joined(separator: ":"))
        }
        let arguments = CStrings(arguments)
        let variables = CStrings(environment, spare: passed.isEmpty ? 0 : 1)
        let groups = user?.groups ?? []
        let descriptors = passed.map(\.descriptor)
        let result = unsafe path.withCString { path in
            unsafe descriptors.withUnsafeBufferPointer { descriptors in
                unsafe groups.withUnsafeBufferPointer { groups in
                    var request = unsafe tandem_spawn()
                    unsafe request.path = path
                    unsafe request.arguments = UnsafePointer(arguments.pointer)
                    unsafe request.environment = UnsafePointer(variables.pointer)
                    unsafe request.standard_input = standardInput ?? -1
                    unsafe request.standard_output = standardOutput ?? -1
                    unsafe request.standard_error = standardError ?? -1
                    unsafe request.passed = descriptors.baseAddress
                    unsafe request.passed_count = Int32(descriptors.count)
                    unsafe request.listen_pid = variables.spare
                    unsafe request.group = group.rawValue
                    unsafe request.die_with_parent = dieWithParent
                    unsafe request.change_user = user != nil
                    unsafe request.uid = user?.uid ?? 0
                    unsafe request.gid = user?.gid ?? 0
                    unsafe request.groups = groups.baseAddress
                    unsafe request.group_count = Int32(groups.count)
                    unsafe request.no_new_privileges = noNewPrivileges
                    unsafe request.sheds_oom_protection = shedsOOMProtection
                    return unsafe tandem_spawn_process(&request)
                }
            }
        }
        return try ChildProcess(pid: check(result, "execute", on: path))
    }
}

/// A child of this process, by a descriptor that names it even after its pid is used again.
package struct ChildProcess: ~Copyable {
    package let pid: Int32
    /// Readable once the child has ended.
    package let descriptor: FileDescriptor

    init(pid: Int32) throws(SystemCallError) {
        self.pid = pid
        descriptor = FileDescriptor(owning: try check(tandem_pidfd_open(pid), "pidfd_open"))
    }

    /// False when it has ended already.
    @discardableResult
    package func signal(_ number: Int32) -> Bool {
        tandem_pidfd_signal(descriptor.rawValue, number) == 0
    }

    /// Signals the child's process group, which it must lead (`Spawn.Group.own`).
    @discardableResult
    package func signalGroup(_ number: Int32) -> Bool {
        kill(-pid, number) == 0
    }

    /// How the child ended, which also frees its pid; nil while it runs.
    package func reap() -> ExitCause? {
        var status: Int32 = 0
        guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return nil }
        if tandem_wifexited(status) != 0 { return .exited(tandem_wexitstatus(status)) }
        if tandem_wifsignaled(status) != 0 { return .signalled(tandem_wtermsig(status)) }
        return nil
    }
}

/// How a process ended.
package enum ExitCause: Equatable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    package var description: String {
        switch self {
        case .exited(let status): "exit status \(status)"
        case .signalled(let number): "killed by \(signalName(number))"
        }
    }
}

/// `SIGKILL` for 9.
package func signalName(_ number: Int32) -> String {
    guard let abbreviation = unsafe tandem_signal_abbreviation(number) else {
        return "signal \(number)"
    }
    return "SIG" + (unsafe String(cString: abbreviation))
}

/// A null-terminated array of C strings that lives as long as this object.
@safe private final class CStrings {
    let pointer: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    /// An entry of 32 bytes at the end that the child fills in, or nil.
    let spare: UnsafeMutablePointer<CChar>?
    private let count: Int

    init(_ strings: [String], spare: Int = 0) {
        count = strings.count + spare
        unsafe pointer = .allocate(capacity: count + 1)
        for (index, text) in strings.enumerated() {
            // A NUL inside would cut the string where the operator does not see it.
            let text = String(decoding: text.utf8.filter { $0 != 0 }, as: UTF8.self)
            unsafe pointer[index] = strdup(text)
        }
        if spare > 0, let room = unsafe calloc(1, 32) {
            let entry = unsafe room.assumingMemoryBound(to: CChar.self)
            unsafe strcpy(entry, "LISTEN_PID=0")
            unsafe self.spare = entry
            unsafe pointer[strings.count] = entry
        } else {
            unsafe self.spare = nil
        }
        unsafe pointer[count] = nil
    }

    deinit {
        for index in 0..<count { unsafe free(pointer[index]) }
        unsafe pointer.deallocate()
    }
}
