import Glibc
import LinuxIO
import NamespaceLab
import Netlink
import Primitives
import Testing
import VRRP

@testable import AgentRuntime

/// An agent that is killed, and what its next life finds (`docs/decisions/0010`).
@Suite(
    "An agent that is started again",
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentAdoptionTests {
    /// What the unit does between two lives; returns what it said.
    private func cleanUp(_ node: Node, after result: String) throws -> String {
        let line = node.command([
            "/usr/bin/env", "SERVICE_RESULT=\(result)", productDirectory() + "/tandem-agent",
            "--clean-up", "-f", node.keepalivedFile,
        ])
        return try require(line[0], Array(line.dropFirst())).output
    }

    @Test(arguments: [50, 500, 1000])
    func `a MASTER that is killed and is back at once keeps its addresses`(
        _ milliseconds: Int
    ) throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        // Just after a renewal, so that the addresses are fresh whenever the next life begins.
        let renewed = try pair.lab.machine1.namespace.onThread {
            var monitor = try RouteMonitor()
            return monitor.waits(for: Lab.virtualAddress, within: .seconds(2))
        }
        #expect(renewed, "\(pair.report)")
        let killed = Clock.now
        pair.first.signal(SIGKILL)
        #expect(pair.first.end(within: .seconds(2)) == .signalled(SIGKILL))
        #expect(try cleanUp(pair.lab.machine1, after: "signal") == "")
        pause(.milliseconds(milliseconds) - (Clock.now - killed))
        try pair.restartFirst()
        #expect(
            pair.first.logs(
                "were still there from before this agent's restart",
                within: .seconds(3)
            ),
            "\(pair.report)"
        )
        pause(.seconds(5))
        let lacked = pair.lab.owners.time([], from: killed)
        print("kill -9, back after \(milliseconds) ms: \(text(lacked)) without an owner")
        #expect(lacked == .zero, "\(pair.report)")
        #expect(pair.lab.owners.now == .machine1, "\(pair.report)")
        #expect(pair.second.count(of: "Entering MASTER STATE") == 0, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `one that is back after the lifetime begins as BACKUP`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let killed = Clock.now
        pair.first.signal(SIGKILL)
        #expect(pair.first.end(within: .seconds(2)) == .signalled(SIGKILL))
        pause(.milliseconds(2700) - (Clock.now - killed))
        try pair.restartFirst()
        #expect(
            wait(.seconds(3)) { pair.first.count(of: "(VI_1) Entering BACKUP STATE") == 2 },
            "\(pair.report)"
        )
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        #expect(wait(.seconds(10)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(!pair.first.node.logged("were still there"), "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `one that is replaced while it is away lets go, whatever it left`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        pair.first.signal(SIGKILL)
        #expect(pair.first.end(within: .seconds(2)) == .signalled(SIGKILL))
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        try pair.second.node.configure(replacing: "priority 100", with: "priority 150")
        pair.second.signal(SIGHUP)
        #expect(
            pair.second.logs("the new configuration is in force", within: .seconds(2)),
            "\(pair.report)"
        )
        let begin = Clock.now
        try pair.lab.machine1.namespace.ip([
            "address", "add", "192.168.0.100/32", "dev", "eth0", "valid_lft", "2", "preferred_lft",
            "2",
        ])
        try pair.restartFirst()
        #expect(
            pair.first.logs("192.168.0.192 is MASTER with priority 150", within: .seconds(2)),
            "\(pair.report)"
        )
        #expect(wait(.seconds(1)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        print("a leftover beside a MASTER was gone \(text(Clock.now - begin)) after it was put")
    }

    @Test func `what nobody keeps is taken away after any end`() throws {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        defer { lab.tearDown() }
        let node = lab.machine1
        func put(_ lifetime: String) throws {
            try node.namespace.ip([
                "address", "replace", "192.168.0.100/32", "dev", "eth0", "valid_lft", lifetime,
                "preferred_lft", lifetime,
            ])
        }
        func isThere() throws -> Bool {
            try node.namespace.ip(["-4", "address", "show", "dev", "eth0"]).output
                .contains("192.168.0.100")
        }
        for (result, lifetime, stays) in [
            ("signal", "2", true), ("core-dump", "2", true), ("signal", "forever", false),
            ("signal", "60", false), ("watchdog", "2", false), ("exit-code", "2", false),
            ("success", "2", false), ("timeout", "2", false), ("exec-condition", "forever", true),
        ] {
            try put(lifetime)
            let said = try cleanUp(node, after: result)
            #expect(try isThere() == stays, "\(result), \(lifetime)")
            #expect(
                said.contains("(VI_1) released 192.168.0.100/32") != stays,
                "\(result): \(said)"
            )
        }
    }
}

extension RouteMonitor {
    /// The next word of an address being put.
    fileprivate mutating func waits(for address: IPv4Address, within limit: Duration) -> Bool {
        let end = Clock.now + limit
        while Clock.now < end {
            guard case .events(let events)? = try? receive() else {
                pause(.milliseconds(1))
                continue
            }
            for case (.addressPut(let put), _) in events
            where put.prefix.address == .v4(address) {
                return true
            }
        }
        return false
    }
}
