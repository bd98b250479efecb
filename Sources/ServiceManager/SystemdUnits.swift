import Logging

/// What the supervisor wants of a unit; systemd has it once it has answered.
enum UnitOrder: Equatable, Sendable {
    case start
    case stop
    /// `pid`: the main process when it was ordered; 0: there was none.
    case kill(pid: Int32)
}

/// The units in systemd's hands: what to ask of it, and what its answers mean. It sends nothing itself.
///
/// A connection that ends takes with it what was on its way, in both directions. So the last order of a unit is
/// kept until it is answered, and is given again on the next connection if a look shows that it was not done.
struct SystemdUnits {
    private static let properties = "org.freedesktop.DBus.Properties"
    private static let unitInterface = "org.freedesktop.systemd1.Unit"

    enum Question: Equatable, Sendable {
        case state
        case jobType
        case order(UnitOrder)
        case reload
        case everything
        case other
    }

    /// A call that is to be sent.
    struct Request: Equatable, Sendable {
        /// Nil: all of Tandem.
        var unit: Int?
        var question: Question
        var call: BusCall
    }

    private struct Unit {
        var tracker: UnitTracker
        /// The last order, until it is answered.
        var order: UnitOrder?
        /// It was given on an earlier connection, or on none.
        var isOrderLost = false
    }

    private let log: Logger
    private var units: [Unit]
    private var requests: [Request] = []
    private var questions: [UInt64: Request] = [:]
    /// Jobs that reload a unit, by their numbers.
    private var reloads: [UInt32: Int] = [:]
    /// What is to be told at the next opportunity.
    private var pending: [ServiceEvent] = []
    /// An order to stop all of Tandem is not answered yet.
    private var isEverythingToStop = false

    /// `names` are those of services: `proxy` is `tandem-proxy.service`.
    init(_ names: [String], log: Logger) {
        units = names.map { Unit(tracker: UnitTracker(name: $0)) }
        self.log = log
    }

    /// The unit of a service.
    static func unit(of name: String) -> String { "tandem-\(name).service" }

    static func path(of name: String) -> String {
        "/org/freedesktop/systemd1/unit/tandem_2d\(name)_2eservice"
    }

    private func index(of name: String) -> Int? { units.firstIndex { $0.tracker.name == name } }

    // MARK: The connection

    /// There is a new connection: all is looked at anew.
    mutating func connected() {
        questions = [:]
        reloads = [:]
        for index in units.indices {
            units[index].isOrderLost = units[index].order != nil
            units[index].tracker.isLookedAtAnew(startIsUnanswered: units[index].order == .start)
            look(at: index)
        }
        if isEverythingToStop { stopEverything() }
    }

    /// The connection is lost: what it had to answer is answered no more.
    mutating func disconnected() {
        let asked = questions.values.filter { $0.question == .reload }.compactMap(\.unit)
        for index in asked + reloads.values { loseReload(of: index) }
        questions = [:]
        reloads = [:]
    }

    private mutating func loseReload(of index: Int) {
        let name = units[index].tracker.name
        let unit = Self.unit(of: name)
        pending.append(
            .reloaded(
                name,
                succeeded: false,
                reason: "the connection to systemd was lost before it said what became of the "
                    + "reload of \(unit): see `journalctl -u \(unit)`, and reload again"
            )
        )
    }

    /// What is to be sent now; each is followed by `sent`.
    mutating func takeRequests() -> [Request] {
        defer { requests = [] }
        return requests
    }

    /// `cookie` is that of the answer; nil when there is no connection that takes it.
    mutating func sent(_ request: Request, as cookie: UInt64?) {
        if let cookie {
            questions[cookie] = request
        } else if request.question == .reload, let index = request.unit {
            loseReload(of: index)
        }
    }

    var hasNews: Bool { !pending.isEmpty }

    mutating func takeNews() -> [ServiceEvent] {
        defer { pending = [] }
        return pending
    }

    // MARK: What it is told

