import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// What DHCP clients, network managers and operators do to the interfaces of a running agent.
@Suite(
    "A pair of agents on hosts that change",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentHostChangesTests {
    private func holds(_ node: Node, _ address: String, on interface: String) -> Bool {
        let shown = try? node.namespace.ip(["-4", "address", "show", "dev", interface]).output
        return shown?.contains("inet \(address)/32") == true
    }

    @Test func `an interface that comes, goes and comes again is served each time`() throws {
        let pair = try AgentPair { node in
            guard node.name == "machine1" else { return }
            let text = String(decoding: try readFile(node.keepalivedFile), as: UTF8.self)
            try write(
                "global_defs {\n dynamic_interfaces\n}\n" + text + """

                    vrrp_instance VI_2 {
                      interface dyn0
                      virtual_router_id 52
                      priority 100
                      virtual_ipaddress {
                        198.51.100.100
                      }
                    }

                    """,
                to: node.keepalivedFile
            )
        }
        let node = pair.lab.machine1
        #expect(
            pair.first.logs(
                "(VI_2) Entering FAULT STATE: the interface does not exist",
                within: .seconds(3)
            ),
            "\(pair.report)"
        )
        for round in 1...2 {
            for words in [
                "link add dyn0 type veth peer name dyn1", "link set dyn1 up", "link set dyn0 up",
                "address add 198.51.100.1/24 dev dyn0",
            ] { try node.namespace.ip(words.split(separator: " ").map(String.init)) }
            #expect(
                wait(.seconds(10)) { holds(node, "198.51.100.100", on: "dyn0") },
                "round \(round) \(pair.report)"
            )
            try node.namespace.ip(["link", "delete", "dyn0"])
            #expect(
                wait(.seconds(2)) {
                    pair.first.count(of: "(VI_2) Entering FAULT STATE") == round + 1
                },
                "round \(round) \(pair.report)"
            )
        }
        // The other router knows nothing of it.
        #expect(pair.first.count(of: "(VI_1) Entering FAULT STATE") == 0, "\(pair.report)")
        #expect(pair.lab.owners.now == .machine1)
    }

    @Test func `an interface that is renamed is a fault, and its old name ends it`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let machine1 = pair.lab.machine1.namespace
        try machine1.ip(["link", "set", "eth0", "name", "lan0"])
        #expect(
            pair.first.logs("(VI_1) Entering FAULT STATE", within: .seconds(2)),
            "\(pair.report)"
        )
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        try machine1.ip(["link", "set", "lan0", "name", "eth0"])
        #expect(wait(.seconds(12)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `a renewed lease is nothing, and another address is the new source`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let machine1 = pair.lab.machine1.namespace
        try machine1.ip([
            "address", "change", "192.168.0.193/24", "dev", "eth0", "valid_lft", "3600",
            "preferred_lft", "3600",
        ])
        pause(.seconds(2))
        #expect(pair.first.count(of: "Entering") == 2, "\(pair.report)")

        // As a DHCP client that got another address does it: the new one first, of another network mask, so that
        // the old one's end does not take it along.
        try machine1.ip(["address", "add", "192.168.0.203/25", "dev", "eth0"])
        let changed = Clock.now
        try machine1.ip(["address", "delete", "192.168.0.193/24", "dev", "eth0"])
        #expect(
            pair.second.logs("192.168.0.203 is MASTER", within: .seconds(3)),
            "\(pair.report)"
        )
        pause(.seconds(4))
        #expect(pair.lab.owners.now == .machine1, "\(pair.report)")
        #expect(pair.lab.owners.time([], from: changed) == .zero, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `an address that is flushed is back while the node stays MASTER`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        let flushed = Clock.now
        // What a network manager calls foreign, as systemd-networkd does without KeepConfiguration=.
        // It gives up with an error where the agent was faster ten times over.
        _ = try? node.namespace.ip(["address", "flush", "dev", "eth0", "to", "192.168.0.100/32"])
        #expect(
            wait(.milliseconds(500)) { holds(node, "192.168.0.100", on: "eth0") },
            "\(pair.report)"
        )
        print("flushed: back after \(text(pair.lab.owners.time([], from: flushed)))")
        pause(.seconds(2))
        #expect(pair.first.count(of: "has been put back") >= 1, "\(pair.report)")
        #expect(pair.first.count(of: "Entering BACKUP STATE") == 1, "\(pair.report)")
        #expect(pair.lab.owners.now == .machine1)
    }

    @Test func `news that the kernel dropped are read anew`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        let batch = node.directory + "/addresses"
        let names = (0..<4000).map { "address add 10.77.\($0 / 250).\($0 % 250 + 1)/32 dev lo" }
        try write(names.joined(separator: "\n") + "\n", to: batch)
        // While the agent reads nothing, for less than its peers' patience, more happens than its socket holds;
        // the last of it, which is lost, is what it has to know.
        pair.first.signal(SIGSTOP)
        try node.namespace.ip(["-batch", batch])
        try node.namespace.ip(["address", "delete", "192.168.0.100/32", "dev", "eth0"])
        pair.first.signal(SIGCONT)
        #expect(
            pair.first.logs("faster than they were read: reading all anew", within: .seconds(3)),
            "\(pair.report)"
        )
        #expect(
            wait(.seconds(2)) { holds(node, "192.168.0.100", on: "eth0") },
            "\(pair.report)"
        )
    }
}
