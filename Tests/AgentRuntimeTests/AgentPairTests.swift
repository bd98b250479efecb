import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// Two real agents with the seed's files on two machines of one LAN, each alone on its machine.
@Suite(
    "A pair of agents",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentPairTests {
    @Test func `the higher priority is elected, and the address is there as the document shows it`()
        throws
    {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let shown = try pair.lab.machine1.namespace.ip(["-4", "address", "show", "dev", "eth0"])
            .output
        #expect(shown.contains("inet 192.168.0.193/24 brd 192.168.0.255 scope global eth0"))
        #expect(shown.contains("inet 192.168.0.100/32 scope global dynamic eth0"))
        #expect(
            shown.contains("valid_lft 2sec preferred_lft 2sec") || shown.contains("valid_lft 1sec")
        )
        #expect(pair.first.node.logged("(VI_1) Entering MASTER STATE"))
        #expect(pair.second.node.logged("(VI_1) Entering BACKUP STATE"))
        #expect(!pair.second.node.logged("(VI_1) Entering MASTER STATE"))
        #expect(pair.first.count(of: "this agent is alone") == 1)
        #expect(pair.first.node.logged("holds CAP_NET_ADMIN CAP_NET_RAW CAP_SYS_NICE"))
        let status = String(
            decoding: try readFile("/proc/\(pair.first.pid)/status"),
            as: UTF8.self
        )
        // NET_ADMIN 12, NET_RAW 13, SYS_NICE 23
        #expect(status.contains("CapPrm:\t0000000000803000"))
        #expect(status.contains("CapBnd:\t0000000000803000"))
        #expect(status.contains("NoNewPrivs:\t1"))
    }

    @Test func `a MASTER that is killed is never a second owner, and is followed`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let killed = Clock.now
        pair.first.signal(SIGKILL)
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let taken = try #require(pair.lab.owners.firstTime(.machine2, after: killed))
        let gone = pair.lab.owners.firstTime([], after: killed) ?? taken
        print(
            "kill -9: the address left after \(text(gone - killed)), was taken after \(text(taken - killed))"
        )
        #expect(taken - killed < .milliseconds(4200))
        #expect(gone - killed < .milliseconds(2600))
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `a MASTER that is told to end hands over within a second`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let told = Clock.now
        pair.first.signal(SIGTERM)
        #expect(wait(.seconds(3)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let taken = try #require(pair.lab.owners.firstTime(.machine2, after: told))
        print("SIGTERM: the address was taken after \(text(taken - told))")
        #expect(taken - told < .seconds(1))
        #expect(pair.first.end(within: .seconds(3)) == .exited(0))
        #expect(pair.overlap() == .zero)
    }

    @Test func `who only waits for an answer from an address that goes is told at once`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        // Accepted by the kernel: what has the connections here never turns, as a hung proxy would not.
        let listener = FileDescriptor(
            owning: try pair.lab.machine1.namespace.onThread { try listenTCP(port: 7000) }
        )
        defer { _ = listener.rawValue }
        let toAddress = FileDescriptor(
            owning: try pair.lab.client.onThread {
                try connectTCP(to: Lab.virtualAddress, port: 7000)
            }
        )
        let toMachine = FileDescriptor(
            owning: try pair.lab.client.onThread {
                try connectTCP(to: IPv4Address(192, 168, 0, 193), port: 7000)
            }
        )
        let told = Clock.now
        pair.first.signal(SIGTERM)
        var answer = pollfd(fd: toAddress.rawValue, events: Int16(POLLIN), revents: 0)
        #expect(poll(&answer, 1, 2000) == 1, "\(pair.report)")
        var byte: UInt8 = 0
        #expect(recv(toAddress.rawValue, &byte, 1, 0) == -1 && errno == ECONNRESET)
        print("SIGTERM: a waiting client was reset after \(text(Clock.now - told))")
        #expect(Clock.now - told < .milliseconds(500))
        #expect(pair.first.logs("reset 1 connections", within: .seconds(1)), "\(pair.report)")
        #expect(recv(toMachine.rawValue, &byte, 1, Int32(MSG_DONTWAIT)) == -1 && errno == EAGAIN)
    }

    @Test func `a MASTER that was frozen claims nothing of what it lost`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let frozen = Clock.now
        pair.first.signal(SIGSTOP)
        #expect(wait(.seconds(6)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let taken = try #require(pair.lab.owners.firstTime(.machine2, after: frozen))
        pause(.seconds(10) - (Clock.now - frozen))
        let thawed = Clock.now
        pair.first.signal(SIGCONT)
        #expect(
            pair.first.logs("no advertisement was sent for", within: .seconds(2)),
            "\(pair.report)"
        )
        pause(.seconds(2))
        #expect(pair.lab.owners.now == .machine2, "\(pair.report)")
        // It has the higher priority: it preempts, in its time and with one owner at each moment.
        #expect(wait(.seconds(8)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        let back = try #require(pair.lab.owners.firstTime(.machine1, after: thawed))
        print(
            "SIGSTOP: taken after \(text(taken - frozen)); thawed, preempted after \(text(back - thawed)); "
                + "overlap \(text(pair.overlap()))"
        )
        #expect(taken - frozen < .milliseconds(4200))
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `an address that someone removes is back at once`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let removed = Clock.now
        try pair.lab.machine1.namespace.ip(["address", "delete", "192.168.0.100/32", "dev", "eth0"])
        #expect(wait(.seconds(2)) { pair.first.node.logged("has been put back") }, "\(pair.report)")
        #expect(wait(.seconds(1)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        pause(.milliseconds(200))
        let lacked = pair.lab.owners.time([], from: removed)
        print("an address that someone removed was away for \(text(lacked))")
        #expect(lacked < .milliseconds(100))
        #expect(pair.lab.owners.now == .machine1)
        pause(.seconds(1))
        #expect(pair.second.count(of: "(VI_1) Entering") == 1)
    }

    @Test func `what an earlier life left is removed at the start`() throws {
        let pair = try AgentPair(before: { lab in
            try lab.machine2.namespace.ip([
                "address", "add", "192.168.0.100/32", "dev", "eth0", "valid_lft", "60",
                "preferred_lft", "60",
            ])
        })
        #expect(
            pair.second.logs("an earlier life left it behind", within: .seconds(3)),
            "\(pair.report)"
        )
        #expect(pair.settle(), "\(pair.report)")
        #expect(pair.second.node.logged("released 192.168.0.100/32"))
    }

    @Test func `addresses that a dead agent left can be released by hand`() throws {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        defer { lab.tearDown() }
        let machine1 = lab.machine1
        try machine1.namespace.ip(["address", "add", "192.168.0.100/32", "dev", "eth0"])
        let line = machine1.command([
            productDirectory() + "/tandem-agent", "--release-addresses", "-f",
            machine1.keepalivedFile,
        ])
        let finished = try require(line[0], Array(line.dropFirst()))
        #expect(finished.output.contains("(VI_1) released 192.168.0.100/32"))
        let shown = try machine1.namespace.ip(["-4", "address", "show", "dev", "eth0"]).output
        #expect(!shown.contains("192.168.0.100"))
        #expect(shown.contains("192.168.0.193/24"))
        #expect(try require(line[0], Array(line.dropFirst())).output == "")
    }

    @Test func `an agent beside a supervisor that is silent becomes a last resort, and serves`()
        throws
    {
        let pair = try AgentPair(configure: { node in
            guard node.name == "machine1" else { return }
            try node.configure(adding: "\ntandem {\n lease_grace 1\n}\n")
            try makeDirectory(node.runtimeDirectory)
            try write("", to: node.socket)
        })
        #expect(
            pair.first.logs(
                "this node stands as a last resort, with priority 1",
                within: .seconds(3)
            ),
            "\(pair.report)"
        )
        #expect(pair.first.count(of: "this agent is alone") == 0)
        #expect(wait(.seconds(8)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        pair.second.signal(SIGKILL)
        #expect(wait(.seconds(8)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
        pair.first.signal(SIGUSR1)
        #expect(
            pair.first.logs("priority 1 (last resort; configured 101)", within: .seconds(1)),
            "\(pair.report)"
        )
    }
}
