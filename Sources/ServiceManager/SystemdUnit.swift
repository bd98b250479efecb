import Glibc

/// What systemd says of one service unit (org.freedesktop.systemd1(5)); the parts that decide.
struct UnitProperties: Equatable, Sendable {
    var activeState = ""
    var subState = ""
    /// 0: none runs.
    var mainPID: Int32 = 0
    /// `success`, `exit-code`, `signal`, `core-dump`, `watchdog`, `timeout`, `start-limit-hit`, …
    var result = "success"
    /// `si_code` of the last end (`CLD_EXITED` and its like), and the status or signal that belongs to it.
    var exitCode: Int32 = 0
    var exitStatus: Int32 = 0
    /// The job that is being done on it; 0: none.
    var job: UInt32 = 0
    /// When it last became inactive, by the monotonic clock; 0: never since boot.
    var inactiveSince: Int64 = 0

    /// What has changed, by the names of the properties; others are skipped.
    mutating func apply(_ changes: [String: BusValue]) {
        for (key, value) in changes {
            switch (key, value) {
            case ("ActiveState", .text(let text)): activeState = text
            case ("SubState", .text(let text)): subState = text
            case ("Result", .text(let text)): result = text
            case ("MainPID", .number(let number)): mainPID = Int32(clamping: number)
            case ("ExecMainCode", .number(let number)): exitCode = Int32(clamping: number)
            case ("ExecMainStatus", .number(let number)): exitStatus = Int32(clamping: number)
            case ("Job", .number(let number)): job = UInt32(clamping: number)
            case ("InactiveEnterTimestampMonotonic", .number(let number)): inactiveSince = number
            default: continue
            }
        }
    }

    var isReady: Bool { activeState == "active" || activeState == "reloading" }
    var isStopping: Bool { activeState == "deactivating" }
    /// systemd starts it again by itself.
    var restartsItself: Bool { subState.hasPrefix("auto-restart") }
    /// `Restart=always` ends here only when the start limit is spent or the start is refused.
    var hasFailed: Bool { activeState == "failed" }
    /// `Restart=always` starts it again after every end but one that was asked for.
    var wasStopped: Bool {
        activeState == "inactive" && result == "success" && inactiveSince != 0 && job == 0
    }
    var isDown: Bool { activeState == "inactive" || hasFailed || restartsItself }
    /// A job goes on where nothing runs: a stop that is under way, or the start that follows one.
    var isBetweenStopAndStart: Bool { job != 0 && (isStopping || isDown) }

    /// Nothing runs, and nothing is about to be started.
    var needsStart: Bool {
        activeState.isEmpty || (job == 0 && !restartsItself && (isDown || isStopping))
    }
    /// It runs or is about to, and nobody stops it.
    var needsStop: Bool { restartsItself || !(isDown || isBetweenStopAndStart) }
    /// The process that was to be killed is still there; 0: what was being started, whoever that is now.
    func needsKill(of pid: Int32) -> Bool {
        pid == 0 ? !isDown && !isReady : mainPID == pid
    }

    /// How it ended, as a phrase such as `killed by SIGKILL`.
    var cause: String {
        switch result {
        case "watchdog": return "killed by systemd's watchdog: its loop did not turn"
        case "timeout": return "systemd waited too long for it to start or to stop"
        case "oom-kill": return "killed for want of memory"
        case "start-limit-hit": return "systemd's start limit is spent"
        case "exec-condition": return "its start condition is not met: see its ExecCondition="
        case "resources": return "systemd could not get what it needs to start it"
        case "protocol": return "it ended before it said READY=1"
        default: break
        }
        switch exitCode {
        case Self.exited where exitStatus == 0 && restartsItself:
            return "exited with status 0, as SIGTERM asks for; nobody asked systemd"
        case Self.exited: return "exited with status \(exitStatus)"
        case Self.killed: return "killed by \(Self.signal(exitStatus))"
        case Self.dumped: return "killed by \(Self.signal(exitStatus)), core dumped"
        default: return result == "success" ? "ended" : "ended: \(result)"
        }
    }

    /// `CLD_EXITED`, `CLD_KILLED` and `CLD_DUMPED` of waitid(2).
    private static let exited: Int32 = 1
    private static let killed: Int32 = 2
    private static let dumped: Int32 = 3

    private static func signal(_ number: Int32) -> String {
        switch number {
        case SIGKILL: "SIGKILL"
        case SIGTERM: "SIGTERM"
        case SIGABRT: "SIGABRT"
        case SIGSEGV: "SIGSEGV"
        case SIGILL: "SIGILL"
        case SIGTRAP: "SIGTRAP"
        case SIGBUS: "SIGBUS"
        case SIGSYS: "SIGSYS"
        case SIGINT: "SIGINT"
        case SIGHUP: "SIGHUP"
        default: "signal \(number)"
        }
    }
}

/// Turns what systemd says of one unit into events.
///
/// systemd restarts a unit by itself, faster than it tells: a new main process without a word between
/// means that the old one ended. A stop or start that nobody asked for here is an operator's, by systemctl.
struct UnitTracker: Equatable, Sendable {
    let name: String
    private(set) var properties = UnitProperties()

