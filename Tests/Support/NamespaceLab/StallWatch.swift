import CLinux
import Glibc
import LinuxIO
import Primitives
import Synchronization

/// Whether the machine itself stood still: a thread at the highest real-time priority on each processor that sleeps for
/// a millisecond, again and again, and is late only where nothing at all can run.
package final class StallWatch: Sendable {
    private static let priority: Int32 = 90

    private let stopping = Mutex(false)
    private let longest = Mutex(Duration.zero)
    private let threads = Mutex<[Thread]>([])

    package init() throws {
        for processor in 0..<Int32(clamping: sysconf(Int32(_SC_NPROCESSORS_ONLN))) {
            let thread = try Thread { [self] in watch(processor) }
            threads.withLock { $0.append(thread) }
        }
    }

    private func watch(_ processor: Int32) {
        _ = tandem_pin_thread(processor)
        _ = tandem_set_real_time(Self.priority)
        var last = Clock.now
        while !stopping.withLock({ $0 }) {
            usleep(1000)
            let now = Clock.now
            let late = now - last - .milliseconds(1)
            longest.withLock { $0 = max($0, late) }
            last = now
        }
    }

    /// The longest time that one of the processors stood still until now.
    package func stop() -> Duration {
        stopping.withLock { $0 = true }
        threads.withLock { running in
            for thread in running { thread.join() }
            running = []
        }
        return longest.withLock { $0 }
    }
}
