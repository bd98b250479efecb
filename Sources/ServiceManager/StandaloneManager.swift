import Glibc
package import LinuxIO
package import Logging
package import Primitives

/// The service manager of the stand-alone mode: children, notify socket, fd store, watchdog.
///
/// It decides nothing: it starts, stops and kills what it is told to, and says what happened. Its children
/// outlive it; the next one adopts them.
package final class StandaloneManager {
    private let services: [Service]
    private let notify: FileDescriptor
    private let notifyToken: UInt64
    private let notifyPath: String
    private let log: Logger

    /// How many datagrams one turn of the loop reads at most.
    private static let budget = 64

    /// Takes tokens from `firstToken` on, two for each service and one more.
    package init(
        _ specifications: [ServiceSpecification],
        directory: RuntimeDirectory,
        firstToken: UInt64,
        log: Logger,
        _ poller: borrowing Poller
    ) throws(SystemCallError) {
        self.log = log
        notifyToken = firstToken
        notifyPath = directory.notifySocket
        // The proxy writes to it as its own user; who it is, the kernel says with each datagram.
        notify = try UnixDatagram.receiver(at: notifyPath, mode: 0o666)
        try poller.add(notify.rawValue, token: notifyToken)
        var made: [Service] = []
        for (index, specification) in specifications.enumerated() {
            let output = try ServiceOutput(path: "\(directory.path)/\(specification.name).output")
            let token = firstToken + 1 + 2 * UInt64(index)
            try poller.add(output.reader.rawValue, token: token + 1)
            made.append(
                Service(specification, output: output, exitToken: token, outputToken: token + 1)
            )
        }
        services = made
    }

    // MARK: What it is told

    /// The pid of the new process; throws what failed before the program ran.
    package func start(_ name: String, _ poller: borrowing Poller) throws(SystemCallError) -> Int32
    {
        guard let service = service(name) else {
            throw SystemCallError("start", on: name, errno: ESRCH)
        }
        let microseconds = service.specification.watchdog.nanoseconds / 1000
        var environment = Self.inherited
        environment.append("NOTIFY_SOCKET=\(notifyPath)")
        environment.append("WATCHDOG_USEC=\(microseconds)")
        environment.append("FDSTORE=\(DescriptorStore.limit)")
        return try service.start(environment: environment, poller)
    }

    /// Watches a process of an earlier supervisor.
    package func adopt(
        _ name: String,
        pid: Int32,
        _ poller: borrowing Poller,
        at now: Instant
    ) throws(SystemCallError) {
        try service(name)?.adopt(pid: pid, poller, at: now)
    }

    package func stop(_ name: String, at now: Instant) { service(name)?.stop(at: now) }

    package func kill(_ name: String) { service(name)?.kill() }

    /// SIGHUP.
    package func reload(_ name: String) { service(name)?.signal(SIGHUP) }

    /// Closes what the service left: it is stopped for good.
    package func forgetDescriptors(of name: String) { service(name)?.store.removeAll() }

    // MARK: What it tells

    package func owns(_ token: UInt64) -> Bool {
        token >= notifyToken && token <= notifyToken + 2 * UInt64(services.count)
    }

    package func ready(_ token: UInt64, at now: Instant) -> [ServiceEvent] {
        if token == notifyToken { return readNotifications(at: now) }
        for service in services {
            if token == service.exitToken { return collect(service, at: now) }
            if token == service.outputToken {
                return service.output.read().map { [.output(service.specification.name, $0)] } ?? []
            }
        }
        return []
    }

    /// What follows from the time alone.
    package func passTime(at now: Instant) -> [ServiceEvent] {
        var events: [ServiceEvent] = []
        for service in services {
            service.enforceStop(at: now)
            if service.hearsNothing(until: now) {
                events.append(.watchdogExpired(service.specification.name))
            }
        }
        return events
    }

    /// This process stood still, so its services' silence proves nothing.
    package func excuse(at now: Instant) {
        for service in services { service.excuse(at: now) }
    }

    package var nextDeadline: Instant? { services.compactMap(\.nextDeadline).min() }

    /// The last bytes of what it wrote.
    package func tail(_ name: String, bytes: Int) -> [UInt8] {
        service(name)?.output.tail(bytes) ?? []
    }

    /// The end of a process, behind what it said last.
    private func collect(_ service: Service, at now: Instant) -> [ServiceEvent] {
        var events = readNotifications(at: now)
        while let piece = service.output.read() {
            events.append(.output(service.specification.name, piece))
        }
        if let cause = service.reap() {
            events.append(.exited(service.specification.name, cause: cause))
        }
        return events
    }

    private func readNotifications(at now: Instant) -> [ServiceEvent] {
        var events: [ServiceEvent] = []
        for _ in 0..<Self.budget {
            guard let datagram = try? UnixDatagram.receive(from: notify) else { return events }
            // Only a service's own process speaks for it.
            guard let sender = datagram.sender,
                let service = services.first(where: { $0.pid == sender.pid })
            else {
                datagram.closeAll()
                continue
            }
            let message = NotifyMessage(datagram.bytes)
            if message.storesDescriptors {
                for raw in datagram.descriptors {
                    service.store.insert(
                        FileDescriptor(owning: raw),
                        name: message.descriptorName
                    )
                }
            } else {
                datagram.closeAll()
            }
            if message.removesDescriptors { service.store.remove(name: message.descriptorName) }
            if message.isReady || message.isWatchdog { service.heard(at: now) }
            if message.isReady { events.append(.ready(service.specification.name)) }
            if let status = message.status {
                log.debug("\(service.specification.name): \(status)")
            }
        }
        return events
    }

    private func service(_ name: String) -> Service? {
        services.first { $0.specification.name == name }
    }

    /// All that a service gets of this process's environment.
    private static var inherited: [String] {
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) }
        let language = unsafe getenv("LANG").map { unsafe String(cString: $0) }
        return ["PATH=" + (path ?? "/usr/sbin:/usr/bin:/sbin:/bin"), "LANG=" + (language ?? "C")]
    }
}