    private enum Phase: Equatable, Sendable {
        case unknown
        case down
        case starting(pid: Int32)
        case ready(pid: Int32)
    }
    private var phase = Phase.unknown
    /// The supervisor asked for a stop, or an operator's was told already.
    private var expectsStop = false
    /// systemd has not answered the supervisor's start yet: what it says is from before.
    private var isStartUnanswered = false
    /// A unit that systemd restarts by itself is inactive or failed for a moment before it says so: only what
    /// it answers when asked decides.
    private(set) var needsLook = false
    private var lastJudged = UnitProperties()
    /// It was about to be restarted by systemd itself when it was last seen down.
    private var wasRestarting = false
    /// Told of the watchdog of this process.
    private var isHung = false

    init(name: String) {
        self.name = name
    }

    /// A first look was had at it.
    var isKnown: Bool { phase != .unknown }

    /// It runs and is ready, with this pid.
    var readyPID: Int32? {
        if case .ready(let pid) = phase { pid } else { nil }
    }

    /// An operator stops or restarts it: a job is being done that nobody asked for here.
    var stopsUnasked: Bool {
        properties.isStopping && properties.job != 0 && properties.mainPID != 0 && !expectsStop
            && isKnown && phase != .down
    }

    /// Changes that are a part of what is told next.
    mutating func note(_ changes: [String: BusValue]) { properties.apply(changes) }

    mutating func expectStop() { expectsStop = true }

    /// The supervisor has asked for a start.
    mutating func expectStart() {
        if phase == .down { phase = .starting(pid: 0) }
        expectsStop = false
        isStartUnanswered = true
    }

    mutating func startIsRefused() {
        isStartUnanswered = false
        if phase == .starting(pid: 0) { phase = .down }
    }

    mutating func startIsAnswered() { isStartUnanswered = false }

    /// On a new connection; `startIsUnanswered`: the supervisor's last order is a start that systemd may not
    /// have heard.
    mutating func isLookedAtAnew(startIsUnanswered: Bool) {
        isStartUnanswered = startIsUnanswered
    }

    /// `isLook`: the changes are the answer to a question, and not a signal.
    mutating func update(
        _ changes: [String: BusValue],
        isLook: Bool = false
    ) -> [ServiceEvent] {
        let before = lastJudged
        properties.apply(changes)
        let now = properties
        needsLook = !isLook && isKnown && !expectsStop && now.isDown && !now.restartsItself
        guard !needsLook else { return [] }
        lastJudged = now
        switch phase {
        case .unknown: return begin(now)
        case .down:
            if now.hasFailed, !before.hasFailed, wasRestarting {
                wasRestarting = false
                return [.gaveUp(name, cause: now.cause)]
            }
            guard !now.isDown, !now.isStopping, now.mainPID != 0 else { return [] }
            phase = .starting(pid: 0)
            let isNews = !wasRestarting
            return (isNews ? [.startedElsewhere(name)] : []) + advance(now)
        case .starting, .ready: return advance(now)
        }
    }

    private mutating func begin(_ now: UnitProperties) -> [ServiceEvent] {
        guard !now.isStopping, !now.activeState.isEmpty else { return [] }
        if now.isReady, now.mainPID != 0 {
            phase = .ready(pid: now.mainPID)
            return [.found(name, pid: now.mainPID)]
        }
        phase = now.isDown ? .down : .starting(pid: now.mainPID)
        return [now.wasStopped ? .foundStopped(name) : .absent(name)]
    }

    /// What follows while a process is there, or is to come.
    private mutating func advance(_ now: UnitProperties) -> [ServiceEvent] {
        var events: [ServiceEvent] = []
        let known: Int32
        switch phase {
        case .starting(let pid), .ready(let pid): known = pid
        case .unknown, .down: known = 0
        }
        if now.subState == "stop-watchdog", !isHung {
            isHung = true
            events.append(.watchdogExpired(name))
        }
        if now.isDown, !isAwaitingStart(now, known) { return events + end(now) }
        guard now.mainPID != 0 else { return events }
        if now.mainPID != known {
            if known != 0 { events.append(.exited(name, cause: now.cause)) }
            isHung = false
            phase = .starting(pid: now.mainPID)
            events.append(.started(name, pid: now.mainPID))
        }
        if now.isReady, phase != .ready(pid: now.mainPID) {
            phase = .ready(pid: now.mainPID)
            events.append(.ready(name))
        }
        return events
    }

    /// A start was asked for, and what systemd says is still from before it.
    private func isAwaitingStart(_ now: UnitProperties, _ known: Int32) -> Bool {
        known == 0
            && (isStartUnanswered || now.restartsItself || (!now.hasFailed && now.job != 0))
    }

    private mutating func end(_ now: UnitProperties) -> [ServiceEvent] {
        phase = .down
        isHung = false
        wasRestarting = now.restartsItself
        if now.hasFailed, !expectsStop { return [.gaveUp(name, cause: now.cause)] }
        if now.activeState == "inactive", now.result == "success", !expectsStop {
            // A stop is done when its unit is down; a job that is left is the other half of a restart.
            if now.job != 0 {
                return [.restartedElsewhere(name), .exited(name, cause: "restarted by systemctl")]
            }
            return [.stoppedElsewhere(name), .exited(name, cause: "stopped by systemctl")]
        }
        return [.exited(name, cause: now.cause)]
    }
}
