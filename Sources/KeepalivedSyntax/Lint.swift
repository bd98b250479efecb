package import Primitives
import VRRP

/// Says in a sentence what would happen if a check failed, found by running both nodes in virtual time.
package enum KeepalivedLint {
    /// Findings for every virtual router of `configuration`, in its order.
    ///
    /// Without the other node's file a node above 100 is judged against a peer at 100, and a MASTER of less
    /// against one just below it; of any other, only what can be known is said. An error is a pair that would have two owners of the address.
    package static func findings(
        _ configuration: KeepalivedConfiguration,
        peer: KeepalivedConfiguration?
    ) -> [Diagnostic] {
        configuration.routers.flatMap { router in
            RouterLint(router: router, configuration: configuration, peer: peer).findings()
        } + blindChecks(configuration) + unmatched(configuration, peer: peer)
            + pace(configuration)
    }

    /// What one loop sends without being late, and claims as many addresses besides when it becomes MASTER of
    /// all at once (docs/testing.md, "Many routers").
    private static let advertisementsPerSecond = 13_000

    /// More routers at a shorter interval than one agent serves in time.
    private static func pace(_ configuration: KeepalivedConfiguration) -> [Diagnostic] {
        let second: Int64 = 1_000_000_000
        let wanted = configuration.routers.reduce(0.0) { sum, router in
            let interval = max(router.advertisementInterval.nanoseconds, 1)
            return sum + Double(second) / Double(interval) * Double(router.destinations.count)
        }
        guard wanted > Double(advertisementsPerSecond),
            let busiest = configuration.routers.min(by: {
                $0.advertisementInterval < $1.advertisementInterval
            })
        else { return [] }
        return [
            Diagnostic(
                .warning,
                at: configuration.routerLocations[busiest.name],
                "all routers together send \(Int(wanted)) advertisements a second: above "
                    + "\(advertisementsPerSecond) one that is late looks like a node that is gone, "
                    + "and a MASTER of all may not settle",
                mend: "raise advert_int, from \(busiest.advertisementInterval) in '\(busiest.name)'"
            )
        ]
    }

    /// Checks that a process passes which hangs.
    private static func blindChecks(_ configuration: KeepalivedConfiguration) -> [Diagnostic] {
        configuration.scripts.compactMap { script in
            guard !script.asksForProxyProcess,
                let name = ProxyLiveness.process(askedForBy: script.arguments)
            else { return nil }
            return Diagnostic(
                .warning,
                at: script.location,
                "'\(script.name)' only sees that a process named '\(name)' exists: one that hangs "
                    + "passes, and the VIP stays with it",
                mend: "run a program that asks '\(name)' for an answer"
            )
        }
    }

    /// Routers that only the other node has.
    private static func unmatched(
        _ configuration: KeepalivedConfiguration,
        peer: KeepalivedConfiguration?
    ) -> [Diagnostic] {
        (peer?.routers ?? []).compactMap { other in
            let isKnown = configuration.routers.contains { router in
                router.virtualRouterID == other.virtualRouterID && router.family == other.family
            }
            guard !isKnown else { return nil }
            return Diagnostic(
                .warning,
                at: peer?.routerLocations[other.name],
                "this node has no vrrp_instance with virtual_router_id "
                    + "\(other.virtualRouterID), so nothing takes over for '\(other.name)'",
                mend: "give both nodes the same virtual_router_id"
            )
        }
    }
}

private struct RouterLint {
    let router: RouterSettings
    let configuration: KeepalivedConfiguration
    let peer: KeepalivedConfiguration?

    private var location: SourceLocation? { configuration.routerLocations[router.name] }

    func findings() -> [Diagnostic] {
        guard let peer else { return findingsAlone() }
        let others = peer.routers.filter {
            $0.virtualRouterID == router.virtualRouterID && $0.family == router.family
        }
        // Of several with one VRID, the one with the same addresses.
        let nearest = others.filter { $0.interface == router.interface }
        let addresses = Set(router.advertisedAddresses)
        guard
            let other = nearest.first(where: { !addresses.isDisjoint(with: $0.advertisedAddresses) }
            )
                ?? nearest.first ?? others.first
        else {
            return [
                Diagnostic(
                    .warning,
                    at: location,
                    "the other node has no vrrp_instance with virtual_router_id "
                        + "\(router.virtualRouterID), so nothing takes over for '\(router.name)'",
                    mend: "give both nodes the same virtual_router_id"
                )
            ]
        }
        let pair = PairLint(router, other, location, configuration, peer)
        let splits = pair.splits()
        guard splits.isEmpty else { return splits }
        return pair.differences() + forecasts(against: other, isAssumed: false)
    }

