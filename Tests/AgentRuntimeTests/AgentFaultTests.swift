import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// What makes a MASTER unable to serve, and its end.
@Suite(
    "An agent in FAULT",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentFaultTests {
    @Test func `a link that goes is a fault, and one that comes back ends it`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        try pair.lab.machine1.namespace.ip(["link", "set", "eth0", "down"])
        #expect(
            pair.first.logs(
                "(VI_1) Entering FAULT STATE: the interface is down",
                within: .seconds(2)
            )
        )
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        try pair.lab.machine1.namespace.ip(["link", "set", "eth0", "up"])
        #expect(wait(.seconds(12)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `an interface that is not there yet is a fault until it comes`() throws {
        let pair = try AgentPair(before: { lab in
            try lab.machine1.namespace.ip(["link", "set", "eth0", "down"])
            try lab.machine1.namespace.ip(["link", "set", "eth0", "name", "other0"])
        })
        #expect(
            pair.first.logs(
                "(VI_1) Entering FAULT STATE: the interface does not exist",
                within: .seconds(3)
            ),
            "\(pair.report)"
        )
        try pair.lab.machine1.namespace.ip(["link", "set", "other0", "name", "eth0"])
        try pair.lab.machine1.namespace.ip(["link", "set", "eth0", "up"])
        #expect(wait(.seconds(12)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
    }

    @Test func `a primary address that goes is a fault, and one that comes back ends it`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let machine1 = pair.lab.machine1.namespace
        try machine1.ip(["address", "delete", "192.168.0.193/24", "dev", "eth0"])
        #expect(
            pair.first.logs("no address to send from", within: .seconds(2)),
            "\(pair.report)"
        )
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        try machine1.ip(["address", "add", "192.168.0.193/24", "dev", "eth0"])
        #expect(wait(.seconds(12)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `an agent whose advertisements can't leave does not keep the address`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let nft = pair.lab.machine1.command([
            "/usr/sbin/nft",
            "table ip t { chain c { type filter hook output priority 0; ip protocol 112 drop; }; }",
        ])
        let blocked = Clock.now
        try require(nft[0], Array(nft.dropFirst()))
        #expect(
            pair.first.logs("no advertisement could be sent", within: .seconds(5)),
            "\(pair.report)"
        )
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let left = try #require(pair.lab.owners.firstTime([], after: blocked))
        print("advertisements blocked: the address left after \(text(left - blocked))")
        #expect(
            pair.first.node.logged("a firewall on this node refuses its advertisements"),
            "\(pair.report)"
        )
        let flush = pair.lab.machine1.command(["/usr/sbin/nft", "flush ruleset"])
        try require(flush[0], Array(flush.dropFirst()))
        #expect(wait(.seconds(20)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `a MASTER that the kernel refuses an address leaves it to its peer`() throws {
        let pair = try AgentPair(configure: { node in
            guard node.name == "machine1" else { return }
            try node.configure(
                replacing: "  192.168.0.100\n",
                with: "  192.168.0.100\n  192.168.0.101 dev eth7\n"
            )
        })
        #expect(
            pair.first.logs(
                "Entering FAULT STATE: the kernel refuses an address",
                within: .seconds(12)
            ),
            "\(pair.report)"
        )
        #expect(wait(.seconds(5)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        #expect(pair.first.count(of: "add address 192.168.0.101/32 on eth7") >= 1)
        // What was missing comes: it serves again.
        try pair.lab.machine1.namespace.ip([
            "link", "add", "eth7", "type", "veth", "peer", "name", "eth8",
        ])
        try pair.lab.machine1.namespace.ip(["link", "set", "eth7", "up"])
        #expect(wait(.seconds(15)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }
}
