import CLinux
import Glibc
import LinuxIO

/// Runs `body` on a thread of its own, which ends with it or with the process.
func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
    var thread = pthread_t()
    let box = unsafe Unmanaged.passRetained(ThreadBody(name: name, body: body))
    let result = unsafe pthread_create(&thread, nil, threadEntry, box.toOpaque())
    guard result == 0 else {
        unsafe box.release()
        throw SystemCallError("pthread_create", on: name, errno: result)
    }
    pthread_detach(thread)
}

private final class ThreadBody: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private nonisolated func threadEntry(
    _ argument: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    let thread = unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
    unsafe tandem_name_thread(thread.name)
    thread.body()
    return nil
}
