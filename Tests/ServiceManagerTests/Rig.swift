import CLinux
import Glibc
import LinuxIO
import Logging
import NamespaceLab
import Primitives

@testable import ServiceManager

/// A stand-alone manager on a directory of its own, with one service that is a script.
final class Rig {
    let directory: RuntimeDirectory
    private(set) var events: [ServiceEvent] = []
    private(set) var manager: StandaloneManager
    private var poller: Poller
    private var pids: [Int32] = []
    private let specification: ServiceSpecification

    static let name = "service"

    /// Perl is part of every Debian: a shell can't send a datagram under its own pid.
    static let perl = """
        #!/usr/bin/perl
        use strict; use Socket; $| = 1;
        sub say_it {
            socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die;
            send($s, $_[0], 0, sockaddr_un($ENV{NOTIFY_SOCKET}));
        }

        """

    /// `body` is Perl; `path` runs that program instead.
    init(
        _ body: String = "",
        path: String? = nil,
        arguments: [String] = [],
        watchdog: Duration = .seconds(10),
        stopLimit: Duration = .seconds(5)
    ) throws {
        var template = Array("/tmp/tandem-manager-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemCallError("mkdtemp", errno: errno) }
        let made = String(
            decoding: template.dropLast().map(UInt8.init(bitPattern:)),
            as: UTF8.self
        )
        directory = RuntimeDirectory(path: made)
        // The proxy speaks to its manager as its own user.
        chmod(made, 0o755)
        try write(Self.perl + body + "\n", to: made + "/script", mode: 0o755)
        specification = ServiceSpecification(
            name: Self.name,
            path: path ?? made + "/script",
            arguments: arguments,
            watchdog: watchdog,
            stopLimit: stopLimit
        )
        poller = try Poller()
        manager = try Self.make(specification, directory, poller)
    }

    private static func make(
        _ specification: ServiceSpecification,
        _ directory: RuntimeDirectory,
        _ poller: borrowing Poller
    ) throws -> StandaloneManager {
        try StandaloneManager(
            [specification],
            directory: directory,
            firstToken: 100,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            poller
        )
    }

    deinit {
        for pid in pids where kill(pid, 0) == 0 {
            kill(pid, SIGKILL)
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
        for entry in entries(of: directory.path) { unlink(directory.path + "/" + entry) }
        rmdir(directory.path)
    }

    func start() throws -> Int32 {
        let pid = try manager.start(Self.name, poller)
        pids.append(pid)
        return pid
    }

    /// The manager goes as if its process had been killed, and another one takes its place.
    func replaceManager() throws {
        poller = try Poller()
        manager = try Self.make(specification, directory, poller)
    }

    func adopt(_ pid: Int32) throws {
        try manager.adopt(Self.name, pid: pid, poller, at: Clock.now)
    }

    func stop() { manager.stop(Self.name, at: Clock.now) }

    /// Turns the loop until an event satisfies the condition; nil: none did in time.
    func event(
        within limit: Duration = .seconds(10),
        where matches: (ServiceEvent) -> Bool
    ) throws -> ServiceEvent? {
        let deadline = Clock.now + limit
        var seen = events.count
        while true {
            if let found = events[seen...].first(where: matches) { return found }
            seen = events.count
            guard Clock.now < deadline else { return nil }
            var ready: [ReadyEvent] = []
            let next = min(manager.nextDeadline ?? deadline, deadline)
            try poller.wait(until: next, into: &ready)
            for event in ready { events += manager.ready(event.token, at: Clock.now) }
            events += manager.passTime(at: Clock.now)
        }
    }

    func isReady(within limit: Duration = .seconds(10)) throws -> Bool {
        try event(within: limit) { $0 == .ready(Self.name) } != nil
    }

    func cause(within limit: Duration = .seconds(10)) throws -> String? {
        let found = try event(within: limit) { event in
            if case .exited = event { true } else { false }
        }
        guard case .exited(_, let cause)? = found else { return nil }
        return cause
    }

    /// All output so far.
    var output: String {
        String(decoding: manager.tail(Self.name, bytes: 1 << 20), as: UTF8.self)
    }
}
