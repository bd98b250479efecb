import Glibc
import KeepalivedSyntax
import Links
import LinuxIO
import Logging
import Messages
import Netlink
import Primitives
import RawSockets
import VRRP

/// Events into the machines, their effects out into the world.
extension Agent {
    /// Hands one event to one router, does what it asks for, and lets its sync group follow.
    func handle(_ event: RouterEvent, _ index: Int) {
        react(to: event, index)
        settleGroup(of: index)
    }

    /// Hands one event to one router and does what it asks for.
    func react(to event: RouterEvent, _ index: Int) {
        defer { noteDeadline(of: index) }
        var pending = [event]
        // An effect that fails is an event again; a machine that can't be satisfied ends in FAULT.
        for _ in 0..<8 {
            guard !pending.isEmpty else { return }
            let now = Clock.now
            let effects = routers[index].decide(pending.removeFirst(), at: now)
            pending += interpret(effects, index, decidedAt: now)
        }
        guard pending.isEmpty else {
            let name = routers[index].settings.name
            line(.error, "(\(name)) its effects go on failing: \(pending)", of: name)
            return
        }
    }

    func handleAll(_ event: RouterEvent) {
        for index in routers.indices { handle(event, index) }
    }

    private func noteDeadline(of index: Int) {
        guard deadlines.indices.contains(index) else { return }
        deadlines[index] = routers[index].nextDeadline ?? .distantFuture
    }

    /// After the list of routers has changed: everything is looked at once.
    func indexRouters() {
        deadlines = Array(repeating: .zero, count: routers.count)
        places = [:]
        for index in routers.indices { places[RouterKey(routers[index].settings)] = index }
        gathering = routers.count < Self.manyRouters ? 0 : gatheringOfMany
    }

    private static let manyRouters = 16
    private static let longestGathering: UInt64 = 1_000_000

    /// A fiftieth of the shortest interval, which no peer notices.
    private var gatheringOfMany: UInt64 {
        let shortest = routers.map(\.settings.advertisementInterval).min() ?? .zero
        return min(UInt64(clamping: shortest.nanoseconds / 50), Self.longestGathering)
    }

    /// Whatever is due: first what all of them have to say, then claims, renewals and announcements, as many as leave
    /// every router its time. What is left is due in the next turn, behind the words that are due then.
    func serveRouters() {
        let begin = Clock.now
        var rest: [Int] = []
        for index in deadlines.indices where deadlines[index].nanoseconds <= begin.nanoseconds {
            guard routers[index].machine.owesWord(at: begin) else {
                rest.append(index)
                continue
            }
            serveWords(of: index)
            if deadlines[index].nanoseconds <= begin.nanoseconds { rest.append(index) }
        }
        let end = Clock.now.advanced(byNanoseconds: timeForTheRest)
        for index in rest {
            serve(index)
            guard gathering == 0 || Clock.now < end else { return }
        }
    }

    /// A quarter of the shortest interval.
    private var timeForTheRest: UInt64 {
        let shortest = routers.map(\.settings.advertisementInterval).min() ?? .zero
        return UInt64(clamping: shortest.nanoseconds / 4)
    }

    private func serveWords(of index: Int) {
        defer { noteDeadline(of: index) }
        for _ in 0..<4 {
            let now = Clock.now
            guard let deadline = routers[index].machine.nextDeadline, deadline <= now,
                routers[index].machine.owesWord(at: now)
            else { return }
            handle(.deadline, index)
        }
    }

    /// What is due for one router.
    private func serve(_ index: Int) {
        defer { noteDeadline(of: index) }
        for _ in 0..<4 {
            guard let deadline = routers[index].machine.nextDeadline, deadline <= Clock.now else {
                break
            }
            handle(.deadline, index)
        }
        let now = Clock.now
        if !routers[index].unreleased.isEmpty, routers[index].releaseAgainAt <= now {
            releaseAgain(index)
        }
        if !routers[index].unclaimed.isEmpty, routers[index].claimAgainAt <= now {
            claimAgain(index)
        }
        for (cause, until) in routers[index].restingFaults where until <= now {
            routers[index].restingFaults[cause] = nil
            handle(.faultCleared(cause), index)
        }
    }

