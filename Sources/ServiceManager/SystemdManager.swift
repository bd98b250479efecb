package import LinuxIO
package import Logging
package import Primitives

/// The service manager under systemd: the units do the process work, and this asks for it and tells of it.
///
/// It never waits for systemd. A connection that ends is made anew, with a new first look at the units, and
/// with the orders that were lost with it (`SystemdUnits`).
package final class SystemdManager {
    private static let reconnectInterval: Duration = .seconds(1)
    private static let budget = 256

    private let token: UInt64
    private let log: Logger
    private var bus: SystemdBus?
    private var isWatchedForWriting = false
    private var retryAt: Instant?
    private var units: SystemdUnits

    /// `names` are those of services: `proxy` is `tandem-proxy.service`. Throws when systemd can't be reached.
    package init(
        _ names: [String],
        token: UInt64,
        log: Logger,
        _ poller: borrowing Poller
    ) throws(SystemCallError) {
        self.token = token
        self.log = log
        units = SystemdUnits(names, log: log)
        try connect(poller)
    }

    private func connect(_ poller: borrowing Poller) throws(SystemCallError) {
        let made = try SystemdBus()
        try poller.add(made.descriptor, token: token, for: [.readable, .writable])
        isWatchedForWriting = true
        bus = made
        retryAt = nil
        units.connected()
        send()
    }

    /// The unit of a service.
    package static func unit(of name: String) -> String { SystemdUnits.unit(of: name) }

    // MARK: What it is told

    /// Harmless when it runs, or when systemd is about to start it by itself.
    package func start(_ name: String) {
        units.start(name)
        send()
    }

    /// An operator's start is not refused for starts that came before it.
    package func clearStartLimit(of name: String) {
        units.clearStartLimit(of: name)
        send()
    }

    package func stop(_ name: String) {
        units.stop(name)
        send()
    }

    package func kill(_ name: String) {
        units.kill(name)
        send()
    }

    package func reload(_ name: String) {
        units.reload(name)
        send()
    }

    /// All of Tandem, the supervisor as well.
    package func stopEverything() {
        units.stopEverything()
        send()
    }

    private func send() {
        for request in units.takeRequests() {
            let cookie = bus?.send(request.call)
            if cookie == nil {
                log.error(
                    "systemd can't be asked for \(request.call.member) now; it is asked again when it answers"
                )
            }
            units.sent(request, as: cookie)
        }
    }

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
        var events = units.takeNews()
        do throws(SystemCallError) {
            for _ in 0..<Self.budget {
                guard let message = try bus?.next() else { break }
                events += units.hear(message)
                send()
            }
        } catch {
            log.warning("\(error); trying again")
            bus = nil
            units.disconnected()
            retryAt = now + Self.reconnectInterval
        }
        watch(poller)
        return events
    }

    package var nextDeadline: Instant? {
        units.hasNews ? .zero : [retryAt, bus?.nextDeadline].compactMap(\.self).min()
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
}
