import Primitives
import Synchronization

/// What a worker counts, with the words of HAProxy's statistics (management manual §9.1) where it has one.
enum Count: Int, CaseIterable {
    /// `conn_tot` of a frontend: accepted, before any rule.
    case connections
    /// `stot` of a backend, led there, and of a server, each attempt to connect by itself. A frontend's are its
    /// connections without those that are turned away before they are sessions.
    case sessions
    /// `bin`, `bout`: from clients and from servers.
    case bytesIn
    case bytesOut
    /// `smax`
    case mostSessions
    /// `qmax`
    case mostQueued
    /// `lbtot`: chosen by the balancing algorithm, and not by a stick table, from the queue or for the same session again.
    case chosen
    /// `connect`: attempts, with those that the system refused at once.
    case attempts
    /// `lastsess`: the instant, in nanoseconds; 0: never.
    case lastSession
    /// `dcon`, `dses`, `dreq`: by `tcp-request connection`, `session` and `content`.
    case deniedConnections
    case deniedSessions
    case deniedRequests
    /// Turned away for want of a PROXY header that could be read.
    case withoutHeader
    /// `ereq`: the client went or was silent before its request was there.
    case requestErrors
    /// `econ`: no attempt to connect succeeded, or there was no server.
    case connectionErrors
    /// `eresp`: the server broke off.
    case responseErrors
    /// `wretr`, `wredis`
    case retries
    case redispatches
    /// `cli_abrt`, `srv_abrt`
    case clientAborts
    case serverAborts
}

/// The counts of one thing by one worker. That worker alone writes them, and anybody reads them at any time: neither
/// waits, and a write is no more than an addition in a cache line that nobody else writes to.
@safe struct Tally: @unchecked Sendable {
    private let numbers: UnsafeMutablePointer<Atomic<UInt64>>

    init() {
        let count = Count.allCases.count
        // Whole cache lines, so that two workers' tallies never share one.
        let size = (count * 8 + 63) & ~63
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        unsafe numbers = memory.bindMemory(to: Atomic<UInt64>.self, capacity: count)
        for position in 0..<count { unsafe (numbers + position).initialize(to: Atomic(0)) }
    }

    subscript(count: Count) -> UInt64 {
        @inline(__always) get {
            unsafe numbers[count.rawValue].load(ordering: .relaxed)
        }
        @inline(__always) nonmutating set {
            unsafe numbers[count.rawValue].store(newValue, ordering: .relaxed)
        }
    }

    @inline(__always)
    func add(_ count: Count, _ amount: UInt64 = 1) { self[count] &+= amount }

    @inline(__always)
    func raise(_ count: Count, to number: Int) {
        let number = UInt64(truncatingIfNeeded: number)
        if number > self[count] { self[count] = number }
    }
}

/// The counts of one thing by all workers. It lives as long as the process and goes by its name, so that a reload goes
/// on counting.
final class Ledger: Sendable {
    private let tallies: [Tally]
    /// Listeners of a frontend, servers of a backend, and what was one before a reload. What is counted there is not
    /// counted here again.
    private let parts = Mutex<[Ledger]>([])
    private let sessionMeter: Mutex<RateMeter>
    private let connectionMeter: Mutex<RateMeter>

    init(workers: Int, at now: Instant) {
        tallies = (0..<max(workers, 1)).map { _ in Tally() }
        sessionMeter = Mutex(RateMeter(at: now))
        connectionMeter = Mutex(RateMeter(at: now))
    }

    func tally(of worker: Int) -> Tally { tallies[worker % tallies.count] }

    func add(part: Ledger) {
        parts.withLock { $0.append(part) }
    }

    // MARK: Reading

    /// Without the parts.
    func own(_ count: Count) -> UInt64 {
        tallies.reduce(0) { $0 &+ $1[count] }
    }

    /// With the parts.
    func total(_ count: Count) -> UInt64 {
        parts.withLock { $0.reduce(own(count)) { $0 &+ $1.total(count) } }
    }

    /// The highest of all workers: each of them keeps the highest that it has seen of what all count together.
    func highest(_ count: Count) -> UInt64 {
        tallies.map { $0[count] }.max() ?? 0
    }

    /// The latest of all workers and parts.
    func latest(_ count: Count) -> UInt64 {
        parts.withLock { $0.reduce(highest(count)) { max($0, $1.latest(count)) } }
    }
}

/// Rates, by the control thread's clock.
extension Ledger {
    /// To be called once a second with what has been counted until now.
    func measure(sessions: UInt64, connections: UInt64, at now: Instant) {
        sessionMeter.withLock { $0.measure(sessions, at: now) }
        connectionMeter.withLock { $0.measure(connections, at: now) }
    }

    func sessionRate(_ sessions: UInt64, at now: Instant) -> Rate {
        sessionMeter.withLock { $0.rate(sessions, at: now) }
    }

    func connectionRate(_ connections: UInt64, at now: Instant) -> Rate {
        connectionMeter.withLock { $0.rate(connections, at: now) }
    }
}
