import Glibc
import KeepalivedSyntax
import Links
import LinuxIO
import Logging
import Messages
import Netlink
import Primitives
import Systemd
import VRRP

/// Beginning and end.
extension Agent {
    /// How long the end waits for notify programs.
    private static let farewell: Duration = .seconds(2)

    func begin() throws(SystemCallError) {
        try readTables()
        let lent = lentAddresses
        carriers.delays = configuration.global.interfaceDelays
        routers = configuration.routers.map { settings in
            RouterShell(settings: settings, facts: interfaceFacts(of: settings, lent: lent))
        }
        indexRouters()
        openPorts()
        try openGuard()
        sayWhoAnswers()
        orderChecks(replacing: [:])
        openPipes()
        openTracking(writesFiles: true)
        for index in routers.indices {
            start(index, remnant: findRemnant(of: routers[index].settings))
        }
        answerForProxy()
        notifier.ready(status: statusSentence(at: Clock.now))
    }

    func start(_ index: Int, remnant: Remnant? = nil) {
        let facts = routers[index].facts
        let settings = routers[index].settings
        if remnant == nil { tellLeftovers(of: settings) }
        line(
            .info,
            "(\(settings.name)) VRID \(settings.virtualRouterID) on \(settings.interface), priority "
                + "\(settings.basePriority), "
                + (facts.source.map { "from \($0)" } ?? "without a source address yet")
        )
        tellUnfitting(index)
        // What is known comes before the start: an owner of the addresses speaks at once.
        handle(.standing(leases.standing), index)
        for track in settings.tracks {
            switch track.subject {
            case .interface(let name):
                handle(.check(track.subject, succeeded: isRunning(name)), index)
            case .process, .file: break
            case .script(let name):
                if let succeeded = checks.outcome(of: name) {
                    handle(.check(track.subject, succeeded: succeeded), index)
                }
            }
        }
        tellTracked(index)
        handle(.start(source: facts.source, faults: facts.faults, remnant: remnant), index)
    }

    private func sayWhoAnswers() {
        if !leases.isSupervised {
            log.warning(
                """
                no supervisor has left a socket in \(runtimeDirectory.path): this agent is alone, with \
                full standing and its own checks
                """
            )
        }
        for check in proxyChecks {
            log.notice(
                """
                the check \(check.name) only asks whether a process named haproxy exists: it is not run, \
                the proxy's health answers for it
                """
            )
        }
    }

    /// One line for each router, for the log.
    func sayHowItStands() {
        let now = Clock.now
        for router in routers.map(\.machine) {
            let counters = router.counters
            log.notice(
                """
                (\(router.settings.name)) \(StatusText.sentence(of: [router], at: now)); priority \
                \(router.priority); advertisements sent \(counters.advertisementsSent), received \
                \(counters.advertisementsReceived), of priority 0 sent \(counters.priorityZeroSent), \
                received \(counters.priorityZeroReceived); became MASTER \(counters.becameActive) \
                times, stalled \(counters.stalls), addresses restored \(counters.addressesRestored), \
                packets dropped on its interface \(ports[PortKey(router.settings)]?.dropped ?? 0)
                """
            )
        }
    }

    /// Everything is given back: addresses first, then the word to the peers.
    func end() {
        notifier.stopping()
        for index in routers.indices { handle(.shutdown, index) }
        removeUnreleased()
        restoreSettings()
        restoreARPSettings()
        for pipe in pipes { pipe.close() }
        report()
        runner.send(.finish)
        runner.flush()
        supervisor.close()
        guard Self.runsPrograms(configuration), runner.isAlive else { return }
        let limit = Clock.now + Self.farewell
        while runner.process.reap() == nil, Clock.now < limit {
            var request = pollfd(
                fd: runner.process.descriptor.rawValue,
                events: Int16(POLLIN),
                revents: 0
            )
            _ = unsafe poll(&request, 1, 100)
        }
    }

    /// The last chance to take away what the kernel did not let go of.
    private func removeUnreleased() {
        let limit = Clock.now + Self.farewell
        while routers.contains(where: { !$0.unreleased.isEmpty }), Clock.now < limit {
            for index in routers.indices { releaseAgain(index) }
            guard routers.contains(where: { !$0.unreleased.isEmpty }) else { return }
            usleep(20_000)
        }
    }
}
