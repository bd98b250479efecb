import Balancing
import Synchronization

/// The queue of one backend, which all workers share: places go to those who wait in the order in which they came,
/// whichever worker they and the place are at.
///
/// Nobody looks in here while nobody waits: the backend's gauge `queued` tells.
final class WaitingRoom: Sendable {
    struct Waiter: Sendable {
        let worker: WorkerHandle
        /// Of its session.
        let token: UInt64
    }

    typealias Ticket = WaitingLines<Waiter>.Ticket

    private let lines = Mutex(WaitingLines<Waiter>())

    func withLines<Result>(
        _ body: (inout WaitingLines<Waiter>) -> sending Result
    ) -> sending Result {
        lines.withLock { body(&$0) }
    }
}

/// A place at a server for a session that waited for one: the server's gauge counts it already.
struct Placement: Sendable {
    let backend: Backend
    let server: Int
    let ticket: WaitingRoom.Ticket
    let waiter: WaitingRoom.Waiter
}

/// Whose turn it is at a backend whose servers have different weights: one order for all workers.
final class SharedTurns: Sendable {
    private let turns = Mutex(WeightedTurns([]))

    /// The balancer has the turn for as long as the body runs.
    func lend<Result: Sendable>(
        to balancer: inout Balancer,
        _ body: (inout Balancer) -> Result
    ) -> Result {
        turns.withLock { turns in
            swap(&balancer.turn.weighted, &turns)
            defer { swap(&balancer.turn.weighted, &turns) }
            return body(&balancer)
        }
    }
}
