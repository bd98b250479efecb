import CLinux
import Glibc
import LinuxIO
import Primitives
import Synchronization

/// A network namespace by its name in /run/netns.
package struct Namespace: Sendable, Hashable {
    package let name: String
    package var path: String { "/run/netns/" + name }

    package init(name: String) {
        self.name = name
    }

    package func create() throws {
        try require(ipProgram, ["netns", "add", name])
        try ip(["link", "set", "lo", "up"])
    }

    /// Kills whatever runs in it and removes it.
    package func remove() {
        for _ in 0..<50 {
            let left = processes()
            if left.isEmpty { break }
            for pid in left { kill(pid, SIGKILL) }
            usleep(10_000)
        }
        _ = try? run(ipProgram, ["netns", "del", name])
        for file in entries(of: "/etc/netns/" + name) { unlink("/etc/netns/\(name)/\(file)") }
        rmdir("/etc/netns/" + name)
    }

    @discardableResult
    package func ip(_ arguments: [String]) throws -> Finished {
        try require(ipProgram, ["-n", name] + arguments)
    }

    /// Runs `body` on a thread of its own that has joined the namespace.
    package func onThread<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) throws
        -> Value
    {
        let result = Mutex<Result<Value, any Error>?>(nil)
        let path = path
        try withUnsafePointer(to: result) { pointer in
            nonisolated(unsafe) let shared = pointer
            try Thread {
                let outcome = Result<Value, any Error> {
                    try join(path)
                    return try body()
                }
                shared.pointee.withLock { $0 = outcome }
            }.join()
        }
        guard let outcome = result.withLock({ $0 }) else { throw LabError("a thread said nothing") }
        return try outcome.get()
    }

    /// The pids of all processes in it, found by what /proc says, whoever their parents are.
    package func processes() -> [Int32] {
        var own = stat()
        guard stat(path, &own) == 0 else { return [] }
        return entries(of: "/proc").compactMap { name in
            guard let pid = Int32(name) else { return nil }
            var other = stat()
            guard stat("/proc/\(name)/ns/net", &other) == 0, other.st_ino == own.st_ino,
                other.st_dev == own.st_dev, pid != getpid()
            else { return nil }
            return pid
        }
    }
}

/// This thread's network namespace becomes that one.
func join(_ path: String) throws {
    let raw = open(path, O_RDONLY | O_CLOEXEC)
    guard raw >= 0 else { throw SystemCallError("open", on: path, errno: errno) }
    let descriptor = FileDescriptor(owning: raw)
    try check(tandem_join_network_namespace(descriptor.rawValue), "setns", on: path)
}
