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
        guard !isDraining else { return }
        notifier.reloading()
        let text = tryReload(incident)
        notifier.ready(status: statusSentence)
        if let text {
            log.line(
                .error,
                "the configuration stays as it was: \(text)",
                LogFields(.configurationRefused, incident: incident)
            )
        } else {
            log.line(.notice, "the configuration was reloaded", LogFields(incident: incident))
        }
        supervisor.send(
            .reloadFinished(succeeded: text == nil, text: text ?? "reloaded"),
            incident: incident,
            poller
        )
        lastHealth = nil
        reportHealth()
    }

    /// Nil when it has been done, else why not.
    private func tryReload(_ incident: IncidentID) -> String? {
        let files = ConfigurationFiles(options.files)
        log.tell(files.diagnostics, incident: incident, id: nil)
        guard let new = files.configuration else { return files.firstError }
        let capacity = Capacity(of: new, descriptors: descriptorLimit, workers: workers.count)
        var opened = listeners
        let next: Plan
        do throws(BindFailure) {
            next = try builder.plan(for: new, maxconn: capacity.maxconn, listeners: &opened)
        } catch {
            return "\(error)"
        }
        if let note = capacity.note { log.warning("\(note)") }
        for line in Self.unchangeable(configuration, new) { log.warning("\(line)") }
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
    private static func unchangeable(
        _ old: HAProxyConfiguration,
        _ new: HAProxyConfiguration
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
        return lines
    }
}

extension Capacity {
    init(of configuration: HAProxyConfiguration, descriptors: Int, workers: Int) {
        let counts = Capacity.counts(of: configuration)
        self.init(
            wanted: configuration.global.maxconn,
            descriptors: descriptors,
            listeners: counts.listeners,
            servers: counts.servers,
            workers: workers
        )
    }

    static func counts(
        of configuration: HAProxyConfiguration
    ) -> (listeners: Int, servers: Int) {
        let running = configuration.proxies.filter { !$0.disabled }
        return (
            running.reduce(0) { $0 + $1.binds.count },
            running.reduce(0) { $0 + $1.servers.count }
        )
    }
}

extension ServerBoard {
    /// Connections of checks that run.
    var runningDescriptors: [Int32] { watches.map(\.descriptor).filter { $0 >= 0 } }
}
