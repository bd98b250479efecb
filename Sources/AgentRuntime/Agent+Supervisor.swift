import KeepalivedSyntax
import Links
import LinuxIO
import Logging
import Messages
import Primitives
import Systemd
import VRRP

/// What the supervisor lends and asks for, and what it is told.
extension Agent {
    func heed(_ events: [SupervisorLink.Event]) {
        for event in events {
            switch event {
            case .greeted(let pid, let build):
                log.notice("a supervisor has connected (pid \(pid), version \(build))")
                report()
            case .lost(let reason):
                log.warning(
                    """
                    the supervisor is gone (\(reason)): its lease counts for \
                    \(configuration.tandem.leaseGrace.tenths) s more
                    """
                )
            case .refused(let reason): log.warning("a connection was refused: \(reason)")
            case .frame(let frame):
                incident = frame.incident
                heed(frame.message)
                incident = .none
            }
        }
    }

    private func heed(_ message: SupervisorToAgent) {
        switch message {
        case .hello: break
        case .lease(let lease):
            let now = Clock.now
            leaseChanged(
                .lease(
                    until: now + lease.duration,
                    standing: lease.standing,
                    proxyHealthy: lease.proxyHealthy
                ),
                at: now
            )
        case .stepDown(let reason, let hold):
            handleAll(.stepDown(reason, hold: hold > .zero ? hold : nil))
        case .reload: reload()
        case .report: report()
        case .describe(let request, let name): describe(name, request: request)
        }
    }

    func leaseChanged(_ event: LeaseLedger.Event, at now: Instant) {
        let before = leases.standing
        let events = leases.handle(event, at: now)
        if leases.standing != before {
            switch (leases.standing, event) {
            case (.full, _): line(.notice, "this node stands with its full priority")
            case (.lastResort, .deadline):
                line(
                    .warning,
                    "no lease of a supervisor for \(leases.grace.tenths) s: this node stands as a last "
                        + "resort, with priority 1",
                    .lastResort
                )
            case (.lastResort, _):
                line(
                    .warning,
                    "the supervisor lends this node no more than the last resort",
                    .lastResort
                )
            }
        }
        for event in events { handleAll(event) }
        answerForProxy()
    }

    // MARK: The proxy's health

    /// What is tracked and only asks whether a process named haproxy exists.
    var proxyChecks: [Track.Subject] {
        let tracked = Set(configuration.routers.flatMap(\.tracks).map(\.subject))
        let scripts = configuration.scripts.filter(\.asksForProxyProcess).map {
            Track.Subject.script($0.name)
        }
        let processes = configuration.processes.filter(\.asksForProxyProcess).map {
            Track.Subject.process($0.name)
        }
        return (scripts + processes).filter(tracked.contains)
    }

    /// Tells the routers what the proxy's health makes of those scripts. An agent alone has nobody to ask,
    /// and what nobody vouches for has failed.
    func answerForProxy() {
        let answer = leases.isSupervised ? leases.proxyIsHealthy : false
        guard let answer else { return }
        if answer != proxyAnswer, !proxyChecks.isEmpty {
            let word = answer ? "succeeds: the proxy is well" : "fails: the proxy is not well"
            let alone =
                leases.isSupervised ? word : "fails: there is no supervisor to vouch for the proxy"
            for check in proxyChecks { line(.notice, "the check \(check.name) \(alone)") }
        }
        proxyAnswer = answer
        for check in proxyChecks { handleAll(.check(check, succeeded: answer)) }
    }

    // MARK: Reports

    func report() {
        guard supervisor.isConnected else { return }
        for index in routers.indices { report(index) }
    }

    func report(_ index: Int) {
        guard supervisor.isConnected else { return }
        supervisor.send(
            .router(routerReport(index, at: Clock.now)),
            incident: incident,
            poller
        )
    }

    func routerReport(_ index: Int, at now: Instant) -> RouterReport {
        let router = routers[index]
        let machine = router.machine
        let settings = router.settings
        return RouterReport(
            name: settings.name,
            state: machine.visibleState,
            interface: settings.interface,
            virtualRouterID: settings.virtualRouterID,
            basePriority: settings.basePriority,
            priority: machine.effectivePriority,
            addresses: settings.addresses.map(\.prefix.description),
            since: router.since,
            peer: machine.heard?.address,
            peerPriority: machine.heard?.priority ?? 0,
            peerHeardMillisecondsAgo: machine.heard.map {
                UInt32(clamping: (now - $0.at).milliseconds)
            } ?? 0,
            dropped: ports[PortKey(settings)]?.dropped(of: router.declared) ?? 0
        )
    }
}
