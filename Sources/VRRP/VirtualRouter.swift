package import Primitives

/// One virtual router: RFC 9568 §6.4, which for version 2 is RFC 3768 §6.4, with keepalived's FAULT and with
/// what keeps an address off two nodes.
///
/// It decides; it sends nothing, sets no address and reads no clock. Nor does it check packets: that is
/// `PacketGate`'s work.
///
/// | state | event | effects, in order | next |
/// |---|---|---|---|
/// | initialize | start, nothing wrong | release (what an earlier life left) | backup; active if 255 |
/// | initialize | start, what was left is fresh | advertise; `claimPause` later claim | active |
/// | initialize | last fault cleared, last script reported | – | backup; active if 255 |
/// | backup | master-down timer | advertise; `claimPause` later claim, announce | active |
/// | backup | advertisement that counts | – | backup, timer set anew |
/// | backup | lower priority, in the last interval before the timer | advertise, then as above | active |
/// | backup | priority 0 | – | backup, timer set to the skew time |
/// | active | higher priority, or as high from a higher address | release | backup |
/// | active | lower priority | advertise, announce | active |
/// | active | lower priority, again | as above, and advertise to it alone | active |
/// | active | priority 0 | advertise | active |
/// | active | someone else answers for an address | announce | active |
/// | active | step down | release, advertise 0 | backup, perhaps held |
/// | active, before the claim | advertisement not taken | advertise a quarter of an interval later, then claim | active |
/// | active | any, after `silenceLimit`, or the shell was as late | release | backup |
/// | active | gateway silent, nobody heard | release, advertise 0 | backup, withheld |
/// | active | fault | release, advertise 0 if anyone can hear it | initialize |
/// | any | shutdown | as MASTER: release, advertise 0 | initialize |
///
/// **Speak, then claim.** A router that becomes MASTER advertises at once and claims the addresses
/// `claimPause` later. The RFC's order (advertisement, then gratuitous ARP) stays; the pause lets a MASTER
/// that is preempted, or a peer whose timer fired in the same instant, hear and let go first, so that a
/// healthy LAN never sees the address twice.
package struct VirtualRouter: Equatable, Sendable {
    /// Far above a LAN's delay and a loaded peer's turn; small beside the 0.6 s of the fastest hand-over. Intervals
    /// that are shorter than that have a shorter one: `claimPause`.
    package static let claimDelay: Duration = .milliseconds(20)
    /// Answers to rivals are this far apart, whatever a rival sends.
    package static let answerSpacing: Duration = .milliseconds(5)
    /// Announcements that answer something from outside are this far apart.
    package static let announcementSpacing: Duration = .seconds(1)
    /// RFC 5227 §2.4, `DEFEND_INTERVAL`: announcements against someone who answers for an address of ours are
    /// so far apart, so that two who both insist do not fill the LAN.
    package static let defenceSpacing: Duration = .seconds(10)
    /// Rivals that are told by unicast at most, and hardware addresses that are named in the log.
    package static let deafLimit = 4
    package static let sightingLimit = 8
    /// Senders of advertisements that the log is told of, and how long each keeps its place among them.
    package static let notedLimit = 8
    package static let notingSpacing: Duration = .seconds(60)
    /// The longest time between two renewals, for intervals that are longer than a lifetime.
    package static let longestRenewal: Duration = .seconds(1)

    package internal(set) var settings: RouterSettings
    package internal(set) var counters = RouterCounters()
    /// When the visible state last changed.
    package internal(set) var since: Instant = .zero
    /// The primary address of the interface, which breaks ties.
    package internal(set) var source: IPAddress?
    package internal(set) var standing: Standing = .full
    /// The MASTER that was heard last, whoever is it now.
    package internal(set) var heard: HeardMaster?

    var state: State = .initialize(started: false)
    /// `vrrp_startup_delay`: nothing begins before.
    var startsAt: Instant?
    /// What an earlier life left, while it may be adopted.
    var remnant: Remnant?
    var witness: Witness = .unknown
    /// Version 3: the MASTER's interval (RFC 9568 §6.1 Active_Adver_Interval).
    var learnedInterval: Duration?
    /// What the shell says is wrong; failed checks of weight 0 are not in here.
    var reportedFaults: Set<FaultCause> = []
    var outcomes: [Track.Subject: TrackOutcome] = [:]
    /// The lists of addresses that the log was told of.
    var notedLists = NotedSenders<[IPAddress]>()

    package init(settings: RouterSettings) {
        self.settings = settings
    }

    /// Handles one event at `now`, which must not go back. Times are the shell's: an event that comes late
    /// is handled as late as it came.
    package mutating func handle(_ event: RouterEvent, at now: Instant) -> [RouterEffect] {
        guard case .reconfigured(let new) = event, case .active = state else {
            return deposeIfStalled(at: now) + respond(to: event, at: now)
        }
        let gone = settings.heldAddresses.filter { !new.heldAddresses.contains($0) }
        let effects = deposeIfStalled(at: now) + respond(to: event, at: now)
        if case .active = state { return effects }
        // `.releaseAddresses` is about the new list.
        return gone.map { .releaseAddress($0) } + effects
    }

    private mutating func respond(to event: RouterEvent, at now: Instant) -> [RouterEffect] {
        switch (state, event) {
        // RFC 3768 §6.4.1: Startup.
        case (.initialize, .start(let source, let faults, let remnant)):
            return start(source: source, faults: faults, remnant: remnant, at: now)
        // A shell that starts a router again tells news of its interface.
        case (.backup, .start(let source, let faults, _)),
            (.active, .start(let source, let faults, _)):
            return reconsider(at: now) { router in
                router.reportedFaults = faults
                router.source = source
            }

        // RFC 3768 §6.4.2, §6.4.3: Master_Down_Timer and Adver_Timer.
        case (.initialize(started: false), .deadline): return []
        // The end of vrrp_startup_delay, or of a remnant's time.
        case (.initialize(started: true), .deadline): return reconsider(at: now) { _ in }
        case (.backup(let backup), .deadline): return timerFired(backup, at: now)
        case (.active(let active), .deadline): return timersFired(active, at: now)

        // RFC 3768 §6.4.1: a router in Initialize hears nothing.
        case (.initialize, .received(let advertisement, let sender)):
            return hearInInitialize(advertisement, from: sender)
        case (.backup(let backup), .received(let advertisement, let sender)):
            return hear(advertisement, from: sender, as: backup, at: now)
        case (.active(let active), .received(let advertisement, let sender)):
            return hear(advertisement, from: sender, as: active, at: now)

        // keepalived's FAULT: entered with the first cause, left with the last.
        case (_, .fault(let cause)):
            return reconsider(at: now) { $0.reportedFaults.insert(cause) }
        case (_, .faultCleared(let cause)):
            return reconsider(at: now) { $0.reportedFaults.remove(cause) }
        case (_, .sourceChanged(let source)):
            return reconsider(at: now) { router in
                router.source = source
                if source != nil { router.reportedFaults.remove(.noSourceAddress) }
            }

        // keepalived.conf(5), track_script; standing is ours.
        case (_, .standing(let standing)):
            return reconsider(at: now) { $0.standing = standing }
        case (_, .check(let subject, let succeeded)):
            return reconsider(at: now) { router in
                guard router.settings.tracks.contains(where: { $0.subject == subject }) else {
                    return
                }
                router.outcomes[subject] = succeeded ? .succeeded : .failed
            }
        case (_, .reading(let subject, let value)):
            return reconsider(at: now) { router in
                guard router.settings.tracks.contains(where: { $0.subject == subject }) else {
                    return
                }
                router.outcomes[subject] = .value(value)
            }

        case (_, .gatewayAnswered): return hearGateway(at: now)
        case (_, .gatewaySilent): return missGateway(at: now)

        // keepalived.conf(5), vrrp_sync_group.
        case (.initialize, .groupElected), (.active, .groupElected): return []
        case (.backup(let backup), .groupElected): return followElection(backup, at: now)
        case (.initialize, .groupYields), (.backup, .groupYields): return []
        case (.active, .groupYields): return followYield(at: now)

        case (.initialize, .stepDown): return []
        case (.backup(let backup), .stepDown(_, let hold)):
            return holdBack(backup, hold: hold, at: now)
        case (.active, .stepDown(let reason, let hold)):
            return stepDown(reason, hold: hold, at: now)

        // Who is not MASTER has no address to lose.
        case (.initialize, .addressesLost), (.backup, .addressesLost): return []
        case (.active(let active), .addressesLost(let addresses)):
            return restore(addresses, active, at: now)

        // RFC 5227 §2.4: a BACKUP's addresses are the MASTER's, which answers for them.
        case (.initialize, .addressSighted), (.backup, .addressSighted): return []
        case (.active(let active), .addressSighted(let address, let hardware)):
            return defend(address, against: hardware, active, at: now)

        // A BACKUP's last word, or priority 0, is not said again.
        case (.initialize, .unsaid), (.backup, .unsaid): return []
        case (.active(let active), .unsaid): return postpone(active, at: now)
        case (.initialize, .overdue), (.backup, .overdue): return []
        case (.active, .overdue(let silence)): return depose(after: silence, at: now)

        case (_, .reconfigured(let settings)): return reconfigure(settings, at: now)

        // RFC 3768 §6.4.2, §6.4.3: Shutdown.
        case (.initialize, .shutdown), (.backup, .shutdown):
            return giveUpRemnant()
                + move(to: .initialize(started: false), because: .shutdown, at: now)
        case (.active, .shutdown):
            return [.releaseAddresses] + send(priority: 0)
                + move(to: .initialize(started: false), because: .shutdown, at: now)
        }
    }

    /// When the shell has to call with `.deadline`; nil: only something from outside changes anything.
    package var nextDeadline: Instant? {
        switch state {
        case .initialize(started: false): nil
        case .initialize(started: true):
            [remnant.map(adoptUntil), startsAt].compactMap(\.self).min()
        case .backup(let backup): backup.holdUntil ?? backup.activeDownAt
        case .active(let active): active.nextDeadline
        }
    }

    /// False where what is due at `now` is only a MASTER's claim, renewal or announcement: these take longer than a word
    /// and may wait for those of other routers.
    package func owesWord(at now: Instant) -> Bool {
        guard case .active(let active) = state else { return true }
        return active.advertiseAt <= now || isDue(active.isolatedAt, at: now)
    }

    package var visibleState: VisibleState {
        switch state {
        case .initialize(let started): started && !faults.isEmpty ? .fault : .initialize
        case .backup: .backup
        case .active: .active
        }
    }

    /// True from the claim of the addresses until their release.
    package var holdsAddresses: Bool {
        switch state {
        case .initialize, .backup: false
        case .active(let active): active.hasClaimed
        }
    }

    /// The priority that counts at present, with the sum that it comes from.
    package var priority: EffectivePriority {
        EffectivePriority(
            base: settings.basePriority,
            standing: standing,
            tracks: settings.tracks,
            outcomes: outcomes
        )
    }

    package var effectivePriority: UInt8 { priority.value }
}
