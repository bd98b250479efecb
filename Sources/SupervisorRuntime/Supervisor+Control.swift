import Glibc
import LinuxIO
import Messages
import Primitives
import ServiceManager
import Supervision

/// What `tandemctl` asks, answered with supervisorctl's words.
extension Supervisor {
    func answer(_ asked: ControlServer.Asked) {
        let client = asked.client
        switch asked.request {
        case .status(let names): status(of: names, for: client)
        case .start(let names): act(on: names, for: client, goal: .started) { .start($0) }
        case .stop(let names): act(on: names, for: client, goal: .stopped) { .stop($0) }
        case .restart(let names): restart(names, for: client)
        case .reload: reload(for: client)
        case .failover: failover(for: client)
        case .tail(let name, let bytes, let follow):
            tail(name, bytes: bytes, follow: follow, for: client)
        case .pid(let name): pid(of: name, for: client)
        case .why(let count):
            let all = journal.entries
            let wanted = count == 0 ? all.count : Int(clamping: count)
            for entry in all.suffix(wanted) { reply(.journal(entry), to: client) }
            reply(.end, to: client)
        case .version:
            let text = "tandem-supervisor \(Hello.currentBuild) (pid \(getpid()))"
            finish(client, name: "", .done, text)
        case .vrrp(let name): describe(name, for: client)
        case .proxy(let name): describeProxy(name, for: client)
        case .shutdown:
            wait(client, name: nil, goal: .everythingStopped)
            learn(.request(.shutdown))
        }
    }

    func reply(_ reply: ControlReply, to client: UInt64) {
        control.send(reply, to: client, poller)
    }

    private func say(
        _ client: UInt64,
        _ name: String,
        _ outcome: ControlReply.Outcome,
        _ text: String
    ) {
        reply(.result(name: name, outcome: outcome, text: text), to: client)
    }

    private func finish(
        _ client: UInt64,
        name: String,
        _ outcome: ControlReply.Outcome,
        _ text: String
    ) {
        say(client, name, outcome, text)
        reply(.end, to: client)
    }

    // MARK: Looking

    private func report(of name: ProcessName) -> ProcessReport? {
        guard let process = engine.process(name) else { return ownReport }
        return ProcessReport(
            name: name.rawValue,
            state: process.state,
            pid: UInt32(process.pid ?? 0),
            uptimeMilliseconds: UInt64(clamping: (Clock.now - process.since).milliseconds),
            restarts: process.restarts,
            detail: process.detail
        )
    }

    /// It answers, so it runs.
    private var ownReport: ProcessReport {
        ProcessReport(
            name: ProcessName.supervisor.rawValue,
            state: .running,
            pid: UInt32(getpid()),
            uptimeMilliseconds: UInt64(clamping: (Clock.now - startedAt).milliseconds),
            restarts: 0
        )
    }

    private func status(of names: [String], for client: UInt64) {
        for name in names where ProcessName(rawValue: name).flatMap(report) == nil && name != "all"
        {
            guard !routers.contains(where: { $0.name == name }) else { continue }
            say(client, name, .noSuchName, "")
        }
        let isAll = names.isEmpty || names.contains("all")
        for name in ProcessName.allCases where isAll || names.contains(name.rawValue) {
            if let report = report(of: name) { reply(.process(report), to: client) }
        }
        for router in routers where isAll || names.contains(router.name) {
            reply(.router(router), to: client)
        }
        reply(.end, to: client)
    }

    private func pid(of name: String?, for client: UInt64) {
        switch name.map({ ProcessName(rawValue: $0) }) {
        case nil, .some(.some(.supervisor)): finish(client, name: "", .done, "\(getpid())")
        case .some(.some(let process)):
            finish(client, name: "", .done, "\(engine.process(process)?.pid ?? 0)")
        case .some(nil): finish(client, name: name ?? "", .noSuchName, "")
        }
    }

