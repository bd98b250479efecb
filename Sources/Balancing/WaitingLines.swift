/// Who waits for a place at the servers of one backend, in the order in which they came: some for a certain server,
/// the others for whichever has room first.
///
/// Each server that somebody waits for has a line, and there is one for those who take any. A place that comes free
/// goes to whoever of the server's own line and the common one has waited longest.
package struct WaitingLines<Waiter> {
    /// Where somebody stands.
    package struct Ticket: Equatable, Sendable {
        /// -1: any.
        package let server: Int32
        package let place: Int

        package init(server: Int32, place: Int) {
            self.server = server
            self.place = place
        }
    }

    private struct Entry {
        /// Counted through all lines.
        let arrival: Int
        let waiter: Waiter
    }

    /// One line; who leaves it early leaves a gap.
    private struct Line {
        private var entries: [Entry?] = []
        /// The oldest, unless there is none.
        private var head = 0
        /// The place of the first entry, gap or not.
        private var base = 0

        mutating func append(_ entry: Entry) -> Int {
            entries.append(entry)
            return base + entries.count - 1
        }

        var oldest: Int? { head < entries.count ? entries[head]?.arrival : nil }

        var front: Int { base + head }

        mutating func remove(_ place: Int) -> Waiter? {
            let index = place - base
            guard index >= head, index < entries.count, let entry = entries[index] else {
                return nil
            }
            entries[index] = nil
            while head < entries.count, entries[head] == nil { head += 1 }
            // Half of it is behind: each entry moves once at most on average.
            if head == entries.count || head > 32 && head * 2 > entries.count {
                entries.removeFirst(head)
                base += head
                head = 0
            }
            return entry.waiter
        }
    }

    private var lines: [Int32: Line] = [:]
    private var arrivals = 0
    package private(set) var count = 0

    package init() {}

    /// `server` nil: any will do.
    package mutating func append(_ waiter: Waiter, for server: Int?) -> Ticket {
        let key = Int32(truncatingIfNeeded: server ?? -1)
        let entry = Entry(arrival: arrivals, waiter: waiter)
        arrivals += 1
        count += 1
        return Ticket(server: key, place: lines[key, default: Line()].append(entry))
    }

    /// Who stands there; nil: nobody any more.
    @discardableResult
    package mutating func remove(_ ticket: Ticket) -> Waiter? {
        guard let waiter = lines[ticket.server]?.remove(ticket.place) else { return nil }
        count -= 1
        return waiter
    }

    /// Whether a place at this server is of use to somebody.
    package func hasWaiter(for server: Int, orAny: Bool) -> Bool {
        oldest(for: server, orAny: orAny) != nil
    }

    /// The one who gets a place at this server. `orAny`: those who take any server may get it.
    package mutating func next(for server: Int, orAny: Bool) -> (waiter: Waiter, ticket: Ticket)? {
        guard let key = oldest(for: server, orAny: orAny), let place = lines[key]?.front else {
            return nil
        }
        let ticket = Ticket(server: key, place: place)
        return remove(ticket).map { ($0, ticket) }
    }

    /// The line of the one who has waited longest.
    private func oldest(for server: Int, orAny: Bool) -> Int32? {
        let key = Int32(truncatingIfNeeded: server)
        let own = lines[key]?.oldest
        guard orAny, let common = lines[-1]?.oldest else { return own == nil ? nil : key }
        guard let own else { return -1 }
        return own < common ? key : -1
    }
}
