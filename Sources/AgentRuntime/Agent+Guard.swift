import KeepalivedSyntax
import LinuxIO
import Logging
import Netlink
import Primitives
import VRRP

/// Where the lifetime of addresses, which the kernel counts in whole seconds, would outlast a peer's patience, a process
/// of its own takes them away when this one has been silent for too long (`RouterSettings.needsGuard`).
extension Agent {
    /// Before the loop's own, so that a loop that spins does not keep it from its work.
    private static let guardPriority = AgentProgram.realTimePriority + 1

    /// Starts the guard if a router needs one. It is forked, so this may take some milliseconds.
    func openGuard() throws(SystemCallError) {
        guard addressGuard == nil, configuration.routers.contains(where: \.needsGuard) else {
            return
        }
        let started = try AddressGuard(realTimePriority: Self.guardPriority)
        try poller.add(started.channel.rawValue, token: Token.addressGuard)
        log.info(
            """
            the address guard watches (pid \(started.pid)): addresses go before a peer stops waiting for \
            advertisements
            """
        )
        addressGuard = consume started
    }

    /// Prepares the guard for what a router holds or is about to. False: nobody would take it away in time.
    func prepareGuard(_ index: Int) -> Bool {
        let settings = routers[index].settings
        guard settings.needsGuard else {
            releaseWard(index)
            return true
        }
        do throws(SystemCallError) {
            try openGuard()
            return try watchPlaces(index) && promise(index)
        } catch {
            line(.error, "(\(settings.name)) \(error)", of: settings.name)
            return false
        }
    }

    /// Tells the guard of every place where an address of the router is or is about to be, if there are others than
    /// before: an interface that was made anew has another number. False: it has acted.
    private func watchPlaces(_ index: Int) throws(SystemCallError) -> Bool {
        let settings = routers[index].settings
        var places: [InterfaceAddress.Key: InterfaceAddress] = [:]
        for place in routers[index].placements.all { places[place.key] = place }
        for address in settings.heldAddresses {
            guard let place = address.onInterface(of: settings, in: view) else { continue }
            places[place.key] = place
        }
        let former = routers[index].ward
        guard former == nil || routers[index].warded != Set(places.keys) else { return true }
        guard promise(index) else { return false }
        routers[index].ward = try addressGuard?.ward(Array(places.values))
        routers[index].warded = Set(places.keys)
        // Not before the new one watches.
        guard promise(index), let former else { return true }
        return addressGuard?.release(former) ?? false
    }

    /// The addresses may stay until the next advertisement is overdue. False: they are gone already, because
    /// this loop stood still.
    func promise(_ index: Int) -> Bool {
        guard let ward = routers[index].ward, let spoken = routers[index].advertisedAt else {
            return true
        }
        return addressGuard?.arm(ward, until: spoken + routers[index].settings.guardPatience)
            ?? false
    }

    /// Once every address is known to be gone, nothing is left to watch; until then the guard takes them away.
    func dismissGuardOfNothing(_ index: Int) {
        guard routers[index].placements.isEmpty, routers[index].unreleased.isEmpty,
            let ward = routers[index].ward
        else { return }
        addressGuard?.disarm(ward)
    }

    func releaseWard(_ index: Int) {
        guard let ward = routers[index].ward else { return }
        addressGuard?.release(ward)
        routers[index].ward = nil
    }

    /// A router that the configuration no longer has.
    func retire(_ index: Int) {
        if !routers[index].unreleased.isEmpty { releaseAgain(index) }
        // What could not be released is left to the guard.
        if routers[index].placements.isEmpty { releaseWard(index) }
    }

    func readGuard() {
        do throws(SystemCallError) {
            while let received = try addressGuard?.receive() {
                switch received {
                case .nothing: return
                case .report(let report):
                    let index = routers.firstIndex { $0.ward.map(report.concerns) ?? false }
                    let router = index.map { routers[$0] }
                    let name = router?.settings.name ?? "a router that is gone"
                    let reason =
                        router?.unreleased.isEmpty ?? true
                        ? "no advertisement was sent in time" : "they could not be released"
                    if let index { routers[index].guardFirings &+= 1 }
                    journal(
                        (
                            "the address guard fired", "take \(report.removed) addresses away",
                            reason
                        ),
                        of: name
                    )
                    line(
                        .warning,
                        "(\(name)) the address guard took \(report.removed) addresses away: \(reason)",
                        of: router?.settings.name
                    )
                case .ended:
                    guardEnded()
                    return
                }
            }
        } catch {
            log.error("\(error)")
            guardEnded()
        }
    }

    /// What is held is put under a new guard at once.
    private func guardEnded() {
        log.error("the address guard has ended: starting another one")
        if let raw = addressGuard?.channel.rawValue { try? poller.remove(raw) }
        addressGuard = nil
        for index in routers.indices {
            routers[index].ward = nil
            guard routers[index].settings.needsGuard, routers[index].machine.holdsAddresses,
                !prepareGuard(index)
            else { continue }
            for event in declare(.cannotClaim, index) { handle(event, index) }
        }
    }
}
