import CLinux
import Glibc
import LinuxIO

private final class ThreadBody: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func enterThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context { Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run() }
    return nil
}

/// A thread of its own, for what blocks or changes its namespace.
package struct Thread: @unchecked Sendable {
    private let handle: pthread_t

    package init(_ body: @escaping @Sendable () -> Void) throws {
        var started = pthread_t()
        let context = Unmanaged.passRetained(ThreadBody(body))
        let error = pthread_create(&started, nil, enterThread, context.toOpaque())
        guard error == 0 else {
            context.release()
            throw SystemCallError("pthread_create", errno: error)
        }
        handle = started
    }

    package func join() {
        pthread_join(handle, nil)
    }
}
