import Glibc
import LinuxIO
import Primitives

/// Other programs, run to their end with an empty environment: what they say must not depend on the
/// shell that `tandemctl` was called from, as the daemons know nothing of it.
enum Program {
    /// Runs it on this terminal, or silently; returns whether it ended with 0.
    static func succeeds(_ path: String, _ arguments: [String], silently: Bool = false) -> Bool {
        var spawn = Spawn(path: path, arguments: [path] + arguments)
        if !silently {
            spawn.standardOutput = STDOUT_FILENO
            spawn.standardError = STDERR_FILENO
        }
        guard let child = try? spawn.start() else { return false }
        return status(of: child) == .exited(0)
    }

    /// What it prints, if it can be run and ends with 0.
    static func output(_ path: String, _ arguments: [String]) -> String? {
        guard let pipe = try? Pipe() else { return nil }
        var spawn = Spawn(path: path, arguments: [path] + arguments)
        spawn.standardOutput = pipe.write.rawValue
        guard let child = try? spawn.start() else { return nil }
        // A few lines, which the pipe holds until the program has ended.
        guard status(of: child) == .exited(0) else { return nil }
        var chunk = [UInt8](repeating: 0, count: 65536)
        guard let count = try? pipe.read.read(into: &chunk) else { return "" }
        return String(decoding: chunk.prefix(count), as: UTF8.self)
    }

    private static func status(of child: borrowing ChildProcess) -> ExitCause? {
        var ended = pollfd(fd: child.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        while unsafe poll(&ended, 1, -1) < 0, errno == EINTR {}
        return child.reap()
    }
}
