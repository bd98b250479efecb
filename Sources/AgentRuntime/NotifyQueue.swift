import Messages

/// Notify programs in their order, one at a time; of one router only the newest state's are worth running.
struct NotifyQueue: Equatable, Sendable {
    static let limit = 64

    private var waiting: [NotifyOrder] = []
    private(set) var running: NotifyOrder?

    init() {}

    var isIdle: Bool { running == nil && waiting.isEmpty }

    /// Appends an order and returns those that it makes pointless.
    mutating func append(_ order: NotifyOrder) -> [NotifyOrder] {
        var dropped = waiting.filter { $0.router == order.router && $0.serial < order.serial }
        waiting.removeAll { $0.router == order.router && $0.serial < order.serial }
        if waiting.count >= Self.limit { dropped.append(waiting.removeFirst()) }
        waiting.append(order)
        return dropped
    }

    /// The order to begin now; nil while one runs, or when none is left.
    mutating func next() -> NotifyOrder? {
        guard running == nil, !waiting.isEmpty else { return nil }
        running = waiting.removeFirst()
        return running
    }

    /// The running one has ended.
    mutating func finish() -> NotifyOrder? {
        defer { running = nil }
        return running
    }
}
