import CLinux
import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import RawSockets
import Testing

@testable import AgentRuntime

/// `use_vmac` on both nodes.
@Suite(
    "A pair with a virtual MAC",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentVirtualMACTests {
    private static let virtualMAC = "00:00:5e:00:01:33"

    private func pair(_ lines: String) throws -> AgentPair {
        try AgentPair(configure: { node in
            try node.configure(
                replacing: " interface eth0\n",
                with: " interface eth0\n\(lines)\n garp_master_refresh 2\n"
            )
        })
    }

    private func interfaces(of node: Node) throws -> String {
        try node.namespace.ip(["-details", "link", "show"]).output
    }

    @Test(
        "It is where the address is, and leaves with it",
        arguments: [(" use_vmac", true), (" use_vmac\n vmac_xmit_base", false)]
    )
    func moves(lines: String, speaks: Bool) throws {
        let pair = try pair(lines)
        #expect(pair.settle(), "\(pair.report)")
        let (machine1, machine2) = (pair.lab.machine1, pair.lab.machine2)
        let shown = try machine1.namespace.ip(["-4", "address", "show", "dev", "vrrp.51"]).output
        #expect(shown.contains("192.168.0.100/32"), "\(shown)")
        let made = try interfaces(of: machine1)
        #expect(made.contains(Self.virtualMAC) && made.contains("macvlan mode private"), "\(made)")
        #expect(try !interfaces(of: machine2).contains("vrrp.51"))
        // Neighbours know the virtual MAC, and the advertisements have it.
        let client = pair.lab.client
        let neighbour = { try client.ip(["neigh", "show", "192.168.0.100"]).output }
        let known = try wait(.seconds(3)) { try neighbour().contains(Self.virtualMAC) }
        #expect(known, "\(pair.report)")
        let sender = try client.onThread { try advertisementSender() }
        #expect((sender == [0, 0, 0x5E, 0, 1, 51]) == speaks, "\(sender)")

        let told = Clock.now
        pair.first.signal(SIGTERM)
        #expect(wait(.seconds(3)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let taken = try #require(pair.lab.owners.firstTime(.machine2, after: told))
        #expect(taken - told < .seconds(1), "\(pair.report)")
        #expect(pair.first.end(within: .seconds(3)) == .exited(0))
        #expect(try !interfaces(of: machine1).contains("vrrp.51"))
        let stillKnown = try neighbour()
        #expect(stillKnown.contains(Self.virtualMAC), "\(stillKnown)\n\(pair.report)")
        let ignored = try machine1.namespace.onThread { try arpIgnore() }
        #expect(ignored == "0")

        // It comes back and preempts a MASTER that has its own MAC.
        let again = try AgentProcess(on: machine1)
        #expect(wait(.seconds(10)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(wait(.seconds(1)) { (try? interfaces(of: machine2).contains("vrrp.51")) == false })
        pause(.seconds(4))
        #expect(pair.lab.owners.now == .machine1, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
        #expect(again.isRunning)
    }

    @Test func `what a killed agent leaves is taken away by hand, and by its successor`() throws {
        let pair = try pair(" use_vmac")
        #expect(pair.settle(), "\(pair.report)")
        let machine1 = pair.lab.machine1
        pair.first.signal(SIGKILL)
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        #expect(try interfaces(of: machine1).contains("vrrp.51"))
        let line = machine1.command([
            productDirectory() + "/tandem-agent", "--release-addresses", "-f",
            machine1.keepalivedFile,
        ])
        let finished = try require(line[0], Array(line.dropFirst()))
        #expect(finished.output.contains("(VI_1) removed vrrp.51"))
        #expect(try !interfaces(of: machine1).contains("vrrp.51"))

        let second = pair.lab.machine2
        pair.second.signal(SIGKILL)
        #expect(try interfaces(of: second).contains("vrrp.51"))
        let successor = try AgentProcess(on: second)
        #expect(
            wait(.seconds(3)) { (try? interfaces(of: second).contains("vrrp.51")) == false },
            "\(pair.report)"
        )
        #expect(wait(.seconds(8)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        #expect(successor.isRunning)
    }

    @Test func `over IPv6 as well`() throws {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        defer { lab.tearDown() }
        try write(
            """
            vrrp_instance VI_6 {
              interface eth0
              virtual_router_id 51
              version 3
              use_vmac
              virtual_ipaddress {
                fd00::99/64
              }
            }

            """,
            to: lab.machine1.keepalivedFile
        )
        let agent = try AgentProcess(on: lab.machine1)
        let machine1 = lab.machine1.namespace
        let shown = {
            (try? machine1.ip(["-6", "address", "show", "dev", "vrrp6.51"]).output) ?? ""
        }
        #expect(wait(.seconds(15)) { shown().contains("fd00::99") }, "\(lab.machine1.logTail())")
        #expect(try interfaces(of: lab.machine1).contains("00:00:5e:00:02:33"))
        pause(.seconds(3))
        #expect(shown().contains("fd00::99"), "\(lab.machine1.logTail())")
        #expect(agent.count(of: "send advertisement") == 0, "\(lab.machine1.logTail())")
    }
}

/// Who sends the next packet to 224.0.0.18 that this thread's namespace hears.
private func advertisementSender() throws -> [UInt8] {
    let socket = FileDescriptor(owning: try check(tandem_packet_open(), "open packet socket"))
    try check(tandem_packet_listen(socket.rawValue, UInt16(ETH_P_IP)), "listen")
    var frame = [UInt8](repeating: 0, count: 2048)
    let end = Clock.now + .seconds(5)
    while Clock.now < end {
        guard tandem_wait_readable(socket.rawValue, 100) == 1 else { continue }
        var interface: Int32 = 0
        let size = tandem_packet_receive(socket.rawValue, &frame, frame.count, &interface)
        if size > 34, frame[23] == 112 { return Array(frame[6..<12]) }
    }
    return []
}

private func arpIgnore() throws -> String {
    let text = try readFile("/proc/sys/net/ipv4/conf/eth0/arp_ignore")
    return String(decoding: text.prefix { $0 > 32 }, as: UTF8.self)
}
