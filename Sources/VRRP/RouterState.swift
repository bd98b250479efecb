package import Primitives

/// A MASTER other than this node, as it was last heard.
package struct HeardMaster: Equatable, Sendable {
    package var address: IPAddress
    package var priority: UInt8
    package var at: Instant
}

/// What a router has done and met since it was made (RFC 2787 `vrrpRouterStatistics`, and our own).
package struct RouterCounters: Equatable, Sendable {
    package var becameActive: UInt64 = 0
    package var advertisementsSent: UInt64 = 0
    package var advertisementsReceived: UInt64 = 0
    package var priorityZeroSent: UInt64 = 0
    package var priorityZeroReceived: UInt64 = 0
    /// Advertisements whose list of addresses is not ours; they were honoured.
    package var addressListMismatches: UInt64 = 0
    package var addressesRestored: UInt64 = 0
    /// How often the stall guard took the addresses away.
    package var stalls: UInt64 = 0

    package init() {}
}

extension VirtualRouter {
    /// RFC 3768 §6.4: the three states, each with what only it needs.
    enum State: Equatable, Sendable {
        /// Not started yet, shut down, faulted, or waiting for the first report of its checks.
        case initialize(started: Bool)
        case backup(Backup)
        case active(Active)
    }

    struct NotedList: Equatable, Sendable {
        var addresses: [IPAddress]
        var sender: IPAddress
    }

    struct Backup: Equatable, Sendable {
        /// When the Master_Down_Timer fires.
        var activeDownAt: Instant
        /// Set after a step-down: until then, or until a MASTER is heard, this router wants nothing.
        var holdUntil: Instant?
        /// Who gave up with priority 0 since the last advertisement that counted.
        var released: IPAddress?
        /// From then on, the next advertisement of a MASTER of lower priority is the moment to preempt it.
        var preemptFrom: Instant
        /// The MASTER of lower priority whose advertisements no longer count.
        var preempting: HeardMaster?
        /// When the preemption delay ends, once a MASTER of lower priority was heard.
        var delayedUntil: Instant?
        /// The MASTER that the log was told of in this state.
        var notedMaster: HeardMaster?
    }

    struct Active: Equatable, Sendable {
        var advertisedAt: Instant
        var advertiseAt: Instant
        /// Set until the addresses are claimed.
        var claimAt: Instant?
        var renewedAt: Instant
        /// Nil before the claim, and for addresses without a lifetime.
        var renewAt: Instant?
        var announcedAt: Instant
        /// The second burst, or the answer to a rival.
        var announceAt: Instant?
        var refreshAt: Instant?
        var notedRival: IPAddress?

        var hasClaimed: Bool { claimAt == nil }

        var nextDeadline: Instant {
            [claimAt, renewAt, announceAt, refreshAt].compactMap(\.self)
                .reduce(advertiseAt, min)
        }
    }
}
