import Synchronization

/// A number that all threads count up and down, and anybody reads.
final class Gauge: Sendable {
    private let number = Atomic<Int>(0)

    var value: Int { number.load(ordering: .relaxed) }

    /// The number after it.
    @discardableResult
    func add(_ difference: Int) -> Int {
        number.wrappingAdd(difference, ordering: .relaxed).newValue
    }

    /// Counts one up if the number stays within the limit.
    func take(limit: Int) -> Bool {
        if add(1) <= limit { return true }
        add(-1)
        return false
    }
}