    /// Does what a machine asks for, in its order, and returns what came of it.
    private func interpret(
        _ effects: [RouterEffect],
        _ index: Int,
        decidedAt: Instant
    ) -> [RouterEvent] {
        var consequences: [RouterEvent] = []
        for (place, effect) in effects.enumerated() {
            if let silence = routers[index].silence(before: effect, at: Clock.now) {
                return consequences
                    + giveUp(effects[place...], after: silence, index, decidedAt: decidedAt)
            }
            switch effect {
            case .claimAddresses:
                releaseWard(index)
                routers[index].abandoned = []
                promoteSecondaries(for: routers[index].settings, beside: ownNetworks)
                consequences += put(routers[index].settings.heldAddresses, index)
            case .renewAddresses:
                // Renewing nothing but what has a lifetime; the check is the same as for a claim.
                consequences += put(routers[index].settings.heldAddresses, index)
            case .restoreAddresses(let addresses): consequences += put(addresses, index)
            case .releaseAddresses:
                release(
                    routers[index].settings.heldAddresses,
                    haste: ReleaseHaste(of: effects),
                    index
                )
                removeVirtualInterface(index)
            case .releaseAddress(let address):
                release([address], haste: ReleaseHaste(of: effects), index)
            case .advertise(let priority):
                consequences += advertise(priority, index, decidedAt: decidedAt)
            case .advertiseDirectly(let priority, let address):
                advertise(priority, to: address, index)
            case .announceOwnership(let count):
                announce(routers[index].settings.heldAddresses, count: count, index)
            case .transition(let transition): tell(transition, index)
            case .note(let note): tell(note, index)
            }
        }
        return consequences
    }

    /// The loop stood still, or the kernel let it wait, in the midst of a turn: peers may have taken over, and what
    /// would be said and put now is what was true before. The addresses go first, then the news are told.
    private func giveUp(
        _ rest: ArraySlice<RouterEffect>,
        after silence: Duration,
        _ index: Int,
        decidedAt: Instant
    ) -> [RouterEvent] {
        let effects = routers[index].decide(.overdue(silence), at: Clock.now)
        return interpret(
            // What leaves the configuration is in none of the router's own effects any more.
            rest.filter(\.isRelease) + effects.filter(\.isDeed) + rest.filter { !$0.isDeed }
                + effects.filter { !$0.isDeed },
            index,
            decidedAt: decidedAt
        )
    }

    // MARK: Addresses

    /// Puts or renews addresses, unless too much time has passed for it by the clock as it is now.
    private func put(_ addresses: [VirtualAddress], _ index: Int) -> [RouterEvent] {
        guard routers[index].mayHoldAddresses(at: Clock.now) else { return notHeard(index) }
        let settings = routers[index].settings
        routers[index].unreleased.removeAll { addresses.contains($0) }
        guard prepareGuard(index) else { return declare(.cannotClaim, index) }
        let abandoned = routers[index].abandoned
        let wanted =
            abandoned.isEmpty ? addresses : addresses.filter { !abandoned.contains($0) }
        let failures = keeper.put(
            wanted,
            of: settings,
            in: view,
            noting: &routers[index].placements
        )
        keeper.removeStrays(from: &routers[index].placements)
        // Stopped in between, or waiting for the kernel, this loop put them when someone else had them already.
        guard routers[index].mayHoldAddresses(at: Clock.now) else {
            release(settings.heldAddresses, haste: .overdue, index)
            return notHeard(index)
        }
        // The same with the guard, which may have looked before.
        guard promise(index) else {
            release(settings.heldAddresses, haste: .overdue, index)
            return declare(.cannotClaim, index)
        }
        let now = Clock.now
        let wasWhole = routers[index].unclaimed.isEmpty
        let fresh = routers[index].note(
            put: addresses,
            refused: failures.map(\.address),
            at: now
        )
        for failure in failures where fresh.contains(failure.address) {
            line(.error, "(\(settings.name)) \(failure.error)", of: settings.name)
        }
        guard !routers[index].unclaimed.isEmpty else {
            if !wasWhole {
                line(.notice, "(\(settings.name)) all addresses are there now", of: settings.name)
            }
            routers[index].served(at: now)
            return []
        }
        return routers[index].lacksAddressTooLong(at: now) ? declare(.cannotClaim, index) : []
    }

