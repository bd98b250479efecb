import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// What others do to the addresses and interfaces of a MASTER, and what is left of it afterwards.
@Suite("A pair of agents whose addresses are meddled with", .serialized, .timeLimit(.minutes(2)))
struct AgentAddressTests {
    /// Addresses of a node's interface, as `ip` writes them.
    private func addresses(_ node: Node, on interface: String) -> [String] {
        let shown = try? node.namespace.ip(["-4", "-o", "address", "show", "dev", interface])
        return (shown?.lines ?? []).compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            return words.firstIndex(of: "inet").map { words[$0 + 1] }
        }
    }

    private func holds(_ node: Node, _ address: String, on interface: String) -> Bool {
        addresses(node, on: interface).contains(address)
    }

    /// How many addresses were put back, as the log says on SIGUSR1.
    private func restored(_ node: Node) -> Int {
        let log = (try? readFile(node.logFile, limit: 64 << 20)) ?? []
        let words = String(decoding: log, as: UTF8.self).split { $0 == " " || $0 == "," }
        let counts = words.indices.dropLast(2).filter {
            words[$0] == "addresses" && words[$0 + 1] == "restored"
        }.compactMap { Int(words[$0 + 2]) }
        return counts.max() ?? 0
    }

    /// Runs `ip` once with these lines, so that little time passes between them.
    private func ip(_ node: Node, _ lines: [String]) throws {
        let batch = node.directory + "/batch"
        try write(lines.joined(separator: "\n") + "\n", to: batch)
        try node.namespace.ip(["-batch", batch])
    }

    private func setting(_ node: Node, _ name: String, to value: Int? = nil) throws -> String {
        let path = "/proc/sys/net/ipv4/conf/eth0/" + name
        let script = value.map { "echo \($0) > \(path); cat \(path)" } ?? "cat \(path)"
        let line = node.command(["/bin/sh", "-c", script])
        return try require(line[0], Array(line.dropFirst())).lines.first ?? ""
    }

    /// A pair below one second whose addresses have no lifetime: the guard alone takes them away.
    private func guardedPair(
        configure: (Node) throws -> Void = { _ in },
        before: (Lab) throws -> Void = { _ in }
    ) throws -> AgentPair {
        try AgentPair(
            configure: { node in
                try node.configure(
                    replacing: "vrrp_instance VI_1 {\n",
                    with: """
                        global_defs {
                          vrrp_version 3
                        }
                        tandem {
                          vip_lease 0
                        }
                        vrrp_instance VI_1 {
                         advert_int 0.1

                        """
                )
                try configure(node)
            },
            before: before
        )
    }

    // MARK: News of the kernel

    @Test func `news older than the tables that were read for the lost ones change nothing`() throws
    {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        let flood = (0..<4000).map { "address add 10.77.\($0 / 250).\($0 % 250 + 1)/32 dev lo" }
        // That the node's own address goes is told; that it is back is lost.
        pair.first.signal(SIGSTOP)
        try node.namespace.ip(["address", "delete", "192.168.0.193/24", "dev", "eth0"])
        try ip(node, flood)
        try node.namespace.ip(["address", "add", "192.168.0.193/24", "dev", "eth0"])
        pair.first.signal(SIGCONT)
        #expect(
            pair.first.logs("faster than they were read: reading all anew", within: .seconds(3)),
            "\(pair.report)"
        )
        pause(.seconds(3))
        #expect(pair.first.count(of: "Entering FAULT STATE") == 0, "\(pair.report)")
        // On a slow machine it was stopped for longer than its peer waits, and preempts.
        #expect(wait(.seconds(12)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
    }

    // MARK: Several addresses at once

    @Test func `addresses that all go at once are back in milliseconds and counted`() throws {
        let count = 200
        let pair = try AgentPair(configure: { node in
            let many = (1...count).map { "  10.50.0.\($0)\n" }.joined()
            try node.configure(
                replacing: "  192.168.0.100\n",
                with: "  192.168.0.100\n" + many
            )
        })
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        let mine = { addresses(node, on: "eth0").count { $0.hasPrefix("10.50.0.") } }
        #expect(wait(.seconds(5)) { mine() == count }, "\(pair.report)")
        try ip(node, (1...count).map { "address delete 10.50.0.\($0)/32 dev eth0" })
        let gone = Clock.now
        #expect(wait(.seconds(5)) { mine() == count }, "\(pair.report)")
        let spent = Clock.now - gone
        print("\(count) addresses were back \(text(spent)) after the last one went")
        #expect(spent < .milliseconds(400), "\(pair.report)")
        pair.first.signal(SIGUSR1)
        #expect(wait(.seconds(2)) { restored(node) >= count }, "\(pair.report)")
        #expect(pair.first.count(of: "Entering BACKUP STATE") == 1, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `an address that is put back forgets none that the kernel refuses`() throws {
        let pair = try AgentPair(configure: { node in
            guard node.name == "machine1" else { return }
            try node.configure(
                replacing: "  192.168.0.100\n",
                with: "  192.168.0.100\n  192.168.0.101 dev eth7\n",
                adding: "\ntandem {\n  vip_lease 0\n}\n"
            )
        })
        #expect(
            pair.first.logs("add address 192.168.0.101/32 on eth7", within: .seconds(8)),
            "\(pair.report)"
        )
        try pair.lab.machine1.namespace.ip([
            "address", "delete", "192.168.0.100/32", "dev", "eth0",
        ])
        #expect(
            pair.first.logs(
                "Entering FAULT STATE: the kernel refuses an address",
                within: .seconds(5)
            ),
            "\(pair.report)"
        )
        #expect(pair.first.count(of: "all addresses are there now") == 0, "\(pair.report)")
        #expect(wait(.seconds(5)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
    }

    // MARK: Interfaces that change

    @Test func `at a tenth of a second an address does not stay on a renamed interface`() throws {
        let pair = try guardedPair()
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        try node.namespace.ip(["link", "set", "eth0", "name", "lan0"])
        #expect(
            pair.first.logs("(VI_1) Entering FAULT STATE", within: .seconds(2)),
            "\(pair.report)"
        )
        #expect(wait(.seconds(2)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        #expect(addresses(node, on: "lan0") == ["192.168.0.193/24"])
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `the guard knows the interface that an address was put back on`() throws {
        let node1 = "machine1"
        let make = [
            "link add dyn0 type veth peer name dyn1", "link set dyn1 up", "link set dyn0 up",
        ]
        let pair = try guardedPair(
            configure: { node in
                guard node.name == node1 else { return }
                try node.configure(
                    replacing: "  192.168.0.100\n",
                    with: "  192.168.0.100\n  198.51.100.100 dev dyn0\n"
                )
            },
            before: { lab in try ip(lab.machine1, make) }
        )
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        #expect(wait(.seconds(1)) { holds(node, "198.51.100.100/32", on: "dyn0") })
        try ip(node, ["link delete dyn0"] + make)
        #expect(
            wait(.seconds(2)) { holds(node, "198.51.100.100/32", on: "dyn0") },
            "\(pair.report)"
        )
        pause(.milliseconds(300))
        pair.first.signal(SIGSTOP)
        pause(.milliseconds(600))
        #expect(addresses(node, on: "dyn0") == [], "\(pair.report)")
        #expect(addresses(node, on: "eth0") == ["192.168.0.193/24"], "\(pair.report)")
        pair.first.signal(SIGCONT)
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    // MARK: The node's own address

    @Test func `an excluded address is no source either`() throws {
        let pair = try AgentPair(configure: { node in
            try node.configure(
                replacing: " virtual_ipaddress {\n",
                with: " virtual_ipaddress_excluded {\n  192.168.0.101\n }\n virtual_ipaddress {\n"
            )
        })
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        #expect(wait(.seconds(1)) { holds(node, "192.168.0.101/32", on: "eth0") })
        try node.namespace.ip(["address", "delete", "192.168.0.193/24", "dev", "eth0"])
        #expect(
            pair.first.logs("no address to send from", within: .seconds(2)),
            "\(pair.report)"
        )
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        #expect(!pair.second.node.logged("192.168.0.101 is MASTER"), "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    /// As a DHCP client does that gets the same lease again: the address goes and comes with the same mask, in the VIP's
    /// own network.
    @Test(arguments: [0, 1])
    func `an own address that is renewed in the VIP's network is no fault, and outlives the VIP`(
        promotes: Int
    ) throws {
        let pair = try AgentPair(
            configure: { node in
                try node.configure(
                    replacing: "  192.168.0.100\n",
                    with: "  192.168.0.100/24\n"
                )
            },
            before: { lab in
                _ = try setting(lab.machine1, "promote_secondaries", to: promotes)
            }
        )
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        let renewal = [
            "address delete 192.168.0.193/24 dev eth0",
            "address add 192.168.0.193/24 broadcast 192.168.0.255 dev eth0",
        ]
        let renewed = Clock.now
        for _ in 0..<3 {
            pair.first.signal(SIGSTOP)
            try ip(node, renewal)
            pair.first.signal(SIGCONT)
            pause(.milliseconds(700))
        }
        #expect(pair.first.count(of: "Entering FAULT STATE") == 0, "\(pair.report)")
        #expect(pair.lab.owners.now == .machine1, "\(pair.report)")
        #expect(pair.lab.owners.time([], from: renewed) == .zero, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
        pair.first.signal(SIGTERM)
        #expect(pair.first.end(within: .seconds(5)) != nil)
        #expect(addresses(node, on: "eth0") == ["192.168.0.193/24"], "\(pair.report)")
        #expect(try setting(node, "promote_secondaries") == "\(promotes)")
    }

    // MARK: The guard where a lifetime is too long

    @Test func `two silent advertisements are waited for by the guard and not by the lifetime`()
        throws
    {
        let pair = try AgentPair(configure: { node in
            try node.configure(
                replacing: " priority ",
                with: " down_timer_adverts 2\n priority "
            )
        })
        #expect(pair.settle(), "\(pair.report)")
        #expect(pair.first.node.logged("the address guard watches"), "\(pair.report)")
        let begin = Clock.now
        pair.first.signal(SIGSTOP)
        #expect(wait(.seconds(5)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let gone = try #require(pair.lab.owners.firstTime([], after: begin))
        print("down_timer_adverts 2: gone after \(text(gone - begin))")
        #expect(gone - begin < .milliseconds(1900))
        pair.first.signal(SIGCONT)
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }
}
