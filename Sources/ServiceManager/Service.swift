import CLinux
import Glibc
import LinuxIO
import Primitives

/// What to run and how to watch it.
package struct ServiceSpecification: Equatable, Sendable {
    package var name: String
    /// Absolute.
    package var path: String
    /// Behind the program's name.
    package var arguments: [String]
    /// `WATCHDOG_USEC`: silence for longer counts as hung.
    package var watchdog: Duration
    /// How long a polite stop may take before it becomes SIGKILL.
    package var stopLimit: Duration

    package init(
        name: String,
        path: String,
        arguments: [String],
        watchdog: Duration,
        stopLimit: Duration = .seconds(10)
    ) {
        self.name = name
        self.path = path
        self.arguments = arguments
        self.watchdog = watchdog
        self.stopLimit = stopLimit
    }
}

/// What a service manager tells of its services, by their names.
package enum ServiceEvent: Equatable, Sendable {
    /// `READY=1`.
    case ready(String)
    /// It ended; the cause is a phrase such as `killed by SIGKILL`.
    case exited(String, cause: String)
    /// No `WATCHDOG=1` for its watchdog.
    case watchdogExpired(String)
    /// It wrote this to standard output or standard error.
    case output(String, [UInt8])

    // Of a service manager that acts by itself:
    /// The first look: it runs, and is ready.
    case found(String, pid: Int32)
    /// The first look: it does not run, or is not ready yet.
    case absent(String)
    /// The first look: it ran before and was stopped, by somebody who wanted that.
    case foundStopped(String)
    /// Its process is there.
    case started(String, pid: Int32)
    /// It ended, and the manager starts it no more.
    case gaveUp(String, cause: String)
    /// Somebody else started, stopped or restarted it.
    case startedElsewhere(String)
    case stoppedElsewhere(String)
    case restartedElsewhere(String)
    /// A reload that was asked for has ended; `reason` says why it failed.
    case reloaded(String, succeeded: Bool, reason: String)
}

/// One service and the process that runs for it, which may be an earlier supervisor's child.
final class Service {
    let specification: ServiceSpecification
    let output: ServiceOutput
    let exitToken: UInt64
    let outputToken: UInt64
    var store = DescriptorStore()

    private var isOwnChild = false
    private var child: ChildProcess?
    private var adopted: FileDescriptor?
    private(set) var pid: Int32?
    /// When it was last heard; nil: it is not ready, or does not run.
    private var heardAt: Instant?
    private var killAt: Instant?

    init(
        _ specification: ServiceSpecification,
        output: ServiceOutput,
        exitToken: UInt64,
        outputToken: UInt64
    ) {
        self.specification = specification
        self.output = output
        self.exitToken = exitToken
        self.outputToken = outputToken
    }

    /// Starts a process; throws what failed before the program ran.
    func start(
        environment: [String],
        _ poller: borrowing Poller
    ) throws(SystemCallError) -> Int32 {
        var spawn = Spawn(
            path: specification.path,
            arguments: [specification.path] + specification.arguments,
            environment: environment
        )
        spawn.standardOutput = output.writingEnd
        spawn.standardError = output.writingEnd
        spawn.passed = store.all
        // A Ctrl-C at the terminal is the supervisor's.
        spawn.group = .own
        let started = try spawn.start()
        try poller.add(started.descriptor.rawValue, token: exitToken)
        let startedPID = started.pid
        forgetProcess()
        pid = startedPID
        isOwnChild = true
        child = .some(started)
        return startedPID
    }

    /// Watches a process that somebody else started.
    func adopt(
        pid other: Int32,
        _ poller: borrowing Poller,
        at now: Instant
    ) throws(SystemCallError) {
        let descriptor = FileDescriptor(
            owning: try check(tandem_pidfd_open(other), "pidfd_open", on: specification.name)
        )
        try poller.add(descriptor.rawValue, token: exitToken)
        forgetProcess()
        pid = other
        adopted = .some(descriptor)
        heardAt = now
    }

    func signal(_ number: Int32) {
        if isOwnChild {
            child?.signal(number)
        } else if let descriptor = adopted?.rawValue {
            _ = tandem_pidfd_signal(descriptor, number)
        }
    }

    func stop(at now: Instant) {
        // What is stopped can't hear anything else.
        signal(SIGTERM)
        signal(SIGCONT)
        killAt = now + specification.stopLimit
    }

    func kill() {
        signal(SIGKILL)
    }

    /// How it ended; nil while it runs.
    func reap() -> String? {
        if isOwnChild {
            guard let cause = child?.reap() else { return nil }
            forgetProcess()
            return "\(cause)"
        }
        guard let descriptor = adopted?.rawValue else { return nil }
        // Readable once it has ended, also while nobody has reaped it.
        var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&request, 1, 0) == 1 else { return nil }
        forgetProcess()
        return "ended; an earlier supervisor had started it, so its status is not known"
    }

    /// It has shown by a message that its loop turns.
    func heard(at now: Instant) {
        heardAt = now
    }

    /// Nobody listened until now: the silence counts anew from here.
    func excuse(at now: Instant) {
        if heardAt != nil { heardAt = now }
    }

    func hearsNothing(until now: Instant) -> Bool {
        guard let heardAt, now - heardAt >= specification.watchdog else { return false }
        // Told once; told again if it lives on silently.
        self.heardAt = now
        return true
    }

    /// Kills what was asked to stop and did not.
    func enforceStop(at now: Instant) {
        guard let due = killAt, due <= now else { return }
        killAt = nil
        kill()
    }

    var nextDeadline: Instant? {
        let silence = heardAt.map { $0 + specification.watchdog }
        return [killAt, silence].compactMap(\.self).min()
    }

    private func forgetProcess() {
        pid = nil
        isOwnChild = false
        child = nil
        adopted = nil
        heardAt = nil
        killAt = nil
    }
}
