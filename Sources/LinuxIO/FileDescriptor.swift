import CLinux
import Glibc

/// An open descriptor that one owner closes once.
package struct FileDescriptor: ~Copyable, Sendable {
    package let rawValue: Int32

    /// Takes ownership of an open descriptor.
    package init(owning rawValue: Int32) {
        self.rawValue = rawValue
    }

    deinit {
        _ = Glibc.close(rawValue)
    }

    /// Gives the descriptor away without closing it.
    package consuming func relinquish() -> Int32 {
        let raw = rawValue
        discard self
        return raw
    }

    /// Another descriptor of the same open file, close-on-exec.
    package func duplicate() throws(SystemCallError) -> FileDescriptor {
        let copy = fcntl(rawValue, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw SystemCallError("dup", errno: errno) }
        return FileDescriptor(owning: copy)
    }

    package func setNonBlocking() throws(SystemCallError) {
        try check(tandem_set_nonblocking(rawValue), "fcntl")
    }

    /// How many bytes were read; 0 at the end; nil when nothing is there now.
    package func read(into buffer: inout [UInt8]) throws(SystemCallError) -> Int? {
        let count = unsafe buffer.withUnsafeMutableBytes { raw in
            unsafe Glibc.read(rawValue, raw.baseAddress, raw.count)
        }
        guard count < 0 else { return count }
        if errno == EAGAIN || errno == EINTR { return nil }
        throw SystemCallError("read", errno: errno)
    }

    /// How many bytes were written; nil when nothing fits now.
    package func write(_ bytes: borrowing [UInt8]) throws(SystemCallError) -> Int? {
        let count = unsafe bytes.withUnsafeBytes { raw in
            unsafe Glibc.write(rawValue, raw.baseAddress, raw.count)
        }
        guard count < 0 else { return count }
        if errno == EAGAIN || errno == EINTR { return nil }
        throw SystemCallError("write", errno: errno)
    }

}

/// Both ends of a pipe, close-on-exec.
package struct Pipe: ~Copyable {
    package let read: FileDescriptor
    package let write: FileDescriptor

    /// The reading end is non-blocking.
    package init() throws(SystemCallError) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = unsafe withUnsafeMutableBytes(of: &ends) { raw in
            unsafe tandem_pipe(raw.bindMemory(to: Int32.self).baseAddress)
        }
        try check(result, "pipe2")
        let reader = FileDescriptor(owning: ends.0)
        let writer = FileDescriptor(owning: ends.1)
        try reader.setNonBlocking()
        read = reader
        write = writer
    }
}
