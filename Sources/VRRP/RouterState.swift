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
    /// How often the addresses of an earlier life were adopted.
    package var adoptions: UInt64 = 0
    /// How often it let go, or claimed nothing, because the gateway was silent and nobody was heard.
    package var isolations: UInt64 = 0
    /// Advertisements sent to one rival alone.
    package var directAdvertisements: UInt64 = 0
    /// How often someone else answered for an address of ours while we were MASTER.
    package var rivalSightings: UInt64 = 0

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

    /// Announcements that are to come.
    struct Burst: Equatable, Sendable {
        var at: Instant
        var count: Int
    }

    /// A MASTER of lower priority that is heard while we are MASTER.
    struct Rival: Equatable, Sendable {
        var address: IPAddress
        var since: Instant
        var heardAt: Instant
    }

    /// A rival that was heard to advertise on though it must have heard us.
    struct DeafRival: Equatable, Sendable {
        var address: IPAddress
        /// When it was last told by unicast.
        var toldAt: Instant
    }

    /// What the gateway says about whether we are alone.
    enum Witness: Equatable, Sendable {
        /// Nothing yet.
        case unknown
        case answers
        case silent(since: Instant)
        /// It is silent, but a peer was heard meanwhile.
        case discredited
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
        /// That MASTER's own interval, by which it renews its addresses.
        var preemptingInterval: Duration = .zero
        /// When the preemption delay ends, once a MASTER of lower priority was heard.
        var delayedUntil: Instant?
        /// The MASTERs that the log was told of in this state, with their priority.
        var notedMasters = NotedSenders<UInt8>()
        /// Those of lower priority that the log was told of as such.
        var notedLower = NotedSenders<UInt8>()
        /// The timer was read late once, and one more advertisement was waited for.
        var hasWaitedOnceMore = false
        /// The timer has fired, and the silent gateway kept this router from claiming.
        var isWithheld = false
        /// A member of a sync group that has reason to be MASTER.
        var wantsActive: RouterTransition.Reason?
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
        /// An answer to something from outside that came too soon after the last one.
        var announceAt: Instant?
        var secondBurst: Burst?
        var refreshAt: Instant?
        /// The MASTERs of lower priority that were heard, `notedLimit` at most.
        var rivals: [Rival] = []
        /// Those that are told by unicast for as long as this node is MASTER, `deafLimit` at most.
        var deaf: [DeafRival] = []
        /// Hardware addresses that the log was told of.
        var sighted: [[UInt8]] = []
        /// When an address was last announced, or will be, against someone else who answers for it.
        var defendedAt: Instant?
        /// When the node lets go, for the gateway is silent and nobody is heard.
        var isolatedAt: Instant?

        var hasClaimed: Bool { claimAt == nil }

        /// All but the next advertisement.
        mutating func postponeWhatIsDue(at now: Instant, until later: Instant) {
            func postponed(_ deadline: Instant?) -> Instant? {
                deadline.map { $0 <= now ? later : $0 }
            }
            claimAt = postponed(claimAt)
            renewAt = postponed(renewAt)
            announceAt = postponed(announceAt)
            refreshAt = postponed(refreshAt)
            if let burst = secondBurst, burst.at <= now { secondBurst?.at = later }
        }

        var nextDeadline: Instant {
            var earliest = advertiseAt
            func consider(_ deadline: Instant?) {
                if let deadline, deadline < earliest { earliest = deadline }
            }
            consider(claimAt)
            consider(renewAt)
            consider(announceAt)
            consider(secondBurst?.at)
            consider(refreshAt)
            consider(isolatedAt)
            return earliest
        }
    }
}