    /// Harmless when it runs, or when systemd is about to start it by itself.
    mutating func start(_ name: String) {
        guard let index = index(of: name) else { return }
        if let pid = units[index].tracker.readyPID {
            units[index].order = nil
            pending += [.started(name, pid: pid), .ready(name)]
            return
        }
        // Else a start limit that is spent refuses this start as well.
        if units[index].tracker.properties.hasFailed { clearStartLimit(of: name) }
        units[index].tracker.expectStart()
        give(.start, to: index)
    }

    /// An operator's start is not refused for starts that came before it.
    mutating func clearStartLimit(of name: String) {
        guard let index = index(of: name) else { return }
        ask(.other, index, .manager("ResetFailedUnit", [.text(Self.unit(of: name))]))
    }

    mutating func stop(_ name: String) {
        guard let index = index(of: name) else { return }
        units[index].tracker.expectStop()
        // An operator's restart is under way: a stop would take the start away that follows.
        guard !units[index].tracker.properties.isBetweenStopAndStart else {
            units[index].order = nil
            return
        }
        give(.stop, to: index)
    }

    mutating func kill(_ name: String) {
        guard let index = index(of: name) else { return }
        give(.kill(pid: units[index].tracker.properties.mainPID), to: index)
    }

    mutating func reload(_ name: String) {
        guard let index = index(of: name) else { return }
        let unit: BusValue = .text(Self.unit(of: name))
        ask(.reload, index, .manager("ReloadUnit", [unit, .text("replace")]))
    }

    /// All of Tandem, the supervisor as well.
    mutating func stopEverything() {
        isEverythingToStop = true
        ask(.everything, nil, .manager("StopUnit", [.text("tandem.target"), .text("replace")]))
    }

    private mutating func give(_ order: UnitOrder, to index: Int) {
        units[index].order = order
        units[index].isOrderLost = false
        let unit: BusValue = .text(Self.unit(of: units[index].tracker.name))
        let call: BusCall
        switch order {
        case .start: call = .manager("StartUnit", [unit, .text("replace")])
        case .stop: call = .manager("StopUnit", [unit, .text("replace")])
        case .kill(let pid):
            call = .manager("KillUnit", [unit, .text(pid == 0 ? "all" : "main"), .number(9)])
        }
        ask(.order(order), index, call)
    }

    private mutating func look(at index: Int) {
        let path = Self.path(of: units[index].tracker.name)
        ask(.state, index, BusCall(path, Self.properties, "GetAll", [.text("")]))
    }

    private mutating func ask(_ question: Question, _ index: Int?, _ call: BusCall) {
        requests.append(Request(unit: index, question: question, call: call))
    }

    // MARK: What was lost

    /// After a look: gives the order again that a lost connection took away, unless it was done before.
    private mutating func repeatLostOrder(of index: Int) {
        guard units[index].isOrderLost, let order = units[index].order else { return }
        let name = units[index].tracker.name
        let now = units[index].tracker.properties
        let isUndone =
            switch order {
            case .start: now.needsStart
            case .stop: now.needsStop
            case .kill(let pid): now.needsKill(of: pid)
            }
        guard isUndone else {
            answered(order, index)
            return
        }
        log.notice("\(Self.unit(of: name)): an order was lost with the connection: given again")
        // What cleared the limit may have been lost with the start.
        if order == .start { clearStartLimit(of: name) }
        give(order, to: index)
    }

    private mutating func answered(_ order: UnitOrder, _ index: Int) {
        if order == .start { units[index].tracker.startIsAnswered() }
        guard units[index].order == order else { return }
        units[index].order = nil
        units[index].isOrderLost = false
    }

    // MARK: What it tells

