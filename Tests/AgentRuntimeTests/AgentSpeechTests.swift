import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// What an agent makes of advertisements that do not leave, or that nobody hears.
@Suite("Advertisements that do not get through", .serialized, .timeLimit(.minutes(2)))
struct AgentSpeechTests {
    private static let block =
        "table ip t { chain c { type filter hook output priority 0; ip protocol 112 drop; }; }"

    private func lab(_ configure: (Node) throws -> Void = { _ in }) throws -> Lab {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        for node in [lab.machine1, lab.machine2] { try configure(node) }
        return lab
    }

    @Test func `addresses without a lifetime go as well when no advertisement leaves`() throws {
        let pair = try AgentPair(configure: {
            try $0.configure(adding: "\ntandem { vip_lease 0 }\n")
        })
        #expect(pair.settle(), "\(pair.report)")
        try pair.lab.machine1.nft(Self.block)
        #expect(
            pair.first.logs("(VI_1) Entering FAULT STATE", within: .seconds(5)),
            "\(pair.report)"
        )
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `a first advertisement that is refused for a moment costs a moment`() throws {
        let lab = try lab()
        defer { lab.tearDown() }
        try lab.machine1.nft(Self.block)
        let agent = try AgentProcess(on: lab.machine1)
        #expect(agent.logs("(VI_1) Entering MASTER STATE", within: .seconds(8)))
        pause(.milliseconds(400))
        #expect(lab.owners.now == [], "nobody has heard of it")
        try lab.machine1.nft("flush ruleset")
        #expect(
            wait(.milliseconds(900)) { lab.owners.now == .machine1 },
            "\(lab.machine1.logTail())"
        )
        #expect(agent.count(of: "Entering FAULT STATE") == 0, "\(lab.machine1.logTail())")
    }

    @Test func `a first advertisement that is refused for good is a fault`() throws {
        let lab = try lab()
        defer { lab.tearDown() }
        try lab.machine1.nft(Self.block)
        let agent = try AgentProcess(on: lab.machine1)
        #expect(agent.logs("(VI_1) Entering FAULT STATE", within: .seconds(8)))
        #expect(lab.owners.firstTime(.machine1, after: .zero) == nil)
    }

    @Test func `an owner whose check fails from the first says nothing`() throws {
        let lab = try lab { node in
            try node.configure(replacing: "priority 10", with: "priority 255 #")
            try node.configure(
                replacing: " track_script",
                with: " track_interface {\n  spare0\n }\n track_script"
            )
        }
        defer { lab.tearDown() }
        try lab.machine1.namespace.ip([
            "link", "add", "spare0", "type", "veth", "peer", "name", "spare1",
        ])
        let agent = try AgentProcess(on: lab.machine1)
        #expect(
            agent.logs("(VI_1) Entering FAULT STATE", within: .seconds(5)),
            "\(lab.machine1.logTail())"
        )
        #expect(agent.count(of: "Entering MASTER STATE") == 0, "\(lab.machine1.logTail())")
    }

    @Test func `unicast from an address of another interface is heard by the peer`() throws {
        let own = ["machine1": "10.77.0.1", "machine2": "10.77.0.2"]
        let pair = try AgentPair(
            configure: { node in
                let peer = own.values.first { $0 != own[node.name] } ?? ""
                try node.configure(
                    replacing: " interface eth0\n",
                    with: " interface eth0\n unicast_src_ip \(own[node.name] ?? "")\n"
                        + " unicast_peer {\n  \(peer)\n }\n"
                )
            },
            before: { lab in
                for (node, gateway, peer) in [
                    (lab.machine1, "192.168.0.192", "10.77.0.2"),
                    (lab.machine2, "192.168.0.193", "10.77.0.1"),
                ] {
                    try node.namespace.ip([
                        "address", "add", "\(own[node.name] ?? "")/32", "dev", "lo",
                    ])
                    try node.namespace.ip(["route", "add", "\(peer)/32", "via", gateway])
                }
            }
        )
        #expect(wait(.seconds(10)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(pair.second.logs("10.77.0.1 is MASTER", within: .seconds(5)), "\(pair.report)")
        pause(.seconds(4))
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `a MASTER that has never heard anybody says so once, and what to do`() throws {
        let lab = try lab()
        defer { lab.tearDown() }
        let agent = try AgentProcess(on: lab.machine1)
        #expect(agent.logs("has never heard another router", within: .seconds(8)))
        #expect(lab.machine1.logged("meta l4proto 112 accept"))
        #expect(agent.count(of: "has never heard another router") == 1)
    }
}
