import Glibc
import LinuxIO
import Primitives

/// What a run of the built `tandemctl` printed and returned.
struct Run: Sendable {
    var status: Int32
    var output: String
    var errors: String
    var lines: [String] { output.split(separator: "\n").map(String.init) }
}

/// The directory of the products, which is where the test program itself is.
let productDirectory: String = {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(
        decoding: buffer.prefix(max(count, 0)).map(UInt8.init(bitPattern:)),
        as: UTF8.self
    )
    return path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
}()

/// Runs the built `tandemctl` to its end.
func tandemctl(_ arguments: [String], input: String = "") throws -> Run {
    var input: [UInt8] = Array(input.utf8)
    var ends: [Int32] = [-1, -1]
    _ = pipe(&ends)
    let standardInput = FileDescriptor(owning: ends[0])
    let output = try Pipe()
    let errors = try Pipe()
    var spawn = Spawn(
        path: productDirectory + "/tandemctl",
        arguments: ["tandemctl"] + arguments,
        environment: ["TZ=UTC"]
    )
    spawn.standardInput = standardInput.rawValue
    spawn.standardOutput = output.write.rawValue
    spawn.standardError = errors.write.rawValue
    // Far less than a pipe holds.
    _ = write(ends[1], &input, input.count)
    _ = close(ends[1])
    let child = try spawn.start()
    let deadline = Clock.now + .seconds(30)
    while Clock.now < deadline {
        if let cause = child.reap() {
            return Run(
                status: { if case .exited(let status) = cause { status } else { -1 } }(),
                output: try drain(output.read),
                errors: try drain(errors.read)
            )
        }
        usleep(2000)
    }
    child.signal(SIGKILL)
    throw SystemCallError("wait for tandemctl", errno: ETIMEDOUT)
}

private func drain(_ descriptor: borrowing FileDescriptor) throws -> String {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while let count = try descriptor.read(into: &chunk), count > 0 {
        all.append(contentsOf: chunk[0..<count])
    }
    return String(decoding: all, as: UTF8.self)
}
