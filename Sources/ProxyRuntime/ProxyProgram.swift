import CLinux
import Glibc
import HAProxySyntax
import LinuxIO
import Logging
import Messages
import Primitives
import Systemd

/// `tandem-proxy` from its command line to its exit status.
package enum ProxyProgram {
    /// Runs the program. `arguments` are those behind its name.
    package static func main(_ arguments: [String]) -> Int32 {
        switch ProxyOptions.parse(arguments) {
        case .help:
            ConfigurationFiles.write(ProxyOptions.usage + "\n", to: STDOUT_FILENO)
            return 0
        case .version:
            ConfigurationFiles.write("tandem-proxy \(Hello.currentBuild)\n", to: STDOUT_FILENO)
            return 0
        case .unusable(let reason):
            ConfigurationFiles.write(
                "tandem-proxy: \(reason)\n\(ProxyOptions.usage)\n",
                to: STDERR_FILENO
            )
            return 2
        case .run(let options):
            if let pid = options.reloads {
                return ReloadRecord.ask(pid, directory: options.runtimeDirectory)
            }
            return options.checkOnly ? ConfigurationFiles.check(options.files) : run(options)
        }
    }

    private struct StartFailure: Error {
        var text: String
    }

    private static func run(_ options: ProxyOptions) -> Int32 {
        let log = Logger.daemon("tandem-proxy")
        let files = ConfigurationFiles(options.files)
        log.tell(files.diagnostics)
        guard let configuration = files.configuration else { return 1 }
        do {
            let user = try identity(configuration.global)
            let opened = try open(options, configuration, log)
            if let user { opened.listeners.give(to: user.uid) }
            try becomeUnprivileged(user, log)
            // Threads are begun after this, so that none of them has kept anything.
            let proxy = try Proxy(
                options: options,
                configuration: configuration,
                opened: opened,
                log: log
            )
            return try proxy.run()
        } catch let failure as StartFailure {
            log.critical("\(failure.text)")
        } catch {
            log.critical("\(error)")
        }
        return 1
    }

    /// Opens what takes privileges, in the order in which it may fail.
    private static func open(
        _ options: ProxyOptions,
        _ configuration: HAProxyConfiguration,
        _ log: Logger
    ) throws -> Proxy.Opened {
        let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGUSR1, SIGHUP])
        SignalDescriptor.ignoreBrokenPipes()
        tandem_read_zone()
        let workers = configuration.global.threads ?? max(Int(tandem_usable_cores()), 1)
        let wanted = Capacity.descriptors(
            for: configuration.global.maxconn ?? 0,
            Capacity.Needs(of: configuration, workers: workers)
        )
        let descriptors = Int(max(tandem_raise_descriptor_limit(Int64(wanted)), 256))
        let capacity = Capacity(of: configuration, descriptors: descriptors, workers: workers)
        if let note = capacity.note { log.warning("\(note)") }
        var listeners = Listeners(workers: workers)
        listeners.receive(ServiceEnvironment.receivedDescriptors())
        var notifier = Notifier()
        var builder = PlanBuilder(logSockets: LogSockets(), workers: listeners.workers)
        try listeners.open(WantedListener.all(of: configuration, maxconn: capacity.maxconn))
        let plan = builder.plan(for: configuration, maxconn: capacity.maxconn)
        for line in listeners.settle() { log.warning("\(line)") }
        // A socket that no 'bind' asks for any more would go on queueing connections that nobody accepts.
        for name in listeners.keep(Set(plan.listeners.map(\.name))) {
            notifier.forget(name: name)
            log.notice("\(name): no 'bind' asks for it any more, closed")
        }
        listeners.isReload = true
        let directory = RuntimeDirectory(path: options.runtimeDirectory)
        try directory.prepare()
        guard !UnixSocket.isServed(directory.proxySocket) else {
            throw StartFailure(text: "another proxy runs: it answers at \(directory.proxySocket)")
        }
        let supervisor = try SupervisorLink(
            directory: directory,
            firstToken: Proxy.Token.firstConnection
        )
        let record = ReloadRecord(in: directory.path)
        try writePidfile(configuration.global.pidfile)
        return Proxy.Opened(
            signals: signals,
            supervisor: supervisor,
            notifier: notifier,
            record: record,
            listeners: listeners,
            builder: builder,
            plan: plan,
            limit: ConnectionLimit(capacity.maxconn),
            descriptorLimit: descriptors,
            pipes: capacity.pipes,
            identity: logIdentity(configuration.global)
        )
    }

    private static func logIdentity(_ global: GlobalSection) -> LogIdentity {
        var hostname = global.logHostname
        if hostname == "" {
            var name = [CChar](repeating: 0, count: 256)
            _ = unsafe gethostname(&name, name.count - 1)
            let bytes = name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
            hostname = String(decoding: bytes, as: UTF8.self)
        }
        return LogIdentity(tag: global.logTag ?? "haproxy", pid: getpid(), hostname: hostname)
    }

    private static func writePidfile(_ path: String?) throws {
        guard let path else { return }
        let raw = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard raw >= 0 else { throw SystemCallError("open", on: path, errno: errno) }
        let file = FileDescriptor(owning: raw)
        _ = try file.write(Array("\(getpid())\n".utf8))
    }

    // MARK: Privileges

    /// Whom to become; nil when this is not root, who alone can.
    private static func identity(_ global: GlobalSection) throws -> UserIdentity? {
        guard geteuid() == 0 else { return nil }
        if let uid = global.uid {
            let gid = global.gid ?? uid
            return UserIdentity(name: "uid \(uid)", uid: uid, gid: gid, groups: [gid])
        }
        let name = global.user ?? "haproxy"
        if let user = UserIdentity.named(name, group: global.group) { return user }
        guard UserIdentity.named(name) == nil else {
            throw StartFailure(
                text: "there is no group '\(global.group ?? "")': create it with "
                    + "'groupadd --system \(global.group ?? "")', or write another 'group'"
            )
        }
        throw StartFailure(
            text:
                "there is no user '\(name)' to run as: create it with 'useradd --system \(name)', "
                + "or write another 'user' into 'global'"
        )
    }

    private static func becomeUnprivileged(_ user: UserIdentity?, _ log: Logger) throws {
        guard let user else {
            // A unit may have started it as its user with the capability to bind ports below 1024.
            try Privileges.keepOnly([])
            try Privileges.forbidNewPrivileges()
            log.notice("runs as uid \(geteuid()), as it was started, without capabilities")
            return
        }
        guard user.uid != 0 else {
            log.warning("'user \(user.name)' is root: privileges are kept, as the file says")
            return
        }
        try Privileges.drop(to: user)
        log.notice("runs as \(user.name) (uid \(user.uid), gid \(user.gid)) without capabilities")
    }
}