    private func tail(_ name: String, bytes: UInt32, follow: Bool, for client: UInt64) {
        guard let process = ProcessName(rawValue: name) else {
            finish(client, name: name, .noSuchName, "")
            return
        }
        guard !manager.isSystemd else {
            // The unit's name tells tandemctl to look into the journal itself.
            let unit = SystemdManager.unit(of: name)
            let text = "systemd keeps its output: `journalctl -u \(unit)`"
            finish(client, name: unit, .refused, text)
            return
        }
        guard process != .supervisor,
            let output = manager.tail(process, bytes: Int(clamping: bytes))
        else {
            finish(client, name: name, .refused, "its output is where it was started")
            return
        }
        followers.removeAll { !control.owns($0.client) }
        if follow, let refusal = refusalToFollow(process, client) {
            finish(client, name: name, .refused, refusal)
            return
        }
        send(output: output[...], to: client)
        guard follow else {
            reply(.end, to: client)
            return
        }
        followers.append((client, process))
    }

    /// One that follows keeps its place for as long as it likes, so there are fewer of them than places.
    private func refusalToFollow(_ name: ProcessName, _ client: UInt64) -> String? {
        if followers.contains(where: { $0.client == client }) { return "you follow one already" }
        guard followers.count >= ControlServer.followerLimit else { return nil }
        return "\(followers.count) others follow an output already; without -f it can be read"
    }

    func send(output: ArraySlice<UInt8>, to client: UInt64) {
        var rest = output
        while !rest.isEmpty {
            reply(.output(Array(rest.prefix(ControlReply.outputLimit))), to: client)
            rest = rest.dropFirst(ControlReply.outputLimit)
        }
    }

    private func describe(_ name: String?, for client: UInt64) {
        if let name, !routers.contains(where: { $0.name == name }) {
            finish(client, name: name, .failed, "no such virtual router")
            return
        }
        guard agent.isConnected else {
            finish(client, name: "agent", .failed, "it does not answer: 'status' says more")
            return
        }
        wait(client, name: .agent, goal: .described)
        agent.send(.describe(request: client, name: name), incident: .none, poller)
    }

    private func describeProxy(_ name: String?, for client: UInt64) {
        guard proxy.isConnected else {
            finish(client, name: "proxy", .failed, "it does not answer: 'status' says more")
            return
        }
        wait(client, name: .proxy, goal: .proxyDescribed(name: name))
        proxy.send(.describe(request: client, name: name, from: 0), incident: .none, poller)
    }

    /// A part of a description, if its client still waits for it.
    func pass(_ part: ControlReply, to client: UInt64) {
        guard description(for: client) != nil else { return }
        reply(part, to: client)
    }

    /// What the client waits for, if it is a description.
    private func description(for client: UInt64) -> WaitingCommand.Goal? {
        waiting.first { $0.client == client && $0.goal.isDescription }?.goal
    }

    /// The proxy has answered up to there: the rest is asked for, or it is all.
    func continueDescription(for client: UInt64, from next: UInt32, found: Bool) {
        guard case .proxyDescribed(let name) = description(for: client) else { return }
        if next > 0, control.owns(client),
            proxy.send(.describe(request: client, name: name, from: next), poller)
        {
            return
        }
        if !found { say(client, name ?? "", .failed, "no such proxy or server") }
        finishDescription(for: client)
    }

    func finishDescription(for client: UInt64) {
        waiting.removeAll { $0.client == client && $0.goal.isDescription }
        guard control.owns(client) else { return }
        endIfNothingWaits(for: client)
    }

    // MARK: Acting

    /// The processes that names mean, once each; what is none is answered at once.
    private func processes(_ names: [String], for client: UInt64) -> [ProcessName] {
        var found: [ProcessName] = []
        for name in names.contains("all") ? ["proxy", "agent"] : names {
            switch ProcessName(rawValue: name) {
            case nil: say(client, name, .noSuchName, "")
            case .supervisor?:
                say(
                    client,
                    name,
                    .refused,
                    "it can't do that to itself; 'shutdown' stops everything"
                )
            case let process?: if !found.contains(process) { found.append(process) }
            }
        }
        return found
    }