    private func findingsAlone() -> [Diagnostic] {
        if router.basePriority > 100 || configuration.masters.contains(router.name) {
            return forecasts(against: PairForecast.assumedPeer(of: router), isAssumed: true)
        }
        guard !router.tracks.isEmpty else { return [untracked] }
        return [
            Diagnostic(
                .note,
                at: location,
                "what a failed check of '\(router.name)' does at priority \(router.basePriority) can't "
                    + "be known without the other node's file",
                mend: "check with '--peer FILE'"
            )
        ]
    }

    private var untracked: Diagnostic {
        Diagnostic(
            .note,
            at: location,
            "'\(router.name)' tracks no check; a proxy that hangs or can't be restarted makes this "
                + "node step down all the same"
        )
    }

    // MARK: The checks

    private func forecasts(against other: RouterSettings, isAssumed: Bool) -> [Diagnostic] {
        guard !router.tracks.isEmpty else { return [untracked] }
        return PairForecast.all(for: router, peer: other).map { forecast in
            finding(forecast, against: other, isAssumed: isAssumed)
        }
    }

    private func finding(
        _ forecast: PairForecast,
        against other: RouterSettings,
        isAssumed: Bool
    ) -> Diagnostic {
        let script = script(of: forecast.subject)
        var message = "'\(router.name)': \(forecast)"
        if isAssumed { message += " (a peer of priority \(other.basePriority) is assumed)" }
        if script?.asksForProxyProcess == true {
            message +=
                "; whatever the weight, a proxy that hangs or can't be restarted makes this node "
                + "step down"
        }
        let place = configuration.trackLocations[router.name]?[forecast.subject] ?? location
        switch forecast.outcome {
        case .moves, .notMaster:
            return Diagnostic(.note, at: place, message)
        case .stays where forecast.value != nil && weight(of: forecast.subject)?.magnitude == 1:
            // Each number in the file is a weight, so there is one that moves the address.
            return Diagnostic(.note, at: place, message)
        case .stays:
            return Diagnostic(.warning, at: place, message, mend: mend(forecast, against: other))
        case .split:
            return Diagnostic(.error, at: place, message)
        }
    }

    private func script(of subject: Track.Subject) -> CheckScript? {
        guard case .script(let name) = subject else { return nil }
        return configuration.scripts.first { $0.name == name }
    }

    /// The smallest weight that moves the address, if the simulation says that one does.
    private func mend(_ forecast: PairForecast, against other: RouterSettings) -> String {
        let fault = forecast.value == nil ? "a failure" : "any number but 0"
        let generic = "write 'weight 0': \(fault) is then a FAULT, and the VIP moves"
        guard let weight = weight(of: forecast.subject) else { return generic }
        let gap = Int(forecast.failedPriority.value) - Int(forecast.peerPriority.value)
        guard gap >= 0, weight != 0 else {
            return forecast.faults
                ? "remove 'nopreempt' on the other node"
                : "remove 'nopreempt' on both nodes, or \(generic)"
        }
        let size = Int(weight.magnitude) + gap + 1
        let better = weight < 0 ? -size : size
        guard size <= 253 else { return generic }
        let moved = PairForecast(
            of: forecast.subject,
            on: with(router, better, forecast.subject),
            peer: with(other, better, forecast.subject, instead: weight),
            holding: forecast.value
        )
        if case .moves = moved.outcome {
            return "write 'weight \(better)' (or a larger one) on both nodes"
        }
        return generic
    }

    private func weight(of subject: Track.Subject) -> Int? {
        router.tracks.first { $0.subject == subject }?.weight
    }

    private func with(
        _ settings: RouterSettings,
        _ weight: Int,
        _ subject: Track.Subject,
        instead old: Int? = nil
    ) -> RouterSettings {
        var settings = settings
        for index in settings.tracks.indices where settings.tracks[index].subject == subject {
            if let old, settings.tracks[index].weight != old { continue }
            settings.tracks[index].weight = weight
        }
        return settings
    }
}
