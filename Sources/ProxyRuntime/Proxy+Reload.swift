import HAProxySyntax
import Links
import LinuxIO
import Logging
import Messages
import Primitives
import Systemd

/// Reading the configuration anew: as a whole or not at all.
extension Proxy {
    func reload(incident: IncidentID) {
        // Told to whoever asked, and not counted: nothing was read.
        guard !isDraining, !isStopping else {
            let word = isStopping ? "is stopping" : "is draining"
            log.line(
                .warning,
                "the proxy \(word): the configuration is not read anew",
                LogFields(incident: incident)
            )
            answer("it \(word): nothing is read anew", incident)
            return
        }
        notifier.reloading()
        let text = tryReload(incident)
        notifier.ready(status: statusSentence)
        reloads.count(text, at: Clock.wall)
        if let text {
            log.line(
                .error,
                "the configuration stays as it was: \(text)",
                LogFields(.configurationRefused, incident: incident)
            )
        } else {
            log.line(.notice, "the configuration was reloaded", LogFields(incident: incident))
        }
        answer(text, incident)
        lastHealth = nil
        reportHealth()
    }

    private func answer(_ failure: String?, _ incident: IncidentID) {
        record.write(failure, at: Clock.wall)
        supervisor.send(
            .reloadFinished(succeeded: failure == nil, text: failure ?? "reloaded"),
            incident: incident,
            poller
        )
    }

    /// Nil when it has been done, else why not. Until all that may fail is done, nothing changes.
    private func tryReload(_ incident: IncidentID) -> String? {
        let files = ConfigurationFiles(options.files)
        log.tell(files.diagnostics, incident: incident, id: nil)
        guard let new = files.configuration else { return files.firstError }
        let capacity = Capacity(of: new, descriptors: descriptorLimit, workers: workers.count)
        var opened = listeners
        do throws(BindFailure) {
            try opened.open(WantedListener.all(of: new, maxconn: capacity.maxconn))
        } catch {
            return "\(error)"
        }
        let next = builder.plan(for: new, maxconn: capacity.maxconn)
        if let note = capacity.note { log.warning("\(note)") }
        for line in unchangeable(configuration, new, capacity.maxconn) + opened.settle() {
            log.warning("\(line)")
        }
        let gone = opened.keep(Set(next.listeners.map(\.name)))
        for descriptor in board.runningDescriptors { perform([.close(descriptor)]) }
        listeners = opened
        limit.maximum = capacity.maxconn
        configuration = new
        plan = next
        board = ServerBoard(plan: next, former: board, at: Clock.now)
        refresh?.checks = nil
        let statuses = board.statuses(at: Clock.now)
        for worker in workers {
            worker.post(
                .adopt(next, sockets: listeners.sockets(of: next), statuses: statuses)
            )
        }
        for name in board.names { resolver.ask(name) }
        for name in gone { notifier.forget(name: name) }
        storeListeners()
        return nil
    }

    /// What only a restart changes.
    private func unchangeable(
        _ old: HAProxyConfiguration,
        _ new: HAProxyConfiguration,
        _ maxconn: Int
    ) -> [String] {
        var lines: [String] = []
        if (old.global.user, old.global.group) != (new.global.user, new.global.group) {
            lines.append("'user' and 'group' change with a restart only")
        }
        if old.global.threads != new.global.threads {
            lines.append("'nbthread' changes with a restart only")
        }
        if old.global.engine != new.global.engine {
            lines.append("'tune.engine' changes with a restart only")
        }
        let setUp = EngineSetUp(epoll: -1, maxconn: firstMaxconn, descriptors: descriptorLimit)
        if engine == .ring, maxconn >= RingEngine.files(of: setUp).clients {
            lines.append(
                "maxconn \(maxconn) is more than io_uring was set up for at the start, with \(firstMaxconn): new "
                    + "connections go by epoll until a restart"
            )
        }
        return lines
    }
}

extension ServerBoard {
    /// Connections of checks that run.
    var runningDescriptors: [Int32] { watches.map(\.descriptor).filter { $0 >= 0 } }
}
