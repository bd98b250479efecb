import KeepalivedSyntax
import LinuxIO
import Logging
import Messages
import VRRP

/// Who is told of a change of state: notify programs, in order, and notify FIFOs.
extension Agent {
    private static let notifyLimit: Duration = .seconds(30)

    /// Nobody's scripts run as root by default. A directory of users may be far away, so it is asked when a file is
    /// read and not when a state changes.
    static func findDefaultUser() -> String {
        UserIdentity.named("keepalived_script") == nil ? "nobody" : "keepalived_script"
    }

    /// keepalived.conf(5): `notify_master` and its kin as they stand, `notify` with INSTANCE, name, state
    /// and priority behind it.
    func runNotifications(for transition: RouterTransition, _ index: Int) {
        let name = routers[index].settings.name
        let programs = configuration.notifications[name]
        let word: StateWord
        switch transition.to {
        case .active: word = .master
        case .backup: word = .backup
        case .fault: word = .fault
        case .initialize:
            guard transition.reason == .shutdown else { return }
            word =
                routers[index].isDeleted
                ? (programs?.saysDeleted == true ? .deleted : .fault) : .stop
        }
        let priority = routers[index].machine.effectivePriority
        notify(.instance, name, word, priority: priority, by: programs)
    }

    /// A MASTER has heard a rival of lower priority (`notify_master_rx_lower_pri`).
    func notifyOfRival(_ index: Int) {
        let name = routers[index].settings.name
        notify(
            .instance,
            name,
            .masterReceivedLower,
            priority: routers[index].machine.effectivePriority,
            by: configuration.notifications[name]
        )
    }

    /// Only FIFOs hear of priorities, and only those who asked for it.
    func notifyOfPriority(_ index: Int) {
        guard configuration.global.notifiesPriorityChanges else { return }
        let machine = routers[index].machine
        let word: StateWord
        switch machine.visibleState {
        case .active: word = .masterPriority
        case .backup: word = .backupPriority
        case .initialize, .fault: return
        }
        tellPipes(
            word.line(
                kind: NotifyKind.instance.rawValue,
                name: machine.settings.name,
                priority: machine.effectivePriority
            )
        )
    }

    enum NotifyKind: String {
        case instance = "INSTANCE"
        case group = "GROUP"
    }

    func notify(
        _ kind: NotifyKind,
        _ name: String,
        _ word: StateWord,
        priority: UInt8,
        by programs: NotifyPrograms?
    ) {
        tellPipes(word.line(kind: kind.rawValue, name: name, priority: priority))
        guard let programs else { return }
        let own: NotifyProgram?
        var any = programs.any
        any?.arguments += [kind.rawValue, name, word.rawValue, String(priority)]
        switch word {
        case .master: own = programs.master
        case .backup: own = programs.backup
        case .fault: own = programs.fault
        case .stop: own = programs.stop
        case .deleted: own = programs.deleted
        case .masterReceivedLower:
            own = programs.rivalHeard
            any = nil
        case .masterPriority, .backupPriority: return
        }
        notifySerial += 1
        let subject: NotifyOrder.Subject =
            switch kind {
            case .instance: word == .masterReceivedLower ? .rival : .instance
            case .group: .group
            }
        for notify in [own, any].compactMap(\.self) {
            runner.send(
                .notify(
                    NotifyOrder(
                        router: name,
                        serial: notifySerial,
                        program: ProgramOrder(
                            arguments: notify.arguments,
                            user: notify.user ?? defaultUser,
                            group: notify.group ?? ""
                        ),
                        subject: subject,
                        timeLimit: Self.notifyLimit
                    )
                )
            )
        }
        watchRunner()
    }

    // MARK: FIFOs

    /// Opens what the configuration names and closes what it no longer does.
    func openPipes() {
        let wanted = configuration.global.notifyFIFOs
        for pipe in pipes where !wanted.contains(pipe.settings) {
            if pipe.settings.script != nil { runner.send(.release(name: pipe.settings.path)) }
            pipe.close()
        }
        pipes.removeAll { !wanted.contains($0.settings) }
        for settings in wanted where !pipes.contains(where: { $0.settings == settings }) {
            do throws(SystemCallError) {
                let owner = settings.user.flatMap { UserIdentity.named($0, group: settings.group) }
                pipes.append(try NotifyPipe(settings, owner: owner))
                startReader(of: settings)
            } catch {
                log.error("\(settings.location): the notify FIFO can't be used: \(error)")
            }
        }
    }

    /// The program that reads the pipe, with the path behind its arguments.
    private func startReader(of settings: NotifyFIFO) {
        guard let script = settings.script else { return }
        runner.send(
            .keep(
                name: settings.path,
                ProgramOrder(
                    arguments: script + [settings.path],
                    user: settings.scriptUser ?? defaultUser,
                    group: settings.scriptGroup ?? ""
                )
            )
        )
        watchRunner()
    }

    private func tellPipes(_ text: String) {
        for pipe in pipes where !pipe.write(text) {
            line(
                .warning,
                "the notify FIFO \(pipe.settings.path) is full: nobody reads it, and lines are lost"
            )
        }
    }

    /// `fifo_write_vrrp_states_on_reload`
    func repeatStates() {
        guard configuration.global.repeatsStatesOnReload else { return }
        for router in routers {
            let word: StateWord
            switch router.machine.visibleState {
            case .active: word = .master
            case .backup: word = .backup
            case .fault: word = .fault
            case .initialize: continue
            }
            tellPipes(
                word.line(
                    kind: NotifyKind.instance.rawValue,
                    name: router.settings.name,
                    priority: router.machine.effectivePriority
                )
            )
        }
    }
}
