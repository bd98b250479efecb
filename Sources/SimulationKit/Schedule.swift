import Primitives

/// What will happen, earliest first; what is due at the same instant happens in the order in which it was
/// scheduled. A binary heap.
struct Schedule<Event: Equatable & Sendable>: Equatable, Sendable {
    private struct Entry: Equatable, Sendable {
        var due: Instant
        var order: UInt64
        var event: Event

        static func precedes(_ left: Entry, _ right: Entry) -> Bool {
            (left.due, left.order) < (right.due, right.order)
        }
    }

    private var heap: [Entry] = []
    private var nextOrder: UInt64 = 0

    var count: Int { heap.count }
    var nextDue: Instant? { heap.first?.due }

    mutating func add(_ event: Event, due: Instant) {
        heap.append(Entry(due: due, order: nextOrder, event: event))
        nextOrder += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard Entry.precedes(heap[child], heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popFirst() -> (due: Instant, event: Event)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return (first.due, first.event) }
        heap[0] = last
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { break }
            let right = left + 1
            let smaller =
                right < heap.count && Entry.precedes(heap[right], heap[left]) ? right : left
            guard Entry.precedes(heap[smaller], heap[parent]) else { break }
            heap.swapAt(smaller, parent)
            parent = smaller
        }
        return (first.due, first.event)
    }
}
