import KeepalivedSyntax
import LinuxIO
import Logging
import Messages
import Primitives
import Systemd
import VRRP

/// Orders to the script runner, and what becomes of them.
extension Agent {
    /// The silence that a check is allowed beyond its interval and time limit: SIGTERM, SIGKILL and a
    /// machine under load.
    private static let silenceAllowance: Duration = .seconds(5)

    /// Scripts that are tracked and not answered by the proxy's health.
    static func runnableChecks(of configuration: KeepalivedConfiguration) -> [CheckScript] {
        let tracked = Set(configuration.routers.flatMap(\.tracks).map(\.subject))
        return configuration.scripts.filter {
            !$0.asksForProxyProcess && tracked.contains(.script($0.name))
        }
    }

    /// Whether anything in it needs the script runner.
    static func runsPrograms(_ configuration: KeepalivedConfiguration) -> Bool {
        !runnableChecks(of: configuration).isEmpty || !configuration.notifications.isEmpty
            || configuration.groups.contains { $0.notifications != nil }
            || configuration.global.notifyFIFOs.contains { $0.script != nil }
    }

    private func order(for script: CheckScript) -> CheckOrder {
        CheckOrder(
            name: script.name,
            program: ProgramOrder(
                arguments: script.arguments,
                user: script.user ?? defaultUser,
                group: script.group ?? ""
            ),
            interval: script.interval,
            timeLimit: script.timeout > .zero ? script.timeout : script.interval
        )
    }

    /// What the checks of the configuration are ordered to be, by their names.
    var checkOrders: [String: CheckOrder] {
        let scripts = Self.runnableChecks(of: configuration)
        return Dictionary(uniqueKeysWithValues: scripts.map { ($0.name, order(for: $0)) })
    }

    /// Orders the checks of the configuration; those that were the same before run on undisturbed.
    func orderChecks(replacing before: [String: CheckOrder]) {
        let scripts = Self.runnableChecks(of: configuration)
        let names = Set(scripts.map(\.name))
        for name in checks.names where !names.contains(name) {
            checks.forget(name)
            checkSerials[name] = nil
            runner.send(.forget(name: name))
        }
        for script in scripts {
            let order = order(for: script)
            let longest = max(order.interval, order.timeLimit) * 2
            let terms = CheckLedger.Terms(
                program: order.program,
                rise: script.rise,
                fall: script.fall,
                startsFailed: script.startsFailed,
                silence: longest + Self.silenceAllowance
            )
            if let change = checks.keep(script.name, terms, at: Clock.now) { checkChanged(change) }
            guard before[script.name] != order else { continue }
            lastCheckSerial += 1
            checkSerials[script.name] = lastCheckSerial
            var numbered = order
            numbered.serial = lastCheckSerial
            runner.send(.check(numbered))
        }
        watchRunner()
    }

    func checkChanged(_ change: CheckLedger.Change) {
        line(
            change.succeeded ? .notice : .warning,
            "the check \(change.name) \(change.succeeded ? "succeeds" : "fails")",
            change.succeeded ? nil : .checkFailed
        )
        handleAll(.check(.script(change.name), succeeded: change.succeeded))
    }

    func readRunner(_ readiness: Readiness) {
        if readiness.contains(.writable) { runner.flush() }
        watchRunner()
        guard let messages = runner.receive() else {
            runnerDied()
            return
        }
        for message in messages {
            switch message {
            case .ready(let pid, let privileges):
                let held = CapabilitySet(rawValue: privileges)
                log.info("the script runner is ready (pid \(pid)); it holds \(held.names)")
            case .checked(let result): checked(result)
            case .ended(let fifo, let outcome):
                log.warning("the program of the notify FIFO \(fifo) has ended: \(outcome)")
            case .notified(let router, let outcome):
                if !outcome.succeeded {
                    log.warning("(\(router)) a notify program: \(outcome)")
                }
            }
        }
        if !runner.isAlive { runnerDied() }
    }

    private func checked(_ result: CheckResult) {
        // What a former order's program said is none of this one's.
        guard checkSerials[result.name] == result.serial else { return }
        let succeeded = result.outcome.succeeded
        if let known = checks.outcome(of: result.name), known != succeeded {
            log.info("the check \(result.name): \(result.outcome), after \(result.milliseconds) ms")
        } else if case .notStarted = result.outcome, checks.outcome(of: result.name) == nil {
            log.warning("the check \(result.name): \(result.outcome)")
        }
        if let change = checks.record(result.name, succeeded: succeeded, at: Clock.now) {
            checkChanged(change)
        }
    }

    /// Nothing can be executed any more, so a new runner needs a new agent: where scripts matter, this one
    /// hands over and ends, and whoever started it starts it again.
    private func runnerDied() {
        try? poller.remove(runner.socket)
        let cause = runner.process.reap().map { "\($0)" } ?? "it closed its link"
        log.error("the script runner is gone (\(cause)): every check counts as failed")
        for change in checks.failAll() { checkChanged(change) }
        guard Self.runsPrograms(configuration) else {
            log.warning("no script is configured: the agent goes on without a script runner")
            return
        }
        log.critical("the agent ends, to be started again with a script runner")
        exitStatus = 1
    }

    func watchRunner() {
        guard runner.wantsToWrite != isRunnerWatchedForWriting, runner.isAlive else { return }
        isRunnerWatchedForWriting = runner.wantsToWrite
        try? poller.modify(
            runner.socket,
            token: Token.runner,
            for: isRunnerWatchedForWriting ? [.readable, .writable] : .readable
        )
    }
}

extension CapabilitySet {
    /// Those that the agent and its runner know of, in words.
    var names: String {
        let known: [(CapabilitySet, String)] = [
            (.kill, "CAP_KILL"), (.setGroupID, "CAP_SETGID"), (.setUserID, "CAP_SETUID"),
            (.netAdmin, "CAP_NET_ADMIN"), (.netRaw, "CAP_NET_RAW"), (.sysNice, "CAP_SYS_NICE"),
        ]
        let held = known.filter { contains($0.0) }
        let others = subtracting(held.reduce(into: []) { $0.formUnion($1.0) })
        let names =
            held.map(\.1) + (others.isEmpty ? [] : ["0x" + String(others.rawValue, radix: 16)])
        return names.isEmpty ? "no capability" : names.joined(separator: " ")
    }
}