    mutating func hear(_ message: BusMessage) -> [ServiceEvent] {
        switch message {
        case .other: return []
        case .jobRemoved(let job, let result):
            guard let index = reloads.removeValue(forKey: job) else { return [] }
            return [reloaded(index, result: result)]
        case .changed(let path, let interface, let changes):
            guard let index = units.firstIndex(where: { Self.path(of: $0.tracker.name) == path })
            else { return [] }
            // systemd tells of the service first and of the unit behind it: both make one state.
            guard interface == Self.unitInterface, units[index].tracker.isKnown else {
                units[index].tracker.note(changes)
                return []
            }
            return update(index, changes)
        case .reply(let cookie, let answer):
            guard let asked = questions.removeValue(forKey: cookie) else { return [] }
            return hear(answer, to: asked)
        case .refusal(let cookie, let reason):
            guard let asked = questions.removeValue(forKey: cookie) else { return [] }
            return hearRefusal(of: asked, reason)
        }
    }

    private mutating func hear(
        _ answer: [String: BusValue],
        to asked: Request
    ) -> [ServiceEvent] {
        guard let index = asked.unit else {
            isEverythingToStop = false
            return []
        }
        switch asked.question {
        case .state:
            let events = update(index, answer, isLook: true)
            repeatLostOrder(of: index)
            return events
        case .jobType: return operatorStops(index, job: answer[""])
        case .order(let order):
            answered(order, index)
            // systemd kills "all" of nothing without a word: no end would be told.
            if case .kill = order { look(at: index) }
            return []
        case .reload:
            if case .number(let job)? = answer[""] { reloads[UInt32(clamping: job)] = index }
            return []
        case .everything, .other: return []
        }
    }

    private mutating func hearRefusal(of asked: Request, _ reason: String) -> [ServiceEvent] {
        guard let index = asked.unit else {
            isEverythingToStop = false
            log.error("tandem.target can't be stopped: \(reason)")
            return []
        }
        let name = units[index].tracker.name
        switch asked.question {
        case .order(.start):
            answered(.start, index)
            units[index].tracker.startIsRefused()
            // What systemd refuses once it refuses until somebody mends it: a masked or missing unit.
            return [.gaveUp(name, cause: reason)]
        case .order(let order):
            answered(order, index)
            log.warning("\(asked.call.member) of \(Self.unit(of: name)): \(reason)")
            // It may be down already.
            look(at: index)
            return []
        case .reload: return [.reloaded(name, succeeded: false, reason: reason)]
        // The job is done already; the unit's end tells the rest.
        case .jobType: return []
        case .state:
            log.error("\(Self.unit(of: name)): \(reason)")
            repeatLostOrder(of: index)
            return []
        case .everything, .other:
            log.warning("\(asked.call.member) of \(Self.unit(of: name)): \(reason)")
            return []
        }
    }

    private mutating func update(
        _ index: Int,
        _ changes: [String: BusValue],
        isLook: Bool = false
    ) -> [ServiceEvent] {
        let events = units[index].tracker.update(changes, isLook: isLook)
        if units[index].tracker.needsLook { look(at: index) }
        if units[index].tracker.stopsUnasked {
            let job = units[index].tracker.properties.job
            let names: [BusValue] = [.text("org.freedesktop.systemd1.Job"), .text("JobType")]
            let path = "/org/freedesktop/systemd1/job/\(job)"
            ask(.jobType, index, BusCall(path, Self.properties, "Get", names))
        }
        return events
    }

    private func reloaded(_ index: Int, result: String) -> ServiceEvent {
        let name = units[index].tracker.name
        let unit = Self.unit(of: name)
        return .reloaded(
            name,
            succeeded: result == "done",
            reason: result == "done"
                ? "" : "the reload of \(unit) ended as '\(result)': see `journalctl -u \(unit)`"
        )
    }

    private mutating func operatorStops(_ index: Int, job: BusValue?) -> [ServiceEvent] {
        guard units[index].tracker.stopsUnasked, case .text(let type)? = job else { return [] }
        units[index].tracker.expectStop()
        let name = units[index].tracker.name
        let restarts = type == "restart" || type == "try-restart" || type == "start"
        return [restarts ? .restartedElsewhere(name) : .stoppedElsewhere(name)]
    }
}
