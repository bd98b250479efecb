import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Logging
import Messages
import Primitives
import Systemd

/// The way from the command line to the running proxy.
package enum ProxyProgram {
    /// Runs `tandem-proxy` with its arguments, the program's name not among them; the exit code.
    package static func run(_ arguments: [String]) -> Int32 {
        var problem = ""
        guard let options = ProxyOptions.parse(arguments, problem: &problem) else {
            say("tandem-proxy: \(problem)\n" + ProxyOptions.usage, to: STDERR_FILENO)
            return 2
        }
        switch options.task {
        case .help:
            say(ProxyOptions.usage, to: STDOUT_FILENO)
            return 0
        case .version:
            say("tandem-proxy \(Hello.currentBuild)\n", to: STDOUT_FILENO)
            return 0
        case .check: return check(options)
        case .run: return start(options)
        }
    }

    private static func say(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
    }

    /// `haproxy -c`.
    private static func check(_ options: ProxyOptions) -> Int32 {
        let loaded = LoadedConfiguration.load(options.files)
        for diagnostic in loaded.diagnostics {
            say(LoadedConfiguration.line(for: diagnostic) + "\n", to: STDERR_FILENO)
        }
        guard loaded.configuration != nil else {
            say(
                "[ALERT]    (\(getpid())) : config : Fatal errors found in configuration.\n",
                to: STDERR_FILENO
            )
            return 1
        }
        if loaded.diagnostics.contains(where: { $0.severity == .warning }) {
            say("Warnings were found.\n", to: STDOUT_FILENO)
        }
        say("Configuration file is valid\n", to: STDOUT_FILENO)
        return 0
    }

    private static func start(_ options: ProxyOptions) -> Int32 {
        let logger = Logger.daemon("tandem-proxy")
        do throws(StartError) {
            return try serve(options, logger)
        } catch {
            logger.critical("\(error)")
            return 1
        }
    }

    private static func serve(_ options: ProxyOptions, _ logger: Logger) throws(StartError) -> Int32
    {
        SignalDescriptor.ignoreBrokenPipes()
        tandem_load_time_zone()
        var notifier = Notifier()
        let loaded = LoadedConfiguration.load(options.files)
        for diagnostic in loaded.diagnostics where diagnostic.severity != .note {
            logger.log(
                level: diagnostic.severity == .error ? .error : .warning,
                "\(diagnostic)"
            )
        }
        guard let configuration = loaded.configuration else {
            throw StartError("the configuration is not valid; check it with 'tandem-proxy -c'")
        }
        let threads = min(max(configuration.global.threads ?? 1, 1), 64)
        let capacity = Capacity.fitting(configuration, threads: threads)
        if let warning = capacity.warning { logger.warning("\(warning)") }
        let isRoot = geteuid() == 0
        let user = isRoot ? try Identity.wanted(by: configuration.global) : nil
        let plan = Plan(configuration, maxconn: capacity.maxconn, generation: 1)

        do throws(SystemCallError) {
            // Before any thread, which inherits the blocked set.
            let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGUSR1])
            try options.runtimeDirectory.prepare()
            let link = try SupervisorLink(path: options.runtimeDirectory.proxySocket)
            let listeners = try openListeners(of: plan, &notifier, logger)
            writePidFile(configuration.global.pidfile, logger)
            let tag = LogTag(
                name: configuration.global.logTag ?? "haproxy",
                pid: getpid(),
                hostname: hostname(configuration.global.logHostname)
            )
            var logs = LogWriter(tag: tag)
            logs.open(plan.frontends.flatMap(\.logs) + plan.backends.flatMap(\.logs))
            if let user {
                try drop(to: user, chroot: configuration.global.chroot, logger)
            } else {
                try settle(as: configuration.global, logger)
            }
            let resolver = try Resolver()
            try resolver.start()
            var channels: [WorkerChannel] = []
            for _ in 0..<threads { channels.append(try WorkerChannel()) }
            let now = Clock.now
            let board = ServerBoard(
                plan: plan,
                channels: channels,
                resolver: resolver,
                carriedOver: [],
                at: now
            )
            for channel in channels {
                channel.post(
                    .adopt(
                        plan,
                        listeners: workerListeners(of: plan, listeners),
                        servers: board.standings
                    )
                )
                let share = (capacity.maxconn + threads - 1) / threads
                try startWorker(channel: channel, capacity: share, tag: tag)
            }
            let interval = ServiceEnvironment.watchdogInterval()
            var proxy = Proxy(
                options: options,
                logger: logger,
                notifier: notifier,
                poller: try Poller(),
                signals: signals,
                link: link,
                resolver: resolver,
                channels: channels,
                listeners: listeners,
                board: board,
                logs: logs,
                beatAt: now,
                watchdogAt: interval.map { now + $0 / 2 },
                watchdogInterval: interval,
                maxconn: capacity.maxconn
            )
            return try proxy.run()
        } catch {
            throw StartError("\(error)" + hint(for: error))
        }
    }

    private static func hint(for error: SystemCallError) -> String {
        switch error.errno {
        case EADDRINUSE: "; another program listens there: 'ss -ltnp' names it"
        case EACCES, EPERM: "; start it as root, it drops its privileges by itself"
        default: ""
        }
    }

    /// `Privileges.drop` verifies that there is no way back.
    private static func drop(
        to user: UserIdentity,
        chroot: String?,
        _ logger: Logger
    )
        throws(SystemCallError)
    {
        if let chroot { try LinuxIO.check(unsafe tandem_chroot(chroot), "chroot", on: chroot) }
        try Privileges.drop(to: user)
        logger.notice(
            "runs as \(user.name) (uid \(user.uid), gid \(user.gid)) without capabilities"
        )
    }

    /// Started as the user already, as the unit does: what is left to give up is the capability to bind ports
    /// below 1024. Changing user or root directory is what a process without root can't do.
    private static func settle(
        as global: GlobalSection,
        _ logger: Logger
    )
        throws(SystemCallError)
    {
        try Privileges.keepOnly([])
        try Privileges.forbidNewPrivileges()
        let uid = geteuid()
        logger.notice("runs as uid \(uid), as it was started, without capabilities")
        if let wanted = try? Identity.wanted(by: global), wanted.uid != uid {
            logger.warning(
                """
                the configuration asks for user '\(wanted.name)' (uid \(wanted.uid)), which takes a start \
                as root, or User= in the unit
                """
            )
        }
        if let chroot = global.chroot {
            logger.notice("'chroot \(chroot)' takes a start as root: the root directory stays")
        }
    }

    /// Takes sockets back from the fd store by name, and opens the others. A socket that no 'bind' asks for any
    /// more is taken out of the store: it would go on queueing connections that nobody accepts.
    private static func openListeners(
        of plan: Plan,
        _ notifier: inout Notifier,
        _ logger: Logger
    ) throws(SystemCallError)
        -> ListenerSet
    {
        var stored = ServiceEnvironment.receivedDescriptors()
        var listeners = ListenerSet()
        for frontend in plan.frontends {
            for bind in frontend.binds {
                let name = Listener.name(of: bind)
                guard listeners.descriptor(named: name) == nil else { continue }
                if let index = stored.firstIndex(where: { $0.name == name }) {
                    let raw = stored.remove(at: index).descriptor
                    try LinuxIO.check(tandem_set_nonblocking(raw), "fcntl", on: name)
                    listeners.insert(name, raw)
                    logger.notice("\(name): listens on the socket that was kept for it")
                    continue
                }
                do throws(SystemCallError) {
                    listeners.insert(name, try Listener.openRaw(bind, maxconn: plan.maxconn))
                } catch {
                    throw SystemCallError(
                        error.call,
                        on: "\(error.subject) (\(bind.location))",
                        errno: error.errno
                    )
                }
            }
        }
        for left in stored {
            notifier.forget(name: left.name)
            _ = close(left.descriptor)
            logger.notice("\(left.name): no 'bind' asks for it any more, closed")
        }
        return listeners
    }

    private static func writePidFile(_ path: String?, _ logger: Logger) {
        guard let path else { return }
        let raw = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard raw >= 0 else {
            logger.warning("pidfile \(path): \(errorText(errno))")
            return
        }
        let file = FileDescriptor(owning: raw)
        _ = try? file.write(Array("\(getpid())\n".utf8))
    }

    private static func hostname(_ wanted: String?) -> String? {
        guard let wanted else { return nil }
        guard wanted.isEmpty else { return wanted }
        var name = [CChar](repeating: 0, count: 256)
        guard unsafe gethostname(&name, name.count - 1) == 0 else { return nil }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
