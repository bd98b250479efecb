import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// Two real agents with two virtual routers each, which move together.
@Suite(
    "A pair of agents with a sync group",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentGroupTests {
    private static let group = """

        vrrp_instance VI_2 {
          interface eth0
          virtual_router_id 52
          priority PRIORITY
          virtual_ipaddress {
            192.168.0.102
          }
          track_interface {
            side0
          }
        }
        vrrp_sync_group VG_1 {
          group {
            VI_1
            VI_2
          }
        }
        """

    private func pair() throws -> AgentPair {
        try AgentPair { node in
            try node.namespace.ip(["link", "add", "side0", "type", "veth", "peer", "name", "side1"])
            try node.namespace.ip(["link", "set", "side0", "up"])
            try node.namespace.ip(["link", "set", "side1", "up"])
            let isFirst = node.name == "machine1"
            let text = Self.group.replacing("PRIORITY", with: isFirst ? "101" : "100")
            try node.configure(adding: text)
        }
    }

    private func holds(_ node: Node, _ address: String) -> Bool {
        let shown = try? node.namespace.ip(["-4", "address", "show", "dev", "eth0"]).output
        return shown?.contains("inet \(address)/32") == true
    }

    private func hasBoth(_ node: Node) -> Bool {
        holds(node, "192.168.0.100") && holds(node, "192.168.0.102")
    }

    private func hasNone(_ node: Node) -> Bool {
        !holds(node, "192.168.0.100") && !holds(node, "192.168.0.102")
    }

    @Test func `a member in FAULT takes the other along, and both come back together`() throws {
        let pair = try pair()
        let (first, second) = (pair.lab.machine1, pair.lab.machine2)
        #expect(wait(.seconds(15)) { hasBoth(first) && hasNone(second) }, "\(pair.report)")
        #expect(pair.first.logs("the sync group VG_1 is MASTER", within: .seconds(2)))
        let begin = Clock.now
        try first.namespace.ip(["link", "set", "side0", "down"])
        #expect(wait(.seconds(8)) { hasBoth(second) && hasNone(first) }, "\(pair.report)")
        print("sync group: both addresses had moved after \(text(Clock.now - begin))")
        #expect(pair.first.node.logged("(VI_1) Entering FAULT STATE"), "\(pair.report)")
        #expect(pair.first.node.logged("the sync group VG_1 is FAULT"), "\(pair.report)")

        try first.namespace.ip(["link", "set", "side0", "up"])
        #expect(wait(.seconds(12)) { hasBoth(first) && hasNone(second) }, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `an agent that ends hands both over`() throws {
        let pair = try pair()
        let (first, second) = (pair.lab.machine1, pair.lab.machine2)
        #expect(wait(.seconds(15)) { hasBoth(first) && hasNone(second) }, "\(pair.report)")
        pair.first.signal(SIGTERM)
        #expect(wait(.seconds(3)) { hasBoth(second) && hasNone(first) }, "\(pair.report)")
        #expect(pair.first.end(within: .seconds(3)) == .exited(0))
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }
}
