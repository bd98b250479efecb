import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

@Suite("Real time", .timeLimit(.minutes(1)))
struct RealTimeTests {
    @Test func `a loop that never waits is ended`() async {
        await #expect(processExitsWith: .signal(SIGXCPU)) {
            let refusals = RealTime.enter(priority: 1, limit: .milliseconds(100))
            guard refusals.scheduling == nil, sched_getscheduler(0) & 3 == SCHED_RR else { exit(1) }
            let end = Clock.now + .seconds(10)
            while Clock.now < end {}
        }
    }

    @Test func `a loop that waits now and then runs on`() async {
        await #expect(processExitsWith: .success) {
            // Memory is locked where it may be without an end, and only there.
            limitLockedMemory(to: rlim_t.max)
            let isFree = lockedMemoryLimit() == rlim_t.max
            let refusals = RealTime.enter(priority: 1, limit: .milliseconds(100))
            guard refusals.scheduling == nil, (refusals.memory == nil) == isFree else { exit(1) }
            for _ in 0..<6 {
                let end = Clock.now + .milliseconds(40)
                while Clock.now < end {}
                usleep(1000)
            }
            exit(0)
        }
    }

    @Test func `what is not allowed is told and harms nothing`() async {
        await #expect(processExitsWith: .success) {
            guard (try? Privileges.keepOnly([])) != nil else { exit(1) }
            limitLockedMemory(to: 1 << 23)
            let refusals = RealTime.enter(priority: 1, limit: .seconds(1))
            guard refusals.scheduling?.errno == EPERM, refusals.memory != nil else { exit(2) }
            exit(0)
        }
    }
}

private func limitLockedMemory(to bytes: rlim_t) {
    var limit = rlimit(rlim_cur: bytes, rlim_max: bytes)
    setrlimit(__rlimit_resource_t(8), &limit)  // RLIMIT_MEMLOCK
}

private func lockedMemoryLimit() -> rlim_t {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(8), &limit)
    return limit.rlim_cur
}
