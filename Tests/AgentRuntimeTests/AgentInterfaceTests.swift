import Glibc
import KeepalivedSyntax
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// A real pair on interfaces that others change.
@Suite(
    "A pair of agents and their interfaces",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentInterfaceTests {
    private func holds(_ node: Node, _ address: String) -> Bool {
        let shown = try? node.namespace.ip(["-4", "address", "show", "dev", "eth0"]).output
        return shown?.contains("inet \(address)/32") == true
    }

    @Test func `an address with no_track stays away when somebody removes it, another comes back`()
        throws
    {
        let pair = try AgentPair { node in
            try node.configure(
                replacing: "  192.168.0.100\n",
                with: "  192.168.0.100\n  192.168.0.102 no_track\n"
            )
        }
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        #expect(wait(.seconds(2)) { holds(node, "192.168.0.102") })
        for address in ["192.168.0.100", "192.168.0.102"] {
            try node.namespace.ip(["address", "del", address + "/32", "dev", "eth0"])
        }
        #expect(wait(.milliseconds(500)) { holds(node, "192.168.0.100") }, "\(pair.report)")
        // Longer than an advertisement, which renews the others.
        pause(.seconds(3))
        #expect(!holds(node, "192.168.0.102"), "\(pair.report)")
        #expect(pair.first.count(of: "it is not tracked and stays away") == 1, "\(pair.report)")
        #expect(pair.lab.owners.now == .machine1)
    }

    @Test func `promote_secondaries is set with the addresses and taken back at the end`() throws {
        let pair = try AgentPair { node in
            try node.configure(
                replacing: "vrrp_instance VI_1 {\n",
                with: "vrrp_instance VI_1 {\n promote_secondaries\n"
            )
        }
        #expect(pair.settle(), "\(pair.report)")
        func value() throws -> String {
            let path = "/proc/sys/net/ipv4/conf/eth0/promote_secondaries"
            return try pair.lab.machine1.namespace.onThread {
                String(decoding: try readFile(path).prefix { $0 > 32 }, as: UTF8.self)
            }
        }
        #expect(try value() == "1")
        // The first address of the network goes; the virtual one, a /32, and a second one stay.
        pair.first.signal(SIGTERM)
        #expect(pair.first.end(within: .seconds(3)) == .exited(0))
        #expect(try value() == "0")
    }

    @Test func `a short break of the carrier does not count, a long one does`() throws {
        let pair = try AgentPair { node in
            try node.configure(
                replacing: "vrrp_instance VI_1 {\n",
                with: """
                    interface_up_down_delays {
                      eth0 2 1
                    }
                    vrrp_instance VI_1 {

                    """
            )
        }
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        try pair.lab.setCable(of: node, plugged: false)
        pause(.seconds(1))
        try pair.lab.setCable(of: node, plugged: true)
        pause(.seconds(3))
        #expect(pair.first.count(of: "Entering FAULT STATE") == 0, "\(pair.report)")

        try pair.lab.setCable(of: node, plugged: false)
        #expect(pair.first.logs("Entering FAULT STATE", within: .seconds(4)), "\(pair.report)")
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        try pair.lab.setCable(of: node, plugged: true)
        #expect(wait(.seconds(10)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
    }
}

@Suite struct CarrierLedgerTests {
    private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

    private func settled(
        _ ledger: inout CarrierLedger,
        _ name: String,
        _ isRunning: Bool,
        _ seconds: Int64
    ) -> Bool {
        ledger.settled(name, isRunning: isRunning, at: at(seconds))
    }

    @Test func `a change counts when it has lasted, and a return forgets it`() {
        var ledger = CarrierLedger()
        ledger.delays = ["eth0": InterfaceDelays(down: .seconds(3), up: .seconds(1))]
        #expect(settled(&ledger, "eth0", true, 0) == true)
        #expect(ledger.nextDeadline == nil)
        #expect(settled(&ledger, "eth0", false, 10) == true)
        #expect(ledger.nextDeadline == at(13))
        #expect(settled(&ledger, "eth0", true, 12) == true)
        #expect(ledger.nextDeadline == nil)
        #expect(settled(&ledger, "eth0", false, 20) == true)
        #expect(settled(&ledger, "eth0", false, 23) == false)
        #expect(settled(&ledger, "eth0", true, 30) == false)
        #expect(settled(&ledger, "eth0", true, 31) == true)
    }

    @Test func `an interface without delays counts as it is`() {
        var ledger = CarrierLedger()
        #expect(settled(&ledger, "eth1", true, 0) == true)
        #expect(settled(&ledger, "eth1", false, 0) == false)
    }
}
