import Glibc
import LinuxIO

/// A descriptor that is kept open to be closed when there is no other left: a client that was accepted with the last
/// one still gets its server.
struct SpareDescriptor: ~Copyable {
    private var descriptor: FileDescriptor?

    /// True if there is one, perhaps a copy of `original` that was made now.
    mutating func isThere(copyOf original: borrowing FileDescriptor) -> Bool {
        if descriptor == nil, let copy = try? original.duplicate() { descriptor = consume copy }
        return descriptor != nil
    }

    /// Leaves its number to another; false if it is gone already.
    mutating func giveWay() -> Bool {
        guard descriptor != nil else { return false }
        descriptor = nil
        return true
    }
}
