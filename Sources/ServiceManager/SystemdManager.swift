package import LinuxIO
package import Logging
package import Primitives

/// The service manager under systemd: the units do the process work, and this asks for it and tells of it.
///
/// It never waits for systemd. A connection that ends is made anew, with a new first look at the units.
package final class SystemdManager {
    private static let reconnectInterval: Duration = .seconds(1)
    private static let budget = 256
    private static let properties = "org.freedesktop.DBus.Properties"
    private static let unitInterface = "org.freedesktop.systemd1.Unit"

    private enum Question {
        case state
        case jobType
        case start
        case reload
        case other(String)
    }

    private let token: UInt64
    private let log: Logger
    private var bus: SystemdBus?
    private var isWatchedForWriting = false
    private var retryAt: Instant?
    private var units: [UnitTracker]
    private var questions: [UInt64: (unit: Int, Question)] = [:]
    /// Jobs that reload a unit, by their numbers.
    private var reloads: [UInt32: Int] = [:]
    /// What is to be told at the next opportunity.
    private var pending: [ServiceEvent] = []

    /// `names` are those of services: `proxy` is `tandem-proxy.service`. Throws when systemd can't be reached.
    package init(
        _ names: [String],
        token: UInt64,
        log: Logger,
        _ poller: borrowing Poller
    ) throws(SystemCallError) {
        self.token = token
        self.log = log
        units = names.map { UnitTracker(name: $0) }
        try connect(poller)
    }

    private func connect(_ poller: borrowing Poller) throws(SystemCallError) {
        let made = try SystemdBus()
        try poller.add(made.descriptor, token: token, for: [.readable, .writable])
        isWatchedForWriting = true
        bus = made
        retryAt = nil
        questions = [:]
        reloads = [:]
        for index in units.indices {
            look(at: index)
        }
    }

    private func look(at index: Int) {
        let path = Self.path(of: units[index].name)
        ask(.state, index, path, Self.properties, "GetAll", [.text("")])
    }

    /// The unit of a service.
    package static func unit(of name: String) -> String { "tandem-\(name).service" }

    static func path(of name: String) -> String {
        "/org/freedesktop/systemd1/unit/tandem_2d\(name)_2eservice"
    }

    // MARK: What it is told

    /// Harmless when it runs, or when systemd is about to start it by itself.
    package func start(_ name: String) {
        guard let index = index(of: name) else { return }
        let unit: BusValue = .text(Self.unit(of: name))
        if let pid = units[index].readyPID {
            pending += [.started(name, pid: pid), .ready(name)]
            return
        }
        // Else a start limit that is spent refuses this start as well.
        if units[index].properties.hasFailed { order("ResetFailedUnit", index, [unit]) }
        units[index].expectStart()
        ask(
            .start,
            index,
            SystemdBus.managerPath,
            SystemdBus.manager,
            "StartUnit",
            [unit, .text("replace")]
        )
    }

    /// An operator's start is not refused for starts that came before it.
    package func clearStartLimit(of name: String) {
        guard let index = index(of: name) else { return }
        order("ResetFailedUnit", index, [.text(Self.unit(of: name))])
    }

    package func stop(_ name: String) {
        guard let index = index(of: name) else { return }
        units[index].expectStop()
        // An operator's restart is under way: a stop would take the start away that follows.
        guard !units[index].properties.isBetweenStopAndStart else { return }
        order("StopUnit", index, [.text(Self.unit(of: name)), .text("replace")])
    }

    package func kill(_ name: String) {
        guard let index = index(of: name) else { return }
        let who = units[index].properties.mainPID == 0 ? "all" : "main"
        order("KillUnit", index, [.text(Self.unit(of: name)), .text(who), .number(9)])
    }

    package func reload(_ name: String) {
        guard let index = index(of: name) else { return }
        ask(
            .reload,
            index,
            SystemdBus.managerPath,
            SystemdBus.manager,
            "ReloadUnit",
            [.text(Self.unit(of: name)), .text("replace")]
        )
    }

    /// All of Tandem, the supervisor as well.
    package func stopEverything() {
        bus?.call("StopUnit", [.text("tandem.target"), .text("replace")])
    }

    private func order(_ member: String, _ index: Int, _ arguments: [BusValue]) {
        let path = SystemdBus.managerPath
        ask(.other(member), index, path, SystemdBus.manager, member, arguments)
    }

    private func ask(
        _ question: Question,
        _ index: Int,
        _ path: String,
        _ interface: String,
        _ member: String,
        _ arguments: [BusValue]
    ) {
        let destination = SystemdBus.destination
        guard let cookie = bus?.send(destination, path, interface, member, arguments) else {
            log.error("systemd can't be asked for \(member) now; it is asked again when it answers")
            return
        }
        questions[cookie] = (index, question)
    }

    private func index(of name: String) -> Int? { units.firstIndex { $0.name == name } }

    // MARK: What it tells

    package func owns(_ token: UInt64) -> Bool { token == self.token }

    /// What systemd has said since, and what follows from the time.
    package func events(_ poller: borrowing Poller, at now: Instant) -> [ServiceEvent] {
        if let retryAt, retryAt <= now {
            self.retryAt = now + Self.reconnectInterval
            do throws(SystemCallError) {
                try connect(poller)
                log.notice("connected to systemd again")
            } catch {
                log.debug("\(error)")
            }
        }
        var events = pending
        pending = []
        do throws(SystemCallError) {
            for _ in 0..<Self.budget {
                guard let message = try bus?.next() else { break }
                events += hear(message)
            }
        } catch {
            log.warning("\(error); trying again")
            bus = nil
            retryAt = now + Self.reconnectInterval
        }
        watch(poller)
        return events
    }

    package var nextDeadline: Instant? {
        pending.isEmpty ? [retryAt, bus?.nextDeadline].compactMap(\.self).min() : .zero
    }

    private func watch(_ poller: borrowing Poller) {
        guard let bus, bus.wantsToWrite != isWatchedForWriting else { return }
        isWatchedForWriting = bus.wantsToWrite
        try? poller.modify(
            bus.descriptor,
            token: token,
            for: isWatchedForWriting ? [.readable, .writable] : .readable
        )
    }

    private func hear(_ message: BusMessage) -> [ServiceEvent] {
        switch message {
        case .other: return []
        case .jobRemoved(let job, let result):
            guard let index = reloads.removeValue(forKey: job) else { return [] }
            return [reloaded(index, result: result)]
        case .changed(let path, let interface, let changes):
            guard let index = units.firstIndex(where: { Self.path(of: $0.name) == path }) else {
                return []
            }
            // systemd tells of the service first and of the unit behind it: both make one state.
            guard interface == Self.unitInterface, units[index].isKnown else {
                units[index].note(changes)
                return []
            }
            return update(index, changes)
        case .reply(let cookie, let answer):
            guard let (index, question) = questions.removeValue(forKey: cookie) else { return [] }
            switch question {
            case .state: return update(index, answer, isLook: true)
            case .jobType: return operatorStops(index, job: answer[""])
            case .start:
                units[index].startIsAnswered()
                return []
            case .reload:
                if case .number(let job)? = answer[""] {
                    reloads[UInt32(clamping: job)] = index
                }
                return []
            case .other: return []
            }
        case .refusal(let cookie, let reason):
            guard let (index, question) = questions.removeValue(forKey: cookie) else { return [] }
            let unit = Self.unit(of: units[index].name)
            switch question {
            case .start:
                units[index].startIsRefused()
                // What systemd refuses once it refuses until somebody mends it: a masked or missing unit.
                return [.gaveUp(units[index].name, cause: reason)]
            case .reload:
                return [.reloaded(units[index].name, succeeded: false, reason: reason)]
            // The job is done already; the unit's end tells the rest.
            case .jobType: return []
            case .state:
                log.error("\(unit): \(reason)")
                return []
            case .other(let member):
                log.warning("\(member) of \(unit): \(reason)")
                return []
            }
        }
    }

    private func update(
        _ index: Int,
        _ changes: [String: BusValue],
        isLook: Bool = false
    ) -> [ServiceEvent] {
        let events = units[index].update(changes, isLook: isLook)
        if units[index].needsLook { look(at: index) }
        if units[index].stopsUnasked {
            ask(
                .jobType,
                index,
                "/org/freedesktop/systemd1/job/\(units[index].properties.job)",
                Self.properties,
                "Get",
                [.text("org.freedesktop.systemd1.Job"), .text("JobType")]
            )
        }
        return events
    }

    private func reloaded(_ index: Int, result: String) -> ServiceEvent {
        let name = units[index].name
        let unit = Self.unit(of: name)
        return .reloaded(
            name,
            succeeded: result == "done",
            reason: result == "done"
                ? "" : "the reload of \(unit) ended as '\(result)': see `journalctl -u \(unit)`"
        )
    }

    private func operatorStops(_ index: Int, job: BusValue?) -> [ServiceEvent] {
        guard units[index].stopsUnasked, case .text(let type)? = job else { return [] }
        units[index].expectStop()
        let restarts = type == "restart" || type == "try-restart" || type == "start"
        return [
            restarts
                ? .restartedElsewhere(units[index].name) : .stoppedElsewhere(units[index].name)
        ]
    }
}
