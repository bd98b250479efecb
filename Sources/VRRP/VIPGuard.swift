package import Primitives

/// Takes the addresses away when the agent's loop has been silent for too long to be trusted.
///
/// The kernel counts an address's lifetime in whole seconds, which is no help when peers take over after 30 ms.
/// Below a second a process of its own watches the loop: with each advertisement the loop promises the next
/// one, and the addresses go two and a half advertisements after the last promise, before a peer's
/// master-down interval of three is over.
package struct VIPGuard: Equatable, Sendable {
    package enum Event: Equatable, Sendable {
        /// The loop turns, has advertised, and has or is about to claim the addresses.
        case promise(interval: Duration)
        /// The loop has released the addresses itself.
        case released
        /// The loop's end of the pipe is closed: it can't come back in time.
        case hungUp
        /// `nextDeadline` has come.
        case deadline
    }

    package enum Verdict: Equatable, Sendable {
        case keep
        case remove
    }

    /// Set while the loop may have the addresses.
    private var lastPromise: (at: Instant, interval: Duration)?

    package init() {}

    package static func == (left: VIPGuard, right: VIPGuard) -> Bool {
        left.nextDeadline == right.nextDeadline
    }

    /// When the addresses have to go.
    package var nextDeadline: Instant? {
        lastPromise.map { $0.at + $0.interval * 5 / 2 }
    }

    /// A promise that comes too late is none: the addresses go first.
    package mutating func handle(_ event: Event, at now: Instant) -> Verdict {
        let isOverdue = nextDeadline.map { $0 <= now } ?? false
        switch event {
        case .released:
            lastPromise = nil
            return .keep
        case .promise(let interval):
            lastPromise = (now, interval)
        case .deadline:
            if isOverdue { lastPromise = nil }
        case .hungUp:
            let held = lastPromise != nil
            lastPromise = nil
            return held ? .remove : .keep
        }
        return isOverdue ? .remove : .keep
    }
}
