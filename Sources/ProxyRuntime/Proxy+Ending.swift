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
        notifier.stopping()
        refuseWork()
        endsAt = Clock.now + Self.stopGrace
    }

    /// SIGUSR1: those that are there end by themselves, or after `hard-stop-after` (management manual §4).
    func drainBySignal() {
        guard !isDraining, !isStopping else { return }
        drain(configuration.global.hardStopAfter, "SIGUSR1", "hard-stop-after")
        tellDrain()
    }

    /// The supervisor stops this process when it has no session left, or within that time.
    func drainByOrder(_ limit: Duration) {
        guard !isDraining, !isStopping else { return }
        awaitsStop = true
        // If the order to stop does not come, it is not waited for.
        drain(limit + .seconds(10), "a stop follows", "by the supervisor's order")
    }

    /// No new sessions. The service manager is not told of a stop: it would count its own limit for one from now on,
    /// and its watchdog and its restart hold until the process ends.
    private func drain(_ limitation: Duration, _ cause: String, _ reason: String) {
        log.notice(
            "\(cause): waiting for \(limit.connections.value) sessions to end, \(limitation) at most (\(reason))"
        )
        isDraining = true
        pausedUntil = nil
        for worker in workers { worker.post(.stopListening) }
        for name in listeners.closeAll() { notifier.forget(name: name) }
        notifier.status(statusSentence)
        logStopped()
        endsAt = Clock.now + limitation
    }

    /// To a supervisor that may be a new one.
    func tellDrain() {
        guard isDraining, !isStopping, !awaitsStop, let endsAt else { return }
        supervisor.send(
            .draining(
                sessions: UInt32(clamping: limit.connections.value),
                limit: endsAt - Clock.now
            ),
            poller
        )
    }

    // MARK: A pause

    /// The VIP is about to leave this node: what is accepted now would be cut in the middle of something.
    func pauseAccepting(_ limit: Duration) {
        guard !isDraining, !isStopping else { return }
        if pausedUntil == nil {
            log.notice("new connections wait: the VIP is about to leave this node")
            for worker in workers { worker.post(.pauseAccepting) }
        }
        pausedUntil = Clock.now + min(limit, Self.longestPause)
    }

    func resumeAccepting(_ reason: String?) {
        guard pausedUntil != nil else { return }
        pausedUntil = nil
        guard !isDraining, !isStopping else { return }
        log.notice("new connections are accepted again\(reason.map { ": \($0)" } ?? "")")
        for worker in workers { worker.post(.resumeAccepting) }
    }

    private static let longestPause: Duration = .seconds(10)

    private func refuseWork() {
        supervisor.send(.stopping, poller)
        guard !isDraining else { return }
        for worker in workers { worker.post(.stopListening) }
    }

    func reviewEnd(at now: Instant) {
        guard let endsAt else { return }
        let sessions = limit.connections.value
        if sessions == 0, !awaitsStop || isStopping || endsAt <= now {
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
