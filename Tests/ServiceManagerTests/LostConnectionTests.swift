import Logging
import Testing

@testable import ServiceManager

/// systemd with one unit, `Restart=always`, as messages.
private struct PretendSystemd {
    var active = "inactive"
    var sub = "dead"
    var result = "success"
    var pid: Int64 = 0
    var job: Int64 = 0
    /// What is to be done when jobs are next worked on.
    private var queued: String?
    private var lastPID: Int64 = 10
    private(set) var calls: [String] = []
    private var said: [BusMessage] = []

    static func running() -> Self {
        var systemd = PretendSystemd()
        systemd.run()
        return systemd
    }
    static func failed() -> Self {
        var systemd = PretendSystemd()
        (systemd.active, systemd.sub, systemd.result) = ("failed", "failed", "exit-code")
        return systemd
    }

    private var state: [String: BusValue] {
        [
            "ActiveState": .text(active), "SubState": .text(sub), "Result": .text(result),
            "MainPID": .number(pid), "Job": .number(job),
        ]
    }

    private mutating func run() {
        lastPID += 1
        (active, sub, result, pid, job) = ("active", "running", "success", lastPID, 0)
    }

    private mutating func tell() {
        let path = SystemdUnits.path(of: "proxy")
        said.append(.changed(path: path, interface: "org.freedesktop.systemd1.Unit", state))
    }

    mutating func hear(_ call: BusCall, as cookie: UInt64) {
        calls.append(call.member)
        switch call.member {
        case "GetAll": said.append(.reply(cookie: cookie, state))
        case "StartUnit", "StopUnit":
            queued = call.member
            job = 7
            said.append(.reply(cookie: cookie, ["": .number(7)]))
        case "KillUnit":
            said.append(.reply(cookie: cookie, [:]))
            // "all" of nothing is no error.
            guard pid != 0 else { return }
            (active, sub, result, pid) = ("activating", "auto-restart", "signal", 0)
            tell()
            run()
            tell()
        case "ResetFailedUnit":
            if active == "failed" { (active, sub, result) = ("inactive", "dead", result) }
            said.append(.reply(cookie: cookie, [:]))
            tell()
        case "ReloadUnit": said.append(.reply(cookie: cookie, ["": .number(8)]))
        default: said.append(.reply(cookie: cookie, [:]))
        }
    }

    /// Does what is queued; true when there was something.
    mutating func work() -> Bool {
        switch queued {
        case "StartUnit" where pid == 0:
            lastPID += 1
            (active, sub, pid) = ("activating", "start", lastPID)
            tell()
            (active, sub, job) = ("active", "running", 0)
            tell()
        case "StopUnit":
            (active, sub, pid, job) = ("inactive", "dead", 0, 0)
            tell()
        case nil: return false
        default: job = 0
        }
        queued = nil
        return true
    }

    /// The start that is queued fails, and nothing of that is heard.
    mutating func failUntold() {
        queued = nil
        (active, sub, result, job) = ("failed", "failed", "exit-code", 0)
    }

    mutating func takeMessages() -> [BusMessage] {
        defer { said = [] }
        return said
    }
}

/// The supervisor's half and systemd, with a connection between them that can be lost.
private struct Bench {
    var units = SystemdUnits(["proxy"], log: Logger(label: "") { _ in SwiftLogNoOpLogHandler() })
    var systemd: PretendSystemd
    var isConnected = true
    private var cookie: UInt64 = 0
    private(set) var events: [ServiceEvent] = []

    init(_ systemd: PretendSystemd) {
        self.systemd = systemd
        units.connected()
        settle()
        events = []
    }

    /// What was asked goes out; without `isHeard` it is lost on the way.
    mutating func send(isHeard: Bool = true) {
        for request in units.takeRequests() {
            guard isConnected else {
                units.sent(request, as: nil)
                continue
            }
            cookie += 1
            units.sent(request, as: cookie)
            if isHeard { systemd.hear(request.call, as: cookie) }
        }
    }

    mutating func hear() {
        for message in systemd.takeMessages() { events += units.hear(message) }
        events += units.takeNews()
    }

    mutating func disconnect() {
        _ = systemd.takeMessages()
        isConnected = false
        units.disconnected()
        send()
    }

    mutating func reconnect() {
        isConnected = true
        units.connected()
    }

    /// Until nobody has anything to say.
    mutating func settle() {
        for _ in 0..<20 {
            send()
            hear()
            if systemd.work() { hear() }
        }
    }
}

@Suite("A connection to systemd that is lost")
struct LostConnectionTests {
    /// Where an order is when the connection goes.
    enum Moment: CaseIterable, Sendable {
        case notConnected
        case onItsWay
        case queued
        case doneAndUntold
        case answeredAndQueued
        case answeredDoneAndUntold
        case never
    }

    /// `again`: the connection is lost once more before the first look is answered.
    private func pass(
        _ moment: Moment,
        again: Bool,
        _ bench: inout Bench,
        _ give: (inout Bench) -> Void
    ) {
        if moment == .notConnected { bench.disconnect() }
        give(&bench)
        switch moment {
        case .notConnected: bench.send()
        case .onItsWay: bench.send(isHeard: false)
        case .queued: bench.send()
        case .doneAndUntold:
            bench.send()
            _ = bench.systemd.work()
        case .answeredAndQueued:
            bench.send()
            bench.hear()
        case .answeredDoneAndUntold:
            bench.send()
            bench.hear()
            _ = bench.systemd.work()
        case .never:
            bench.settle()
            return
        }
        bench.disconnect()
        bench.reconnect()
        if again {
            bench.send(isHeard: false)
            bench.disconnect()
            bench.reconnect()
        }
        bench.settle()
    }

