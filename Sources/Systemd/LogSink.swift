import Glibc
import Synchronization

/// Standard error as a log's destination that never makes its writer wait.
enum LogSink {
    private static let lost = Atomic<UInt64>(0)

    static func write(_ line: String) {
        guard hasRoom() else {
            lost.add(1, ordering: .relaxed)
            return
        }
        let missed = lost.exchange(0, ordering: .relaxed)
        let text = missed == 0 ? line : "(\(missed) log lines were lost: nobody read them)\n" + line
        let bytes = Array(text.utf8)
        _ = unsafe bytes.withUnsafeBytes { raw in
            unsafe Glibc.write(STDERR_FILENO, raw.baseAddress, raw.count)
        }
    }

    /// A pipe polls writable when a whole page fits, which is more than a line.
    private static func hasRoom() -> Bool {
        var request = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&request, 1, 0) == 1 && request.revents & Int16(POLLOUT) != 0
    }
}
