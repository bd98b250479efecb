import Glibc
import HAProxySyntax
import Links
import LinuxIO
import Logging
import Messages
import Primitives
import Systemd

/// How the process ends: at once, or when its sessions have.
extension Proxy {
    /// A request that is on its way is answered within that time, mostly. New connections wait in the kernel
    /// for the next process meanwhile, so it is short.
    private static let stopGrace: Duration = .milliseconds(20)

    /// Almost at once: what can't end within the grace ends with the process. A second signal takes the grace
    /// away.
    func stop(_ signal: Int32) {
        guard !isStopping else {
            exitStatus = 0
            return
        }
        isStopping = true
        log.notice("\(signalName(signal)): stopping")
        if !isDraining { refuseWork() }
        endsAt = Clock.now + Self.stopGrace
    }

    /// No new sessions; those that are there end by themselves, or after `hard-stop-after` (management manual §4).
    func drain() {
        guard !isDraining, !isStopping else { return }
        let limitation = configuration.global.hardStopAfter
        log.notice(
            "SIGUSR1: waiting for \(limit.connections.value) sessions to end, \(limitation) at most (hard-stop-after)"
        )
        isDraining = true
        refuseWork()
        for name in listeners.closeAll() { notifier.forget(name: name) }
        logStopped()
        endsAt = Clock.now + limitation
    }

    private func refuseWork() {
        notifier.stopping()
        supervisor.send(.stopping, poller)
        for worker in workers { worker.post(.stopListening) }
    }

    func reviewEnd(at now: Instant) {
        guard let endsAt else { return }
        let sessions = limit.connections.value
        if sessions == 0 {
            if isDraining { log.notice("all sessions have ended") }
            exitStatus = 0
        } else if endsAt <= now {
            if !isStopping {
                log.warning("hard-stop-after is over: \(sessions) sessions end with this process")
            }
            exitStatus = 0
        }
    }

    private func logStopped() {
        for frontend in plan.frontends {
            let backend = plan.backends.first { $0.name == frontend.name }
            let text =
                "Proxy \(frontend.name) stopped (cumulated conns: FE: \(frontend.ledger.total(.connections)), "
                + "BE: \(backend?.ledger.own(.sessions) ?? 0))."
            composer.send(text, level: 4, to: frontend.logs)
        }
    }
}
