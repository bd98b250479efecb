import Primitives

/// Since when something is up or down, how often it went down, and for how long in all: `lastchg`, `chkdown` and
/// `downtime` of HAProxy's statistics.
struct Availability: Equatable {
    private(set) var isUp: Bool
    private(set) var since: Instant
    private(set) var timesDown = 0
    private var downBefore: Duration = .zero

    init(isUp: Bool, since: Instant) {
        self.isUp = isUp
        self.since = since
    }

    mutating func note(isUp: Bool, at now: Instant) {
        guard isUp != self.isUp else { return }
        downBefore = downtime(at: now)
        if !isUp { timesDown += 1 }
        self.isUp = isUp
        since = now
    }

    func downtime(at now: Instant) -> Duration {
        isUp ? downBefore : downBefore + (now - since)
    }
}

extension ServerBoard {
    /// What became of a server, and with it of its backend.
    mutating func noteAvailability(of position: Int, at now: Instant) {
        watches[position].availability.note(isUp: watches[position].isUsable, at: now)
        let backend = watches[position].backend
        availability[backend].note(isUp: isServing(backend), at: now)
    }

    /// Of a board that is new: what there was before goes on by its name.
    mutating func beginAvailability(
        former: ServerBoard?,
        _ old: [String: ServerWatch],
        at now: Instant
    ) {
        for position in watches.indices {
            let before = old[watches[position].fullName]
            watches[position].availability =
                before?.availability ?? Availability(isUp: watches[position].isUsable, since: now)
            watches[position].lastOutcome = before?.lastOutcome
            watches[position].failedChecks = before?.failedChecks ?? 0
        }
        let backends = Dictionary(
            zip(former?.plan.backends.map(\.name) ?? [], former?.availability ?? []),
            uniquingKeysWith: { first, _ in first }
        )
        availability = plan.backends.indices.map { number in
            backends[plan.backends[number].name]
                ?? Availability(isUp: isServing(number), since: now)
        }
        for position in watches.indices { noteAvailability(of: position, at: now) }
    }

    /// HAProxy's status of a backend: one without servers is up.
    private func isServing(_ backend: Int) -> Bool {
        plan.backends[backend].servers.isEmpty || hasUsableServer(backend)
    }
}
