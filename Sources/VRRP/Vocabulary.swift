package import Primitives

/// What the supervisor lends this node: how much it may want the addresses.
package enum Standing: UInt8, Sendable {
    /// Base priority and weights count.
    case full = 1
    /// Priority 1: take the addresses only when nobody else does.
    case lastResort = 2
}

/// Why a router that could be MASTER lets go.
package enum StepDownReason: UInt8, Sendable, CaseIterable {
    case proxyHung = 1
    case proxyNotRestarted = 2
    case proxyFatal = 3
    case proxyStopped = 4
    case noServers = 5
    case operatorRequest = 6
    case shutdown = 7
}

/// Why a router can't take part: keepalived's FAULT.
package enum FaultCause: Hashable, Sendable {
    case interfaceMissing
    case interfaceDown
    /// The interface has no address to send from.
    case noSourceAddress
    /// The kernel takes no advertisement of ours: a peer that hears none will take the addresses.
    case cannotAdvertise
    /// The kernel does not let us have an address.
    case cannotClaim
    /// Another member of its sync group is in FAULT.
    case syncGroup
    /// A tracked script or interface of weight 0 has failed.
    case tracked(Track.Subject)
}

/// The router's state as people know it from keepalived.
package enum VisibleState: UInt8, Sendable {
    case initialize = 0
    case backup = 1
    case active = 2
    case fault = 3

    /// `INIT`, `BACKUP`, `MASTER`, `FAULT`.
    package var name: String {
        switch self {
        case .initialize: "INIT"
        case .backup: "BACKUP"
        case .active: "MASTER"
        case .fault: "FAULT"
        }
    }
}

/// What happens to a virtual router.
package enum RouterEvent: Equatable, Sendable {
    /// The shell knows the interface; `source` is its primary address, `faults` what is known to be wrong,
    /// `remnant` what an earlier life of this agent left there.
    case start(source: IPAddress?, faults: Set<FaultCause>, remnant: Remnant? = nil)
    /// `nextDeadline` has come.
    case deadline
    /// A valid advertisement for this VRID on this interface.
    case received(Advertisement, from: IPAddress)
    case fault(FaultCause)
    case faultCleared(FaultCause)
    /// The interface's primary address, which breaks ties; nil when it has none (which is a fault).
    case sourceChanged(IPAddress?)
    case standing(Standing)
    /// The outcome of a tracked check, after rise and fall.
    case check(Track.Subject, succeeded: Bool)
    /// The number in a tracked file (`track_file`); an unreadable file is 0, as keepalived has it.
    case reading(Track.Subject, value: Int)
    /// Let go now. `hold`: stay BACKUP until a peer was MASTER, or for this long.
    case stepDown(StepDownReason, hold: Duration?)
    /// Someone else deleted these addresses of ours while we are MASTER.
    case addressesLost([VirtualAddress])
    /// Someone else on the link says by ARP or neighbour advertisement that it has an address of ours; its
    /// hardware address, which is none of this node's.
    case addressSighted(IPAddress, at: [UInt8])
    /// The gateway of `track_gateway` answers, or there is none to be asked.
    case gatewayAnswered
    /// The gateway has left several requests in a row without an answer.
    case gatewaySilent
    /// `GroupElection`: all members want to be MASTER.
    case groupElected
    /// `GroupElection`: another member is not MASTER and does not want to be.
    case groupYields
    /// The configuration was read anew; identity (VRID, interface) is the same.
    case reconfigured(RouterSettings)
    /// The kernel did not take the advertisement that was due.
    case unsaid
    /// The shell came too late to what was decided: nothing has been advertised for so long, and the rest was not
    /// done.
    case overdue(Duration)
    /// The process ends: a MASTER releases and says so.
    case shutdown
}

/// What the shell does for a virtual router, in the order given.
package enum RouterEffect: Equatable, Sendable {
    /// Put every address on its interface, with the settings' lifetime.
    case claimAddresses
    /// Renew the lifetime of every address.
    case renewAddresses
    case releaseAddresses
    /// Put back what someone deleted.
    case restoreAddresses([VirtualAddress])
    /// Remove one address that the new configuration no longer has.
    case releaseAddress(VirtualAddress)
    case advertise(priority: UInt8)
    /// One advertisement to this address alone, beside those that go to all: it seems not to hear them. Its
    /// TTL is 255.
    case advertiseDirectly(priority: UInt8, to: IPAddress)
    /// Gratuitous ARP or unsolicited neighbour advertisements, so many for every address (RFC 9568 §6.4.1).
    case announceOwnership(count: Int)
    case transition(RouterTransition)
    /// Worth a log line; changes nothing.
    case note(RouterNote)
}

/// What an earlier life of this agent left on the interface: every address, none of which has expired.
package struct Remnant: Equatable, Sendable {
    /// When the addresses' lifetime was last renewed, by the kernel's own stamp (`IFA_CACHEINFO`), of
    /// the oldest one if they differ.
    package var renewedAt: Instant

    package init(renewedAt: Instant) {
        self.renewedAt = renewedAt
    }
}

/// A change of the visible state and why.
package struct RouterTransition: Equatable, Sendable {
    package enum Reason: Equatable, Sendable {
        case started
        /// No advertisement for the master-down interval.
        case masterDown
        /// A MASTER of lower priority was heard, and its time is over.
        case preempted(UInt8, IPAddress)
        /// The MASTER gave up with priority 0.
        case masterReleased(IPAddress)
        /// Only the owner of the addresses (priority 255).
        case owner
        /// A MASTER of higher priority, or of the same and a higher address, was heard.
        case higherPriority(UInt8, IPAddress)
        case stepDown(StepDownReason)
        /// The loop did not run for two advertisements: someone else may own the addresses by now.
        case stalled(Duration)
        /// The addresses were still there from an earlier life that ended a moment ago.
        case adopted
        /// No peer was heard, and the gateway was silent for so long.
        case isolated(Duration)
        /// The sync group's other members decided.
        case syncGroup
        case fault(FaultCause)
        case faultsCleared
        case shutdown
    }

    package var from: VisibleState
    package var to: VisibleState
    package var reason: Reason

    package init(from: VisibleState, to: VisibleState, reason: Reason) {
        self.from = from
        self.to = to
        self.reason = reason
    }
}

package enum RouterNote: Equatable, Sendable {
    /// A MASTER of lower priority is heard while we are BACKUP and will preempt it.
    case lowerPriorityHeard(UInt8, IPAddress)
    /// Another MASTER is heard while we are MASTER and stay it.
    case rivalHeard(UInt8, IPAddress)
    case priorityChanged(from: UInt8, to: UInt8)
    case addressRestored(VirtualAddress)
    /// The peer's list of addresses differs from ours.
    case addressListDiffers([IPAddress], from: IPAddress)
    /// A peer was heard as MASTER for the first time in this state, or for the first time with more than
    /// the last resort's priority of 1.
    case masterHeard(UInt8, IPAddress)
    /// The loop did not run when the master-down timer was due: we could not have heard a MASTER, and
    /// wait one advertisement more.
    case timerLate(Duration)
    /// The gateway is silent and nobody is heard: this node may be cut off, and claims nothing.
    case withheld
    /// The gateway is silent, but this peer is heard: the silence is the gateway's, and no longer counts.
    case witnessDiscredited(IPAddress)
    /// A rival goes on advertising a lower priority than ours, so it does not hear us; it is now told by
    /// unicast as well.
    case rivalDeaf(IPAddress)
    /// While we are MASTER, this hardware address answers for an address of ours.
    case addressAnswered(IPAddress, by: [UInt8])
}
