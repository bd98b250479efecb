import CLinux
import Glibc
import Links
import LinuxIO
import Logging
import Messages
import Primitives
import Systemd

/// The program that runs check scripts and notify programs for the agent, in a process of its own: it may
/// become other users and signal them, and has nothing of the network.
///
/// It runs what it is told and says what became of it; it ends when the agent does. A check that is still
/// running when its time comes again is not run twice. Whatever runs longer than it may gets SIGTERM, and
/// SIGKILL two seconds later, both with all of its process group.
final class ScriptRunner {
    static let privileges: CapabilitySet = [.setUserID, .setGroupID, .kill]
    /// The runner has it not, but `ping` carries it in its file and can't be executed where it is out of
    /// reach; a check that pings a gateway is a common one.
    static let attainable: CapabilitySet = [.netRaw]
    static let checkCount = 256
    private static let linkToken: UInt64 = 0

    private struct Check {
        var order: CheckOrder
        var startAt: Instant
        /// The token of its program while it runs.
        var running: UInt64?
    }

    private let log: Logger
    private var poller: Poller
    private var link: FrameLink<AgentToRunner, RunnerToAgent>
    private var checks: [String: Check] = [:]
    private var notifications = NotifyQueue()
    /// By the path of their FIFO.
    private var kept: [String: KeptProgram] = [:]
    private var programs: [UInt64: RunningProgram] = [:]
    private var nextToken: UInt64 = 1
    private var isFinishing = false

    init(link socket: consuming FileDescriptor, log: Logger) throws(SystemCallError) {
        let peer = try UnixSocket.peer(of: socket)
        let poller = try Poller()
        try poller.add(socket.rawValue, token: Self.linkToken)
        self.poller = poller
        self.log = log
        link = FrameLink(socket: socket, peer: peer)
    }

    /// The whole life of the process; returns its exit status.
    static func main() -> Int32 {
        let log = Logger.daemon("tandem-agent-scripts")
        // The agent's end decides when this one ends; signals to the whole service do not.
        for signal in [SIGTERM, SIGINT, SIGHUP, SIGPIPE] { tandem_ignore_signal(signal) }
        do throws(SystemCallError) {
            try check(
                tandem_set_cloexec(ScriptRunnerLink.descriptor, 1),
                "fcntl",
                on: "descriptor 3"
            )
            try Privileges.keepOnly(privileges, attainable: attainable)
            let runner = try ScriptRunner(
                link: FileDescriptor(owning: ScriptRunnerLink.descriptor),
                log: log
            )
            let held = try Privileges.held()
            runner.link.send(.ready(pid: UInt32(getpid()), privileges: held.rawValue))
            try runner.run()
            return 0
        } catch {
            log.error("the script runner can't go on: \(error)")
            return 1
        }
    }

    private func run() throws(SystemCallError) {
        var events: [ReadyEvent] = []
        while !(isFinishing && programs.isEmpty && notifications.isIdle) {
            events.removeAll(keepingCapacity: true)
            try poller.wait(until: nextDeadline, into: &events)
            let now = Clock.now
            fireDeadlines(at: now)
            for event in events {
                if event.token == Self.linkToken {
                    readOrders(event.readiness, at: now)
                } else {
                    ended(event.token, at: now)
                }
            }
            startNotification(at: now)
        }
    }

    private var nextDeadline: Instant? {
        let starts = checks.values.map(\.startAt)
        let restarts = kept.values.filter { $0.running == nil }.map(\.startAt)
        return (starts + restarts + programs.values.compactMap(\.deadline)).min()
    }

    private func fireDeadlines(at now: Instant) {
        for name in checks.keys.sorted() {
            guard var check = checks[name], check.startAt <= now else { continue }
            let missed =
                (now - check.startAt).nanoseconds / max(1, check.order.interval.nanoseconds)
            check.startAt = check.startAt + check.order.interval * Int(missed + 1)
            checks[name] = check
            if check.running == nil { start(check.order, at: now) }
        }
        startKept(at: now)
        for (token, program) in programs where program.isDue(at: now) {
            if !program.enforceLimit(at: now) {
                log.error("a program of \(program.purpose.name) does not end even by SIGKILL")
                programs[token] = nil
                report(program, .timedOut, at: now)
            }
        }
    }

    // MARK: Orders

    private func readOrders(_ readiness: Readiness, at now: Instant) {
        if readiness.contains(.writable) { link.flush() }
        for _ in 0..<64 {
            switch link.receive() {
            case .nothing: return
            case .closed:
                try? poller.remove(link.socket.rawValue)
                finish(at: now)
                return
            case .frame(let frame): obey(frame.message, at: now)
            }
        }
    }

