import Glibc
import HAProxySyntax
import LinuxIO
import Logging
import Messages
import Primitives
import Synchronization
import Systemd

/// A reload is checked whole before anything of it counts; sessions go on either way.
extension Proxy {
    mutating func reload() {
        notifier.reloading()
        let problem = tryReload()
        notifier.ready(status: statusSentence)
        if let problem {
            logger.error("reload refused, the old configuration goes on: \(problem)")
            link.send(.reloadFinished(succeeded: false, text: problem))
        } else {
            logger.notice("reloaded: \(statusSentence)")
            link.send(.reloadFinished(succeeded: true, text: statusSentence))
        }
    }

    /// Nil when the new configuration is in force.
    private mutating func tryReload() -> String? {
        let loaded = LoadedConfiguration.load(options.files)
        for diagnostic in loaded.diagnostics where diagnostic.severity != .note {
            logger.log(
                level: diagnostic.severity == .error ? .error : .warning,
                "\(diagnostic)"
            )
        }
        guard let configuration = loaded.configuration else {
            let first = loaded.diagnostics.first { $0.severity == .error }
            return first.map { "\($0)" } ?? "the configuration is not valid"
        }
        let plan = Plan(
            configuration,
            maxconn: min(configuration.global.maxconn ?? maxconn, maxconn),
            generation: board.plan.generation &+ 1
        )
        if let problem = openListeners(of: plan) { return problem }
        install(plan)
        return nil
    }

    /// Opens what is new; closes it again when one of them fails.
    private mutating func openListeners(of plan: Plan) -> String? {
        var opened: [(name: String, descriptor: Int32)] = []
        for frontend in plan.frontends {
            for bind in frontend.binds {
                let name = Listener.name(of: bind)
                guard listeners.descriptor(named: name) == nil,
                    !opened.contains(where: { $0.name == name })
                else { continue }
                do throws(SystemCallError) {
                    opened.append((name, try Listener.openRaw(bind, maxconn: plan.maxconn)))
                } catch {
                    for listener in opened { _ = close(listener.descriptor) }
                    return "\(bind.location): \(error)"
                        + (error.errno == EACCES
                            ? "; a port below 1024 that is new needs 'tandemctl restart proxy'"
                            : "")
                }
            }
        }
        for listener in opened { listeners.insert(listener.name, listener.descriptor) }
        return nil
    }

    private mutating func install(_ plan: Plan) {
        let next = ServerBoard(
            plan: plan,
            channels: channels,
            resolver: resolver,
            carriedOver: board.knowledge,
            at: Clock.now
        )
        board = next
        let kept = Set(plan.frontends.flatMap { $0.binds.map(Listener.name) })
        let removed = listeners.removeAll(except: kept)
        for channel in channels {
            channel.post(
                .adopt(
                    plan,
                    listeners: workerListeners(of: plan, listeners),
                    servers: board.standings
                )
            )
        }
        let turns = channels.map { $0.turns.load(ordering: .relaxed) }
        for listener in removed {
            notifier.forget(name: listener.name)
            departing.append(Departing(descriptor: listener.descriptor, turns: turns))
        }
        storeAll()
    }

    private mutating func storeAll() {
        for listener in listeners.all { notifier.store(listener.descriptor, name: listener.name) }
    }
}

/// Which socket belongs to which frontend.
func workerListeners(of plan: Plan, _ listeners: borrowing ListenerSet) -> [WorkerListener] {
    var all: [WorkerListener] = []
    for (index, frontend) in plan.frontends.enumerated() {
        for bind in frontend.binds {
            if let descriptor = listeners.descriptor(named: Listener.name(of: bind)) {
                all.append(
                    WorkerListener(
                        descriptor: descriptor,
                        frontend: index,
                        expectsHeader: bind.acceptProxy
                    )
                )
            }
        }
    }
    return all
}

extension Listener {
    /// As `open`, without an owner.
    static func openRaw(_ bind: BindAddress, maxconn: Int) throws(SystemCallError) -> Int32 {
        let listener = try open(bind, maxconn: maxconn)
        return listener.take()
    }

    private consuming func take() -> Int32 { descriptor.relinquish() }
}
