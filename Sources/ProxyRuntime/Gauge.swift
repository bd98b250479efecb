import Synchronization

/// A number that all threads count up and down, and anybody reads.
///
/// Gauges go by the names of a configuration and live as long as the process, so that a session may hold one
/// without counting references. Each has a cache line of its own.
@safe struct Gauge: @unchecked Sendable {
    private let number: UnsafeMutablePointer<Atomic<Int>>

    init(_ value: Int = 0) {
        let line = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
        unsafe number = line.bindMemory(to: Atomic<Int>.self, capacity: 1)
        unsafe number.initialize(to: Atomic(value))
    }

    var value: Int {
        @inline(__always) get { unsafe number.pointee.load(ordering: .relaxed) }
        nonmutating set { unsafe number.pointee.store(newValue, ordering: .relaxed) }
    }

    /// The number after it.
    @inline(__always)
    @discardableResult
    func add(_ difference: Int) -> Int {
        unsafe number.pointee.wrappingAdd(difference, ordering: .relaxed).newValue
    }

    /// Counts one up if the number stays within the limit.
    @inline(__always)
    func take(limit: Int) -> Bool {
        if add(1) <= limit { return true }
        add(-1)
        return false
    }
}
