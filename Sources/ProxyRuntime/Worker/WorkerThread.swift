import CLinux
import LinuxIO
import Synchronization

/// What a new thread is given; it takes it over.
private final class WorkerStart {
    let channel: WorkerChannel
    let capacity: Int
    let tag: LogTag

    init(channel: WorkerChannel, capacity: Int, tag: LogTag) {
        self.channel = channel
        self.capacity = capacity
        self.tag = tag
    }
}

/// Global, so that it belongs to no actor: a new thread may run it.
private func workerMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { return nil }
    let start = unsafe Unmanaged<WorkerStart>.fromOpaque(argument).takeRetainedValue()
    do throws(SystemCallError) {
        var worker = try Worker(channel: start.channel, capacity: start.capacity, tag: start.tag)
        worker.run()
    } catch {
        // Without its loop there is no beat, and the supervisor deals with that.
        return nil
    }
    return nil
}

/// Starts an event loop in a thread of its own.
func startWorker(channel: WorkerChannel, capacity: Int, tag: LogTag) throws(SystemCallError) {
    let start = WorkerStart(channel: channel, capacity: capacity, tag: tag)
    let argument = unsafe Unmanaged.passRetained(start).toOpaque()
    try check(unsafe tandem_start_thread(workerMain, argument), "pthread_create")
}