    private func act(
        on names: [String],
        for client: UInt64,
        goal: WaitingCommand.Goal,
        _ request: (ProcessName) -> OperatorRequest
    ) {
        for name in processes(names, for: client) {
            if let refusal = engine.refusal(of: request(name)) {
                say(client, name.rawValue, .refused, refusal)
            } else {
                if goal == .started { manager.clearStartLimit(of: name) }
                wait(client, name: name, goal: goal)
                learn(.request(request(name)))
            }
        }
        endIfNothingWaits(for: client)
    }

    private func restart(_ names: [String], for client: UInt64) {
        for name in processes(names, for: client) {
            let pid = engine.process(name)?.pid
            wait(client, name: name, goal: pid == nil ? .started : .restarted(from: pid))
            manager.clearStartLimit(of: name)
            learn(.request(.restart(name)))
        }
        endIfNothingWaits(for: client)
    }

    private func failover(for client: UInt64) {
        if let refusal = engine.refusal(of: .failover) {
            finish(client, name: "", .refused, refusal)
            return
        }
        wait(client, name: nil, goal: .released)
        learn(.request(.failover))
    }

    private func reload(for client: UInt64) {
        if let refusal = engine.refusal(of: .reload) {
            finish(client, name: "", .refused, refusal)
            return
        }
        if let problem = readSettings(awaitingAgent: agent.isConnected) {
            finish(client, name: "supervisor", .failed, problem)
            return
        }
        for (name, answers) in [
            (ProcessName.agent, agent.isConnected), (.proxy, proxy.isConnected),
        ] {
            let isAlive = engine.process(name)?.isAlive == true
            // systemd tells how its reload ended, with or without a link.
            if answers || (isAlive && manager.isSystemd) {
                wait(client, name: name, goal: .reloaded)
            } else if isAlive {
                let text =
                    "told by SIGHUP, as its link is not there; its log says how it went (tail)"
                say(client, name.rawValue, .done, text)
            }
        }
        learn(.request(.reload))
        endIfNothingWaits(for: client)
    }

    func finishReload(of name: ProcessName, succeeded: Bool, text: String) {
        record(
            JournalEntry(
                incident: engine.incident,
                event: "\(name.rawValue) has read its configuration anew",
                decision: succeeded ? "it counts" : "the old one stays",
                reason: text,
                kind: succeeded ? nil : .configurationRefused
            )
        )
        let done = waiting.filter { $0.name == name && $0.goal == .reloaded }
        waiting.removeAll { $0.name == name && $0.goal == .reloaded }
        for command in done {
            let words = succeeded ? (text.isEmpty ? "reloaded" : "reloaded: \(text)") : text
            say(command.client, name.rawValue, succeeded ? .done : .failed, words)
            endIfNothingWaits(for: command.client)
        }
    }

    private func wait(_ client: UInt64, name: ProcessName?, goal: WaitingCommand.Goal) {
        waiting.append(
            WaitingCommand(
                client: client,
                name: name,
                goal: goal,
                deadline: Clock.now + WaitingCommand.limit
            )
        )
    }

    private func endIfNothingWaits(for client: UInt64) {
        guard !waiting.contains(where: { $0.client == client }) else { return }
        reply(.end, to: client)
    }

    /// Answers the commands whose outcome is known now.
    func answerWaiting(at now: Instant) {
        for command in waiting where hasEnded && command.goal == .everythingStopped {
            finish(command.client, name: "", .done, "Shut down")
        }
        var left: [WaitingCommand] = []
        var finished: [UInt64] = []
        for command in waiting {
            let name = command.name?.rawValue ?? ""
            let process = command.name.flatMap { engine.process($0) }
            switch command.outcome(of: process, isMaster: engine.isMaster, at: now) {
            case .pending: left.append(command)
            case .done(let text):
                say(command.client, name, .done, text)
                finished.append(command.client)
            case .failed(let text):
                say(command.client, name, .failed, text)
                finished.append(command.client)
            case .partly(let text, let next):
                say(command.client, name, .done, text)
                var rest = command
                rest.goal = next
                rest.deadline = now + WaitingCommand.limit
                left.append(rest)
            }
        }
        waiting = left.filter { control.owns($0.client) }
        for client in Set(finished) { endIfNothingWaits(for: client) }
    }
}