    /// No peer has heard of this router for `silenceLimit`: its advertisements are refused, or its loop was late.
    private func notHeard(_ index: Int) -> [RouterEvent] {
        guard routers[index].sendFailure == nil else { return declare(.cannotAdvertise, index) }
        return [.overdue(routers[index].silence(at: Clock.now))]
    }

    /// `no_track`: somebody removed it, and may.
    func abandon(_ address: VirtualAddress, _ index: Int) {
        guard !routers[index].abandoned.contains(address) else { return }
        routers[index].abandoned.append(address)
        let name = routers[index].settings.name
        line(
            .notice,
            "(\(name)) \(address.prefix) was removed by somebody else; it is not tracked and stays away",
            of: name
        )
    }

    private func claimAgain(_ index: Int) {
        let refused = routers[index].unclaimed.map(\.address)
        guard routers[index].machine.holdsAddresses else {
            routers[index].unclaimed = []
            return
        }
        for event in put(refused, index) { handle(event, index) }
        guard routers[index].machine.holdsAddresses else { return }
        let left = Set(routers[index].unclaimed.map(\.address))
        let come = refused.filter { !left.contains($0) }
        guard !come.isEmpty else { return }
        announce(come, count: routers[index].settings.announcementsPerBurst, index)
    }

    private func release(_ addresses: [VirtualAddress], haste: ReleaseHaste, _ index: Int) {
        let settings = routers[index].settings
        let released = Set(addresses)
        routers[index].unclaimed.removeAll { released.contains($0.address) }
        resetConnections(on: addresses, of: settings, within: haste.resets(before: settings))
        let (removed, failures) = keeper.remove(
            addresses,
            of: settings,
            in: view,
            from: &routers[index].placements
        )
        // Those that were left or came in between: no reset reaches their other end, but nothing waits for it here.
        resetConnections(on: removed, of: settings, within: ReleaseHaste.resetsOfOneRelease)
        for failure in failures {
            line(.error, "(\(settings.name)) \(failure.error)", of: settings.name)
        }
        let failed = Set(failures.map(\.address))
        routers[index].unreleased.removeAll { released.contains($0) }
        routers[index].unreleased += addresses.filter(failed.contains)
        routers[index].releaseAgainAt = Clock.now + RouterShell.retryInterval
        dismissGuardOfNothing(index)
        if !removed.isEmpty {
            let list = removed.map(\.prefix.description).joined(separator: ", ")
            line(.info, "(\(settings.name)) released \(list)", of: settings.name)
        }
    }

    func releaseAgain(_ index: Int) {
        let settings = routers[index].settings
        let failures = keeper.remove(
            routers[index].unreleased,
            of: settings,
            in: view,
            from: &routers[index].placements
        ).failures
        let failed = Set(failures.map(\.address))
        routers[index].unreleased.removeAll { !failed.contains($0) }
        routers[index].releaseAgainAt = Clock.now + RouterShell.retryInterval
        dismissGuardOfNothing(index)
    }

    // MARK: Advertisements

    private func advertise(
        _ priority: UInt8,
        _ index: Int,
        decidedAt: Instant
    ) -> [RouterEvent] {
        let settings = routers[index].settings
        if routers[index].machine.visibleState == .active, !raiseVirtualInterface(index) {
            return declare(.cannotClaim, index)
        }
        do throws(SystemCallError) {
            guard let port = sendingPort(of: settings) else {
                throw SystemCallError("send advertisement", on: settings.interface, errno: ENODEV)
            }
            try port.send(priority, of: settings, from: routers[index].facts.source)
            // When it was decided, so that a loop that stops in between is not taken to be on time.
            routers[index].advertisedAt = decidedAt
            if routers[index].sendFailure != nil {
                line(.notice, "(\(settings.name)) advertisements are sent again", of: settings.name)
                routers[index].sendFailure = nil
            }
            guard routers[index].machine.holdsAddresses, !promise(index) else { return [] }
            return declare(.cannotClaim, index)
        } catch {
            routers[index].unsent &+= 1
            if routers[index].sendFailure == nil {
                tellUnsent(error, index)
                routers[index].sendFailure = error
            }
            return routers[index].isLost(at: Clock.now)
                ? declare(.cannotAdvertise, index) : [.unsaid]
        }
    }

