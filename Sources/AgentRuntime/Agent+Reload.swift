import KeepalivedSyntax
import Links
import LinuxIO
import Logging
import Messages
import Primitives
import Systemd
import VRRP

/// A new configuration in the running process.
extension Agent {
    /// Reads the whole file before anything changes; after an error all stays as it was.
    func reload() {
        notifier.reloading()
        line(.notice, "reading \(options.file) anew")
        let reader = ConfigurationReader(options)
        log.tell(reader.findings, incident: incident, id: nil)
        let outcome = apply(reader)
        switch outcome {
        case .success(let text): line(.notice, text)
        case .failure(let refusal): line(.error, refusal.text, .configurationRefused)
        }
        supervisor.send(
            .reloadFinished(succeeded: outcome.succeeded, text: outcome.text),
            incident: incident,
            poller
        )
        report()
        notifier.ready(status: statusSentence(at: Clock.now))
    }

    private struct Refusal: Error, CustomStringConvertible {
        var text: String
        var description: String { text }
    }

    private func apply(_ reader: ConfigurationReader) -> Result<String, Refusal> {
        guard let new = reader.configuration else {
            let errors = reader.diagnostics.filter { $0.severity == .error }
            let first = errors.first.map { ": \($0)" } ?? ""
            return .failure(Refusal(text: "the old configuration stays in force\(first)"))
        }
        guard
            runner.isAlive
                || !Self.runsPrograms(new)
        else {
            return .failure(
                Refusal(
                    text:
                        "the old configuration stays in force: the new one has scripts, and the script "
                        + "runner is gone (restart the agent)"
                )
            )
        }
        let oldOrders = checkOrders
        if Self.runsPrograms(new) { defaultUser = Self.findDefaultUser() }
        let plan = ReloadPlan(old: routers.map(\.settings), new: new.routers)

        isReconfiguring = true
        // Those that go, go with the programs and ports that they had.
        for position in plan.removed {
            routers[position].isDeleted = true
            handle(.shutdown, position)
            retire(position)
            supervisor.send(
                .routerRemoved(name: routers[position].settings.name),
                incident: incident,
                poller
            )
        }
        configuration = new
        carriers.delays = new.global.interfaceDelays
        for (position, settings) in plan.kept {
            if settings.name != routers[position].settings.name {
                supervisor.send(
                    .routerRemoved(name: routers[position].settings.name),
                    incident: incident,
                    poller
                )
            }
            routers[position].declared = settings
            fit(position)
        }
        let gone = Set(plan.removed)
        routers = routers.indices.filter { !gone.contains($0) }.map { routers[$0] }
        indexRouters()
        openPorts()
        openPipes()
        leaseChanged(.grace(new.tandem.leaseGrace), at: Clock.now)
        orderChecks(replacing: oldOrders)
        openTracking(writesFiles: false)
        let lent = lentAddresses
        for settings in plan.added {
            routers.append(
                RouterShell(settings: settings, facts: interfaceFacts(of: settings, lent: lent))
            )
            indexRouters()
            start(routers.count - 1)
        }
        for (position, _) in routers.enumerated() { tellTracked(position) }
        isReconfiguring = false
        groupStates = groupStates.filter { state in new.groups.contains { $0.name == state.key } }
        settleGroups()
        reviewInterfaces()
        answerForProxy()
        // An address may have gone from one router to another, in whichever order.
        verifyAddresses()
        repeatStates()
        return .success(
            "the new configuration is in force: \(plan.kept.count) virtual routers kept, "
                + "\(plan.added.count) added, \(plan.removed.count) removed"
        )
    }
}

extension Result where Success == String {
    fileprivate var succeeded: Bool {
        switch self {
        case .success: true
        case .failure: false
        }
    }
}

extension Result where Success == String, Failure: CustomStringConvertible {
    fileprivate var text: String {
        switch self {
        case .success(let text): text
        case .failure(let failure): "\(failure)"
        }
    }
}
