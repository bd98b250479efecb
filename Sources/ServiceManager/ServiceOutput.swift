import Glibc
import LinuxIO

/// What a service writes, through a named pipe that outlives the supervisor: the next one reads on where
/// this one ended, and the service never writes into a pipe that nobody holds.
final class ServiceOutput {
    /// How much of it is kept for `tandemctl tail`.
    static let capacity = 1 << 20

    let reader: FileDescriptor
    private let writer: FileDescriptor
    private var kept: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 65536)

    init(path: String) throws(SystemCallError) {
        if unsafe mkfifo(path, 0o600) != 0, errno != EEXIST {
            throw SystemCallError("mkfifo", on: path, errno: errno)
        }
        let reading = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard reading >= 0 else { throw SystemCallError("open", on: path, errno: errno) }
        reader = FileDescriptor(owning: reading)
        // For both ways: whoever holds it is its own reader, and a write finds no broken pipe.
        let writing = unsafe open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
        guard writing >= 0 else { throw SystemCallError("open", on: path, errno: errno) }
        writer = FileDescriptor(owning: writing)
    }

    /// Borrowed, for the service's standard output and standard error.
    var writingEnd: Int32 { writer.rawValue }

    /// The next piece; nil when there is none now.
    func read() -> [UInt8]? {
        guard let count = try? reader.read(into: &chunk), count > 0 else { return nil }
        let piece = Array(chunk[0..<count])
        kept.append(contentsOf: piece)
        // Cut rarely, so that it costs little.
        if kept.count > 2 * Self.capacity { kept.removeFirst(kept.count - Self.capacity) }
        return piece
    }

    /// The last `count` bytes.
    func tail(_ count: Int) -> [UInt8] {
        Array(kept.suffix(min(count, Self.capacity)))
    }
}