    /// Beside the advertisements to all; whether it gets through decides nothing.
    private func advertise(_ priority: UInt8, to address: IPAddress, _ index: Int) {
        let settings = routers[index].settings
        do throws(SystemCallError) {
            try sendingPort(of: settings)?.send(
                priority,
                of: settings,
                from: routers[index].facts.source,
                to: address
            )
        } catch {
            line(.debug, "(\(settings.name)) \(error)")
        }
    }

    /// A fault that this shell found, and takes back after a rest.
    func declare(_ cause: FaultCause, _ index: Int) -> [RouterEvent] {
        guard routers[index].declare(cause, at: Clock.now) else { return [] }
        if cause == .cannotAdvertise, routers[index].sendFailure?.errno == EPERM {
            journal(
                ("no advertisement leaves", "give the addresses up", Self.refusedByFirewall),
                of: routers[index].settings.name
            )
        }
        return [.fault(cause)]
    }

    // MARK: News

    private func tell(_ transition: RouterTransition, _ index: Int) {
        let settings = routers[index].settings
        routers[index].since = Clock.wall
        line(
            transition.to == .fault ? .error : .notice,
            transition.line(of: settings.name),
            of: settings.name,
            transition.messageID,
            state: transition.to
        )
        supervisor.send(
            .transition(
                RouterChange(
                    router: settings.name,
                    from: transition.from,
                    to: transition.to,
                    reason: transition.reason.sentence
                )
            ),
            incident: incident,
            poller
        )
        report(index)
        tellUnheard(transition, index)
        announceSource(after: transition, index)
        runNotifications(for: transition, index)
        statusChanged()
    }

    /// Who goes on deleting an address must not push everything else out of the journal; it is counted as well.
    private func isWorthAnEntry(_ note: RouterNote, _ index: Int) -> Bool {
        guard case .addressRestored = note else { return true }
        let now = Clock.now
        if let told = routers[index].restorationToldAt, now < told + VirtualRouter.notingSpacing {
            return false
        }
        routers[index].restorationToldAt = now
        return true
    }

    private func tell(_ note: RouterNote, _ index: Int) {
        let settings = routers[index].settings
        let isWarning =
            switch note {
            case .rivalHeard, .addressRestored, .addressListDiffers, .timerLate, .withheld,
                .witnessDiscredited, .rivalDeaf, .addressAnswered:
                true
            case .lowerPriorityHeard, .priorityChanged, .masterHeard: false
            }
        line(
            isWarning ? .warning : .info,
            note.line(of: settings.name),
            of: settings.name,
            note.messageID
        )
        switch note {
        case .masterHeard(let priority, let address), .rivalHeard(let priority, let address):
            supervisor.send(
                .peerHeard(router: settings.name, address: address, priority: priority),
                incident: incident,
                poller
            )
        case .lowerPriorityHeard, .priorityChanged, .addressRestored, .addressListDiffers,
            .timerLate, .withheld, .witnessDiscredited, .rivalDeaf, .addressAnswered:
            break
        }
        if let entry = note.journalEntry, isWorthAnEntry(note, index) {
            journal(entry, of: settings.name)
        }
        // Of which there may be hundreds at once; no report says them.
        if case .addressRestored = note { return }
        switch note {
        case .rivalHeard: notifyOfRival(index)
        case .priorityChanged: notifyOfPriority(index)
        case .lowerPriorityHeard, .masterHeard, .addressRestored, .addressListDiffers, .timerLate,
            .withheld, .witnessDiscredited, .rivalDeaf, .addressAnswered:
            break
        }
        report(index)
    }
}
