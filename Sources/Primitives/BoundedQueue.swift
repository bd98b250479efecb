package import DequeModule

/// A first-in-first-out queue that never holds more than its limit: what does not fit is refused and counted.
package struct BoundedQueue<Element> {
    private var elements: Deque<Element> = []
    package let limit: Int
    /// How many elements were refused since the beginning.
    package private(set) var refused: UInt64 = 0

    package init(limit: Int) {
        self.limit = limit
    }

    package var count: Int { elements.count }
    package var isEmpty: Bool { elements.isEmpty }
    package var first: Element? { elements.first }

    /// False, and counted, when the queue is full.
    @discardableResult
    package mutating func append(_ element: Element) -> Bool {
        guard elements.count < limit else {
            refused += 1
            return false
        }
        elements.append(element)
        return true
    }

    /// Makes room by dropping the oldest element, which is counted as refused.
    package mutating func appendDroppingOldest(_ element: Element) {
        if elements.count >= limit, !elements.isEmpty {
            elements.removeFirst()
            refused += 1
        }
        append(element)
    }

    package mutating func popFirst() -> Element? {
        elements.popFirst()
    }

    /// Takes out the first element of which that is true, wherever it stands.
    package mutating func removeFirst(where isMeant: (Element) -> Bool) {
        if let index = elements.firstIndex(where: isMeant) { elements.remove(at: index) }
    }

    package mutating func removeAll() {
        elements.removeAll(keepingCapacity: true)
    }
}

extension BoundedQueue: Sendable where Element: Sendable {}

extension BoundedQueue: Equatable where Element: Equatable {}

extension BoundedQueue: Sequence {
    package func makeIterator() -> Deque<Element>.Iterator { elements.makeIterator() }
}
