import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

/// The same file, clients and servers for Debian's HAProxy and for Tandem: both log the same of it, at the same
/// time, and the client sees the same end.
@Suite(
    "Beside HAProxy",
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: access(ProxyLab.haproxy, X_OK) == 0, "there is no /usr/sbin/haproxy")
)
struct HAProxyComparisonTests {
    /// One session as `option tcplog` tells it (HAProxy manual §8.2.2), and as its client saw it.
    struct Outcome: CustomStringConvertible {
        /// `frontend backend/server`
        var path: String
        var termination: String
        /// `actconn/feconn/beconn/srv_conn/retries`
        var connections: String
        /// `srv_queue/backend_queue`
        var queues: String
        var bytes: String
        /// Tw, Tc and Tt in milliseconds, -1 for what did not come about.
        var times: [Int]
        /// `end`, `reset`, or what it read.
        var client: String

        init(line: String, client: String) throws {
            let words = line.split(whereSeparator: \.isWhitespace).suffix(8).map(String.init)
            guard words.count == 8 else { throw LabError("no tcplog line: \(line)") }
            path = words[1] + " " + words[2]
            times = words[3].split(separator: "/").compactMap { Int($0) }
            bytes = words[4]
            termination = words[5]
            connections = words[6]
            queues = words[7]
            self.client = client
        }

        func told(_ client: String) -> Outcome {
            var other = self
            other.client = client
            return other
        }

        var exact: [String] { [path, termination, connections, queues, bytes, client] }
        var description: String { exact.joined(separator: " ") + " \(times)" }
    }

    struct Scenario: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var sections: String
        /// What the client does, and how that ended for it.
        var client: @Sendable (ProxyLab) throws -> String
        /// Whose line is looked for, if there are several.
        var mark = " p p"
        var isBrokenOff = false

        init(
            _ name: String,
            _ sections: String,
            mark: String = " p p",
            isBrokenOff: Bool = false,
            client: @escaping @Sendable (ProxyLab) throws -> String
        ) {
            testDescription = name
            // Whether a byte was read before the end is a matter of microseconds.
            self.sections = " no option dontlognull\n" + sections
            self.mark = mark
            self.isBrokenOff = isBrokenOff
            self.client = client
        }
    }

    // MARK: The comparison

    private final class Found: @unchecked Sendable {
        var outcome: Outcome?
    }

    private func outcome(
        of scenario: Scenario,
        by start: @escaping @Sendable (ProxyLab) throws -> Void
    ) throws -> Outcome {
        let found = Found()
        try inLab { lab in
            let servers = try Servers()
            try start(lab)
            try withExtendedLifetime(servers) {
                // Asking the port would count as a session.
                try lab.waitForListener(Self.port)
                let seen = try scenario.client(lab)
                found.outcome = try Outcome(line: lab.line(holding: scenario.mark), client: seen)
            }
        }
        return try #require(found.outcome)
    }

    @Test(arguments: scenarios + serverScenarios)
    func `both do the same`(_ scenario: Scenario) throws {
        let theirs = try outcome(of: scenario) { try $0.startHAProxy(scenario.sections) }
        for engine in ["epoll", "io_uring"] {
            let ours = try outcome(of: scenario) { lab in
                // A second 'defaults' would take back all of the first.
                let defaults = ProxyLab.defaults.replacing(
                    "  maxconn 5000\n",
                    with: "  maxconn 5000\n  tune.engine \(engine)\n"
                )
                lab.write(defaults + scenario.sections + "\n")
                try lab.restart()
            }
            compare(ours, theirs, scenario, engine)
        }
    }

    private func compare(
        _ ours: Outcome,
        _ theirs: Outcome,
        _ scenario: Scenario,
        _ engine: String
    ) {
        let name = "\(scenario.testDescription), \(engine)"
        print("haproxy \(theirs)\n tandem \(ours) \(engine)")
        // Tandem's own way: a stream that broke off does not look to the client like one that ended.
        let their = scenario.isBrokenOff ? theirs.told("reset") : theirs
        #expect(ours.exact == their.exact, "\(name)")
        #expect(ours.times.count == theirs.times.count)
        for (our, their) in zip(ours.times, theirs.times) {
            #expect((our < 0) == (their < 0), "\(name)")
            #expect(abs(our - their) <= 100 + their / 20, "\(name)")
        }
    }
}
