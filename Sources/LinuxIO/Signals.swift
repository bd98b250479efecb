import CLinux
import Glibc

/// Signals as readable events: they are blocked and read from a descriptor.
package struct SignalDescriptor: ~Copyable {
    package let descriptor: FileDescriptor

    /// Must be made before any other thread, which inherits the blocked set.
    package init(_ signals: [Int32]) throws(SystemCallError) {
        let raw = unsafe signals.withUnsafeBufferPointer { buffer in
            unsafe tandem_signalfd(buffer.baseAddress, Int32(buffer.count))
        }
        descriptor = FileDescriptor(owning: try check(raw, "signalfd"))
    }

    /// The next signal that has arrived, or nil.
    package func next() -> Int32? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        let count = unsafe withUnsafeMutablePointer(to: &information) { pointer in
            unsafe Glibc.read(descriptor.rawValue, pointer, size)
        }
        return count == size ? Int32(bitPattern: information.ssi_signo) : nil
    }

    /// A write to a closed socket is an error there, not a signal here.
    package static func ignoreBrokenPipes() {
        tandem_ignore_signal(SIGPIPE)
    }
}

/// Wakes an event loop from another thread.
package struct WakeUp: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    package init() throws(SystemCallError) {
        descriptor = FileDescriptor(owning: try check(tandem_eventfd(), "eventfd"))
    }

    package func signal() {
        _ = eventfd_write(descriptor.rawValue, 1)
    }

    package func clear() {
        var count: eventfd_t = 0
        _ = unsafe eventfd_read(descriptor.rawValue, &count)
    }
}
