import Primitives

/// Start, faults, and all else that decides whether the router takes part.
extension VirtualRouter {
    /// Everything that is wrong at present, in a fixed order.
    package var faults: [FaultCause] {
        var causes: [FaultCause] = []
        if reportedFaults.contains(.interfaceMissing) { causes.append(.interfaceMissing) }
        if settings.tracksOwnInterface, reportedFaults.contains(.interfaceDown) {
            causes.append(.interfaceDown)
        }
        if source == nil || reportedFaults.contains(.noSourceAddress) {
            causes.append(.noSourceAddress)
        }
        if reportedFaults.contains(.cannotAdvertise) { causes.append(.cannotAdvertise) }
        if reportedFaults.contains(.cannotClaim) { causes.append(.cannotClaim) }
        if reportedFaults.contains(.syncGroup) { causes.append(.syncGroup) }
        for track in settings.tracks {
            let cause = FaultCause.tracked(track.subject)
            let failed = track.isFault(
                outcomes[track.subject] ?? .unknown,
                ofOwner: settings.basePriority == EffectivePriority.owner
            )
            if failed || reportedFaults.contains(cause), !causes.contains(cause) {
                causes.append(cause)
            }
        }
        return causes
    }

    /// Scripts of weight 0 that have not reported yet. Until the last of them has, the router stays in
    /// Initialize, as keepalived does: a MASTER that nobody has looked at is no MASTER.
    package var awaitedChecks: [Track.Subject] {
        settings.tracks.filter { $0.holdsBack(outcomes[$0.subject] ?? .unknown) }.map(\.subject)
    }

    /// What a tracked check has said last.
    package func outcome(of subject: Track.Subject) -> TrackOutcome {
        outcomes[subject] ?? .unknown
    }

    /// RFC 3768 §6.4.1. The addresses are released first: what an earlier life of this node left behind
    /// must not stay on a BACKUP. What it left a moment ago may be kept.
    mutating func start(
        source: IPAddress?,
        faults: Set<FaultCause>,
        remnant: Remnant?,
        at now: Instant
    ) -> [RouterEffect] {
        self.source = source
        reportedFaults = faults
        since = now
        state = .initialize(started: true)
        startsAt = settings.startupDelay > .zero ? now + settings.startupDelay : nil
        if let remnant, isAdoptable(remnant, at: now) { self.remnant = remnant }
        let released: [RouterEffect] = self.remnant == nil ? [.releaseAddresses] : []
        return released + leaveInitialize(from: .initialize, at: now)
    }

    /// Applies a change and draws the consequences: a fault takes the router out, the last one cleared
    /// lets it back in, and a MASTER whose priority or address is another says so at once.
    mutating func reconsider(
        at now: Instant,
        after change: (inout VirtualRouter) -> Void
    ) -> [RouterEffect] {
        let before = self
        change(&self)
        var effects: [RouterEffect] = []
        if before.effectivePriority != effectivePriority, state != .initialize(started: false) {
            effects.append(
                .note(.priorityChanged(from: before.effectivePriority, to: effectivePriority))
            )
        }
        switch state {
        case .initialize(started: false): break
        case .initialize(started: true):
            effects += leaveInitialize(from: before.visibleState, at: now)
        case .backup:
            guard let cause = faults.first else { break }
            effects += move(to: .initialize(started: true), because: .fault(cause), at: now)
        case .active:
            if let cause = faults.first {
                effects += fail(cause, at: now)
            } else if before.effectivePriority != effectivePriority || before.source != source {
                effects += advertiseNow(at: now)
            }
        }
        return effects
    }

    /// To BACKUP with a full master-down interval, or to MASTER for the owner of the addresses (RFC 3768
    /// §6.4.1), unless something is wrong or checks are awaited.
    private mutating func leaveInitialize(
        from visible: VisibleState,
        at now: Instant
    ) -> [RouterEffect] {
        let released = reviewRemnant(at: now)
        learnedInterval = nil
        if let cause = faults.first {
            return released
                + move(
                    to: .initialize(started: true),
                    from: visible,
                    because: .fault(cause),
                    at: now
                )
        }
        let reason: RouterTransition.Reason = visible == .fault ? .faultsCleared : .started
        if !awaitedChecks.isEmpty {
            return released
                + move(to: .initialize(started: true), from: visible, because: reason, at: now)
        }
        if remnant != nil {
            remnant = nil
            startsAt = nil
            counters.adoptions &+= 1
            return becomeActive(from: visible, because: .adopted, at: now)
        }
        if let startsAt, now < startsAt {
            return released
                + move(to: .initialize(started: true), from: visible, because: reason, at: now)
        }
        startsAt = nil
        let isOwner = effectivePriority == EffectivePriority.owner
        if isOwner, !settings.isGrouped, witnessPermitsClaim {
            return released + becomeActive(from: visible, because: .owner, at: now)
        }
        var backup = freshBackup(at: now)
        if isOwner, settings.isGrouped { backup.wantsActive = .owner }
        return released + move(to: .backup(backup), from: visible, because: reason, at: now)
    }

    /// A MASTER is out. Priority 0 goes out where the interface may still carry it.
    private mutating func fail(_ cause: FaultCause, at now: Instant) -> [RouterEffect] {
        let canSpeak = faults.allSatisfy { fault in
            switch fault {
            case .interfaceMissing, .interfaceDown, .noSourceAddress, .cannotAdvertise: false
            case .cannotClaim, .tracked, .syncGroup: true
            }
        }
        return [.releaseAddresses] + (canSpeak ? send(priority: 0) : [])
            + move(to: .initialize(started: true), because: .fault(cause), at: now)
    }

    /// Enters a state; the change is worth an effect if people can see it. `visible` is what they saw
    /// before, where that is not this state's own.
    mutating func move(
        to next: State,
        from visible: VisibleState? = nil,
        because reason: RouterTransition.Reason,
        at now: Instant
    ) -> [RouterEffect] {
        let from = visible ?? visibleState
        state = next
        guard from != visibleState else { return [] }
        since = now
        return [.transition(RouterTransition(from: from, to: visibleState, reason: reason))]
    }
}
