import Glibc
package import LinuxIO
import Primitives

/// What went wrong in the lab itself, in words.
package struct LabError: Error, CustomStringConvertible, Sendable {
    package var description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// A program that was run to its end.
package struct Finished: Sendable {
    package var cause: ExitCause
    /// Standard output and standard error, in the order in which they came.
    package var output: String

    package var succeeded: Bool { cause == .exited(0) }
    package var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// Runs a program and waits for its end, at most `limit`; then it is killed.
package func run(
    _ path: String,
    _ arguments: [String],
    limit: Duration = .seconds(60)
) throws -> Finished {
    let pipe = try Pipe()
    var spawn = Spawn(
        path: path,
        arguments: [path] + arguments,
        environment: [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
        ]
    )
    spawn.standardOutput = pipe.write.rawValue
    spawn.standardError = pipe.write.rawValue
    let child = try spawn.start()
    var poller = try Poller()
    try poller.add(child.descriptor.rawValue, token: 0)
    try poller.add(pipe.read.rawValue, token: 1)
    let deadline = Clock.now + limit
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while Clock.now < deadline {
        var events: [ReadyEvent] = []
        try poller.wait(until: deadline, into: &events)
        while let count = try pipe.read.read(into: &chunk), count > 0 {
            output.append(contentsOf: chunk[0..<count])
        }
        if let cause = child.reap() {
            while let count = try pipe.read.read(into: &chunk), count > 0 {
                output.append(contentsOf: chunk[0..<count])
            }
            return Finished(cause: cause, output: String(decoding: output, as: UTF8.self))
        }
    }
    child.signal(SIGKILL)
    _ = child.reap()
    throw LabError("\(path) \(arguments.joined(separator: " ")) did not end within \(limit)")
}

/// Runs a program that must succeed.
@discardableResult
package func require(_ path: String, _ arguments: [String]) throws -> Finished {
    let finished = try run(path, arguments)
    guard finished.succeeded else {
        throw LabError(
            "\(path) \(arguments.joined(separator: " ")): \(finished.cause)\n\(finished.output)"
        )
    }
    return finished
}

/// iproute2's program, wherever this distribution has it.
package let ipProgram =
    ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"]
    .first { (path: String) in access(path, X_OK) == 0 } ?? "/usr/sbin/ip"

/// Polls until the condition holds; false when it does not within `limit`.
package func wait(
    _ limit: Duration,
    every interval: Duration = .milliseconds(5),
    until condition: () throws -> Bool
) rethrows -> Bool {
    let deadline = Clock.now + limit
    while try !condition() {
        guard Clock.now < deadline else { return false }
        usleep(UInt32(interval.nanoseconds / 1000))
    }
    return true
}

package func pause(_ duration: Duration) {
    usleep(UInt32(clamping: duration.nanoseconds / 1000))
}

/// A duration for people, such as `1234 ms`.
package func text(_ duration: Duration) -> String {
    "\(duration.milliseconds) ms"
}
