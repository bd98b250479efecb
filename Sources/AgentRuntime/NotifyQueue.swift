import Messages

/// Notify programs in their order, one at a time; of one subject only the newest state's are worth running.
///
/// What waits is bounded by the routers and groups that there are: two programs for each one's newest state.
struct NotifyQueue: Equatable, Sendable {
    /// More than any configuration has: what is above it never had a router.
    static let limit = 8192

    /// An order that is not run, and why.
    struct Dropped: Equatable, Sendable {
        var order: NotifyOrder
        var outcome: ProgramOutcome
    }

    private var waiting: [NotifyOrder] = []
    private(set) var running: NotifyOrder?

    init() {}

    var isIdle: Bool { running == nil && waiting.isEmpty }

    /// Appends an order and returns those that it makes pointless, or itself where there is no room.
    mutating func append(_ order: NotifyOrder) -> [Dropped] {
        let dropped = waiting.filter { $0.isOutdated(by: order) }
        if !dropped.isEmpty { waiting.removeAll { $0.isOutdated(by: order) } }
        guard waiting.count < Self.limit else {
            return [Dropped(order: order, outcome: .crowdedOut)]
        }
        waiting.append(order)
        return dropped.map { Dropped(order: $0, outcome: .superseded) }
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

extension NotifyOrder {
    fileprivate func isOutdated(by newer: NotifyOrder) -> Bool {
        router == newer.router && subject == newer.subject && serial < newer.serial
    }
}
