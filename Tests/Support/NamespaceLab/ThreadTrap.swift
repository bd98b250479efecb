import Glibc
import LinuxIO
import Primitives

/// One thread of a running program that hangs while the others go on, by ptrace(2).
package final class ThreadTrap {
    package enum Way: String, Sendable, CaseIterable {
        /// Blocked for ever, without using the processor.
        case freeze
        /// Running in a circle.
        case spin
    }

    private let child: ChildProcess
    private var hasEnded = false

    /// Returns once the thread hangs.
    package init(_ way: Way, thread: Int32, of process: Int32, products: String) throws {
        let path = products + "/thread-trap"
        var spawn = Spawn(path: path, arguments: [path, way.rawValue, "\(process)", "\(thread)"])
        spawn.standardError = STDERR_FILENO
        child = try spawn.start()
        let expected: Character = way == .freeze ? "t" : "R"
        let tracer = child.pid
        let hangs = wait(.seconds(2)) {
            let status = ThreadStatus(of: process, thread: thread)
            return status?.tracer == tracer && status?.state == expected
        }
        guard hangs else {
            end(SIGKILL)
            throw LabError("thread \(thread) of \(process) could not be made to \(way.rawValue)")
        }
    }

    deinit { end(SIGTERM) }

    /// The thread goes on where it was.
    package func release() { end(SIGTERM) }

    private func end(_ number: Int32) {
        guard !hasEnded else { return }
        child.signal(number)
        hasEnded = wait(.seconds(2)) { child.reap() != nil }
    }
}

/// What /proc says of one thread.
package struct ThreadStatus: Equatable, Sendable {
    package var name: String
    package var state: Character
    package var tracer: Int32

    package init?(of process: Int32, thread: Int32) {
        guard let bytes = try? readFile("/proc/\(process)/task/\(thread)/status") else {
            return nil
        }
        var fields: [Substring: Substring] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            fields[parts[0]] = parts[1].drop { $0 == "\t" || $0 == " " }
        }
        guard let name = fields["Name"], let state = fields["State"]?.first,
            let tracer = fields["TracerPid"].flatMap({ Int32($0) })
        else { return nil }
        self.name = String(name)
        self.state = state
        self.tracer = tracer
    }
}

/// The threads of a process, with the names that they gave themselves.
package func threads(of process: Int32) -> [(id: Int32, name: String)] {
    guard let directory = opendir("/proc/\(process)/task") else { return [] }
    defer { closedir(directory) }
    var found: [(id: Int32, name: String)] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard let id = Int32(name), let status = ThreadStatus(of: process, thread: id) else {
            continue
        }
        found.append((id, status.name))
    }
    return found.sorted { $0.id < $1.id }
}