    @Test(
        "takes no start with it: the process that had failed is there at the end",
        arguments: Moment.allCases,
        [false, true]
    )
    func start(_ moment: Moment, again: Bool) {
        var bench = Bench(.failed())
        pass(moment, again: again, &bench) { $0.units.start("proxy") }
        #expect(bench.events == [.started("proxy", pid: 11), .ready("proxy")])
        #expect(bench.systemd.active == "active")
        let given = bench.systemd.calls.filter { $0 == "StartUnit" }.count
        #expect(given == 1, "\(bench.systemd.calls)")
    }

    @Test(
        "takes no stop with it: the process has ended at the end, and it is said",
        arguments: Moment.allCases,
        [false, true]
    )
    func stop(_ moment: Moment, again: Bool) {
        var bench = Bench(.running())
        pass(moment, again: again, &bench) { $0.units.stop("proxy") }
        #expect(bench.events == [.exited("proxy", cause: "ended")])
        #expect(bench.systemd.active == "inactive")
        let given = bench.systemd.calls.filter { $0 == "StopUnit" }.count
        // A job of a unit that runs may be another: one stop more than it takes is harmless.
        #expect(given == (moment == .queued ? 2 : 1), "\(bench.systemd.calls)")
    }

    @Test(
        "takes no kill with it, and the process that came instead is not killed",
        arguments: Moment.allCases,
        [false, true]
    )
    func kill(_ moment: Moment, again: Bool) {
        var bench = Bench(.running())
        pass(moment, again: again, &bench) { $0.units.kill("proxy") }
        #expect(bench.systemd.pid == 12)
        #expect(bench.events.count == 3, "\(bench.events)")
        guard case .exited("proxy", _)? = bench.events.first else {
            Issue.record("\(bench.events)")
            return
        }
        #expect(bench.events.dropFirst() == [.started("proxy", pid: 12), .ready("proxy")])
        #expect(bench.systemd.calls.filter { $0 == "KillUnit" }.count == 1)
    }

    @Test(
        "ends the wait for a reload, unless it came after the reload's end",
        arguments: Moment.allCases
    )
    func reload(_ moment: Moment) {
        var bench = Bench(.running())
        pass(moment, again: false, &bench) { $0.units.reload("proxy") }
        if moment == .never {
            #expect(bench.events == [])
            _ = bench.units.hear(.jobRemoved(8, result: "done"))
        } else {
            guard case .reloaded("proxy", false, let reason)? = bench.events.first else {
                Issue.record("\(bench.events)")
                return
            }
            #expect(reason.contains("tandem-proxy.service"))
            #expect(bench.events.count == 1)
        }
        #expect(bench.units.hear(.jobRemoved(8, result: "done")) == [])
    }

    @Test("The last order counts: a stop behind a start that was lost leaves nothing running")
    func lastOrder() {
        var bench = Bench(.failed())
        bench.disconnect()
        bench.units.start("proxy")
        bench.send()
        bench.units.stop("proxy")
        bench.send()
        bench.reconnect()
        bench.settle()
        #expect(!bench.systemd.calls.contains("StartUnit"))
        #expect(bench.events == [.exited("proxy", cause: "ended: exit-code")])
    }

    /// What the supervisor does with a start that takes too long.
    @Test("A kill where nothing is left to kill ends the wait all the same")
    func killOfNothing() {
        var bench = Bench(.failed())
        bench.units.start("proxy")
        bench.send(isHeard: false)
        bench.disconnect()
        bench.units.kill("proxy")
        bench.send()
        bench.reconnect()
        bench.settle()
        #expect(bench.events.count == 1)
        guard case .gaveUp("proxy", _)? = bench.events.first else {
            Issue.record("\(bench.events)")
            return
        }
        bench.units.start("proxy")
        bench.settle()
        #expect(bench.events.last == .ready("proxy"))
    }

    @Test(
        "A kill of all where nothing runs any more, which systemd does without a word, is followed up"
    )
    func killAfterUntoldEnd() {
        var bench = Bench(PretendSystemd())
        bench.units.start("proxy")
        bench.send()
        bench.hear()
        bench.systemd.failUntold()
        #expect(bench.events == [])
        bench.units.kill("proxy")
        bench.settle()
        #expect(bench.events == [.gaveUp("proxy", cause: "ended: exit-code")])
    }

    @Test("A stop that systemd refuses for a unit that is down already ends the wait")
    func refusedStop() {
        var bench = Bench(.running())
        bench.units.stop("proxy")
        let requests = bench.units.takeRequests()
        for request in requests { bench.units.sent(request, as: 99) }
        bench.systemd.active = "inactive"
        bench.systemd.sub = "dead"
        bench.systemd.pid = 0
        _ = bench.units.hear(.refusal(cookie: 99, reason: "Unit not loaded."))
        bench.settle()
        #expect(bench.events == [.exited("proxy", cause: "ended")])
    }

    @Test("An order to stop all of Tandem is given until it is answered, and then no more")
    func everything() {
        var bench = Bench(.running())
        bench.disconnect()
        bench.units.stopEverything()
        bench.send()
        bench.reconnect()
        bench.settle()
        #expect(bench.systemd.calls.filter { $0 == "StopUnit" }.count == 1)
        bench.disconnect()
        bench.reconnect()
        bench.settle()
        #expect(bench.systemd.calls.filter { $0 == "StopUnit" }.count == 1)
    }
}
