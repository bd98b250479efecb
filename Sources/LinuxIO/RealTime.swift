import CLinux

/// A process that must not be late: it runs before everything that is not real-time, and its memory stays.
package enum RealTime {
    /// What the machine did not allow, each for a log line; the process runs on without it.
    package struct Refusals: Equatable, Sendable {
        package var scheduling: SystemCallError?
        package var memory: SystemCallError?

    }

    /// SCHED_RR with `priority` (1 is the lowest), which no child inherits, and pages that stay in memory once
    /// they were touched. The first takes `CAP_SYS_NICE`, the second `LimitMEMLOCK=infinity`.
    ///
    /// A loop that spins for `limit` without waiting for anything is ended by SIGXCPU: on one processor
    /// nothing else could end it. Linux counts neither the time of others nor that of waiting.
    package static func enter(priority: Int32, limit: Duration) -> Refusals {
        var refusals = Refusals()
        let (seconds, attoseconds) = limit.components
        let microseconds =
            UInt64(clamping: seconds) &* 1_000_000
            &+ UInt64(clamping: attoseconds / 1_000_000_000_000)
        do throws(SystemCallError) {
            // The limit first: real time without it has no end.
            try check(tandem_limit_real_time(microseconds), "setrlimit RLIMIT_RTTIME")
            try check(tandem_set_real_time(priority), "sched_setscheduler SCHED_RR")
        } catch {
            refusals.scheduling = error
        }
        do throws(SystemCallError) {
            try check(tandem_lock_memory(), "mlockall")
        } catch {
            refusals.memory = error
        }
        return refusals
    }
}