    private func obey(_ order: AgentToRunner, at now: Instant) {
        switch order {
        case .check(let order):
            guard checks.count < Self.checkCount || checks[order.name] != nil else {
                log.error("more than \(Self.checkCount) checks: \(order.name) is not run")
                return
            }
            // What runs by an older order is of no interest any more.
            stop(checks[order.name]?.running, at: now)
            var order = order
            order.interval = max(order.interval, .milliseconds(10))
            checks[order.name] = Check(order: order, startAt: now, running: nil)
            fireDeadlines(at: now)
        case .forget(let name):
            stop(checks[name]?.running, at: now)
            checks[name] = nil
        case .notify(let order):
            for dropped in notifications.append(order) {
                link.send(.notified(router: dropped.order.router, outcome: dropped.outcome))
            }
        case .keep(let name, let program):
            stop(kept[name]?.running, at: now)
            kept[name] = KeptProgram(order: program, startAt: now)
            startKept(at: now)
        case .release(let name):
            stop(kept[name]?.running, at: now)
            kept[name] = nil
        case .finish: finish(at: now)
        }
    }

    private func finish(at now: Instant) {
        isFinishing = true
        for check in checks.values { stop(check.running, at: now) }
        for program in kept.values { stop(program.running, at: now) }
        checks = [:]
        kept = [:]
    }

    private func stop(_ token: UInt64?, at now: Instant) {
        guard let token, let program = programs[token] else { return }
        program.isUnwanted = true
        program.end(at: now)
    }

    // MARK: Programs

    private func start(_ order: CheckOrder, at now: Instant) {
        do throws(ProgramError) {
            checks[order.name]?.running = try launch(
                order.program,
                .check(order.name),
                limit: order.timeLimit,
                at: now
            )
        } catch {
            let result = CheckResult(
                name: order.name,
                outcome: .notStarted(error.reason),
                milliseconds: 0,
                serial: order.serial
            )
            link.send(.checked(result))
        }
    }

    private func startKept(at now: Instant) {
        for (name, program) in kept where program.running == nil && program.startAt <= now {
            do throws(ProgramError) {
                kept[name]?.running = try launch(program.order, .keep(name), limit: nil, at: now)
            } catch {
                kept[name]?.hasEnded(at: now)
                link.send(.ended(name: name, outcome: .notStarted(error.reason)))
            }
        }
    }

    private func startNotification(at now: Instant) {
        while let order = notifications.next() {
            do throws(ProgramError) {
                _ = try launch(
                    order.program,
                    .notify(order.router),
                    limit: order.timeLimit,
                    at: now
                )
                return
            } catch {
                _ = notifications.finish()
                link.send(.notified(router: order.router, outcome: .notStarted(error.reason)))
            }
        }
    }

    private func launch(
        _ order: ProgramOrder,
        _ purpose: RunningProgram.Purpose,
        limit: Duration?,
        at now: Instant
    ) throws(ProgramError) -> UInt64 {
        let program = try RunningProgram(order, purpose, limit: limit, at: now)
        nextToken += 1
        do throws(SystemCallError) {
            try poller.add(program.process.descriptor.rawValue, token: nextToken)
        } catch {
            program.process.signalGroup(SIGKILL)
            throw ProgramError(reason: "\(error)")
        }
        programs[nextToken] = program
        return nextToken
    }

    private func ended(_ token: UInt64, at now: Instant) {
        guard let program = programs[token], let cause = program.process.reap() else { return }
        programs[token] = nil
        report(program, program.outcome(of: cause), at: now)
    }

    private func report(_ program: RunningProgram, _ outcome: ProgramOutcome, at now: Instant) {
        switch program.purpose {
        case .check(let name):
            // An order that came meanwhile has its own run.
            guard !program.isUnwanted else { return }
            checks[name]?.running = nil
            let serial = checks[name]?.order.serial ?? 0
            let milliseconds = UInt32(clamping: (now - program.startedAt).milliseconds)
            link.send(
                .checked(
                    CheckResult(
                        name: name,
                        outcome: outcome,
                        milliseconds: milliseconds,
                        serial: serial
                    )
                )
            )
        case .notify(let router):
            _ = notifications.finish()
            link.send(.notified(router: router, outcome: outcome))
        case .keep(let name):
            guard !program.isUnwanted else { return }
            kept[name]?.hasEnded(at: now)
            link.send(.ended(name: name, outcome: outcome))
        }
    }
}
