import CLinux
import Glibc
import Links
import LinuxIO
import Messages
import NamespaceLab
import Primitives
import RawSockets
import Testing
import VRRP

@testable import AgentRuntime

/// One agent of the pair, and what is done to it.
@Suite(
    "An agent and its configuration, scripts and supervisor",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentReloadTests {
    @Test func `SIGHUP applies a new file without leaving MASTER, and refuses a bad one`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        let good = String(decoding: try readFile(node.keepalivedFile), as: UTF8.self)
        let begin = Clock.now

        try write(good + "vrrp_instance VI_2 {\n", to: node.keepalivedFile)
        pair.first.signal(SIGHUP)
        #expect(
            pair.first.logs("the old configuration stays in force", within: .seconds(2)),
            "\(pair.report)"
        )

        try write(good, to: node.keepalivedFile)
        try node.configure(
            replacing: "  192.168.0.100\n",
            with: "  192.168.0.100\n  192.168.0.101\n"
        )
        pair.first.signal(SIGHUP)
        #expect(
            pair.first.logs("1 virtual routers kept, 0 added, 0 removed", within: .seconds(2)),
            "\(pair.report)"
        )
        let shown = try node.namespace.ip(["-4", "address", "show", "dev", "eth0"]).output
        #expect(shown.contains("192.168.0.101/32"))

        try write(good, to: node.keepalivedFile)
        pair.first.signal(SIGHUP)
        #expect(
            wait(.seconds(2)) {
                let shown = try? node.namespace.ip(["-4", "address", "show", "dev", "eth0"]).output
                return shown?.contains("192.168.0.101/32") == false
            },
            "\(pair.report)"
        )
        pause(.seconds(2))
        #expect(pair.lab.owners.time([], from: begin) == .zero, "\(pair.report)")
        #expect(pair.lab.owners.now == .machine1)
        #expect(pair.first.count(of: "Entering MASTER STATE") == 1)
    }

    @Test func `a reload adds and removes whole routers`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let node = pair.lab.machine1
        let good = String(decoding: try readFile(node.keepalivedFile), as: UTF8.self)
        try node.configure(
            adding: """

                vrrp_instance VI_2 {
                    interface eth0
                    virtual_router_id 52
                    priority 255
                    virtual_ipaddress { 192.168.0.110 }
                }
                """
        )
        pair.first.signal(SIGHUP)
        #expect(
            pair.first.logs("(VI_2) Entering MASTER STATE", within: .seconds(2)),
            "\(pair.report)"
        )
        #expect(
            wait(.seconds(2)) {
                (try? node.namespace.ip(["-4", "address", "show", "dev", "eth0"]).output)?
                    .contains("192.168.0.110/32") == true
            }
        )
        try write(good, to: node.keepalivedFile)
        pair.first.signal(SIGHUP)
        #expect(pair.first.logs("released 192.168.0.110/32", within: .seconds(2)), "\(pair.report)")
        #expect(pair.lab.owners.now == .machine1)
        #expect(pair.first.count(of: "(VI_1) Entering") == 2)
    }

    @Test
    func `a script of weight 0 that fails is a fault, and notify programs hear of every state`()
        throws
    {
        let directory = "/tmp/tandem-\(getpid())-notify"
        try makeDirectory(directory)
        chmod(directory, 0o777)
        defer { _ = try? run("/bin/rm", ["-rf", directory]) }
        try write("", to: directory + "/well", mode: 0o644)
        try write(
            "#!/bin/sh\necho \"$*\" >> \(directory)/states\n",
            to: directory + "/notify",
            mode: 0o755
        )
        let pair = try AgentPair(configure: { node in
            guard node.name == "machine1" else { return }
            try node.configure(
                replacing: "track_script {\n",
                with: "notify \"\(directory)/notify\"\n track_script {\n  chk_file\n"
            )
            try node.configure(
                adding: """

                    vrrp_script chk_file {
                        script "/usr/bin/test -e \(directory)/well"
                        interval 1
                        fall 2
                        rise 2
                    }
                    """
            )
        })
        #expect(pair.settle(), "\(pair.report)")
        let failed = Clock.now
        unlink(directory + "/well")
        #expect(
            pair.first.logs("Entering FAULT STATE: the check chk_file fails", within: .seconds(5)),
            "\(pair.report)"
        )
        #expect(wait(.seconds(5)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let taken = try #require(pair.lab.owners.firstTime(.machine2, after: failed))
        print("a check that fails (interval 1, fall 2): taken after \(text(taken - failed))")
        try write("", to: directory + "/well", mode: 0o644)
        #expect(wait(.seconds(12)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        pair.first.signal(SIGTERM)
        #expect(pair.first.end(within: .seconds(4)) == .exited(0))
        #expect(
            wait(.seconds(3)) {
                let states = (try? readFile(directory + "/states")) ?? []
                return String(decoding: states, as: UTF8.self).split(separator: "\n").map(
                    String.init
                )
                    == [
                        "INSTANCE VI_1 BACKUP 101", "INSTANCE VI_1 MASTER 101",
                        "INSTANCE VI_1 FAULT 101", "INSTANCE VI_1 BACKUP 101",
                        "INSTANCE VI_1 MASTER 101", "INSTANCE VI_1 STOP 101",
                    ]
            },
            "\(String(decoding: (try? readFile(directory + "/states")) ?? [], as: UTF8.self))\(pair.report)"
        )
        #expect(pair.overlap() == .zero)
    }

    @Test func `an agent that needs its script runner ends when that dies, after handing over`()
        throws
    {
        let pair = try AgentPair(configure: { node in
            guard node.name == "machine1" else { return }
            try node.configure(
                replacing: "track_script {\n",
                with: "track_script {\n  chk_true weight 1\n"
            )
            try node.configure(
                adding: "\nvrrp_script chk_true {\n script \"/bin/true\"\n interval 1\n}\n"
            )
        })
        #expect(pair.settle(), "\(pair.report)")
        let runner = try #require(
            pair.lab.machine1.namespace.processes().first { pid in
                let line = (try? readFile("/proc/\(pid)/cmdline")) ?? []
                return String(decoding: line, as: UTF8.self).contains("--script-runner")
            }
        )
        kill(runner, SIGKILL)
        #expect(pair.first.end(within: .seconds(5)) == .exited(1), "\(pair.report)")
        #expect(wait(.seconds(2)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        #expect(pair.overlap() == .zero)
    }

    @Test func `a supervisor lends standing, takes it away, and makes the node step down`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let socket = try UnixSocket.connect(to: pair.lab.machine1.runtimeDirectory + "/agent.sock")
        var link = FrameLink<AgentToSupervisor, SupervisorToAgent>(
            socket: socket,
            peer: PeerCredentials(pid: 0, uid: 0, gid: 0)
        )
        var heard: [AgentToSupervisor] = []
        func lend(_ standing: Standing, healthy: Bool, for duration: Duration) {
            let end = Clock.now + duration
            while Clock.now < end {
                link.send(
                    .lease(Lease(duration: .seconds(1), standing: standing, proxyHealthy: healthy))
                )
                pause(.milliseconds(100))
                while case .frame(let frame) = link.receive() { heard.append(frame.message) }
            }
        }
        link.send(.hello(Hello(role: .supervisor, pid: 1, build: "0.1.0")))
        lend(.full, healthy: true, for: .milliseconds(1500))
        var reports = heard.compactMap { if case .router(let report) = $0 { report } else { nil } }
        #expect(reports.count >= 2)
        #expect(reports.last?.state == .active)
        #expect(reports.last?.priority == 103, "101 and 2 of chk_haproxy")
        #expect(reports.last?.addresses == ["192.168.0.100/32"])
        #expect(reports.last?.interface == "eth0")

        let told = Clock.now
        link.send(.stepDown(.proxyHung, hold: .seconds(2)), incident: IncidentID(rawValue: 4711))
        lend(.lastResort, healthy: false, for: .milliseconds(1500))
        let taken = try #require(
            pair.lab.owners.firstTime(.machine2, after: told),
            "\(pair.report)"
        )
        print("step down: the address was taken after \(text(taken - told))")
        #expect(taken - told < .seconds(1))
        #expect(pair.first.node.logged("stepped down: the proxy hangs incident=4711"))
        #expect(
            heard.contains(
                .transition(
                    RouterChange(
                        router: "VI_1",
                        from: .active,
                        to: .backup,
                        reason: "stepped down: the proxy hangs"
                    )
                )
            )
        )
        #expect(
            heard.contains {
                if case .peerHeard("VI_1", IPAddress(192, 168, 0, 192), 100) = $0 {
                    true
                } else {
                    false
                }
            }
        )
        reports = heard.compactMap { if case .router(let report) = $0 { report } else { nil } }
        #expect(reports.last?.priority == 1)
        #expect(reports.last?.peer == IPAddress(192, 168, 0, 192))

        lend(.full, healthy: true, for: .seconds(5))
        #expect(pair.lab.owners.now == .machine1, "\(pair.report)")
        // Silence: after lease_grace the node is a last resort, and the better one takes the address.
        _ = link.send(.report)
        let silent = Clock.now
        #expect(wait(.seconds(14)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let lost = try #require(pair.lab.owners.firstTime(.machine2, after: silent))
        print("no lease: the address was taken after \(text(lost - silent))")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `malformed packets are counted by reason and harm nothing`() throws {
        let pair = try AgentPair()
        #expect(pair.settle(), "\(pair.report)")
        let begin = Clock.now
        var generator = SeededGenerator(seed: 51)
        let packets = (0..<3000).map { _ in
            (0..<Int.random(in: 0...120, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
        }
        // The right shape with one thing wrong each: version, VRID, checksum, count, authentication.
        let good = RouterSettings(
            name: "x",
            interface: "eth0",
            virtualRouterID: 51,
            addresses: [VirtualAddress(prefix: Prefix(host: .v4(IPv4Address(192, 168, 0, 100))))]
        ).advertisement(priority: 254).encode(
            between: Endpoints(source: .v4(.any), destination: .v4(.vrrpGroup))
        )
        let wrong: [(offset: Int, value: UInt8)] = [
            (0, 0x31), (1, 99), (6, 0xAA), (3, 200), (4, 9),
        ]
        let crafted = wrong.map { change in
            var bytes = good
            bytes[change.offset] = change.value
            if change.offset != 6 { bytes.mendChecksum() }
            return bytes
        }
        try pair.lab.client.onThread {
            let socket = try clientSocket()
            for (ttl, list) in [(UInt8(255), packets + crafted), (64, [good])] {
                for packet in list {
                    try socket.send(packet, to: .v4(.vrrpGroup), from: nil, timeToLive: ttl)
                }
            }
        }
        pause(.seconds(2))
        for reason in [
            "version", "virtual-router-id", "checksum", "length", "authentication-type", "ttl",
        ] {
            #expect(
                pair.first.node.logged("dropped a packet: \(reason)"),
                "\(reason)\n\(pair.report)"
            )
        }
        #expect(pair.lab.owners.time([], from: begin) == .zero, "\(pair.report)")
        #expect(pair.first.isRunning && pair.second.isRunning)
        #expect(pair.first.count(of: "dropped") < 12)
        // The twin: the same packet with nothing wrong is heard.
        try pair.lab.client.onThread {
            try clientSocket().send(good, to: .v4(.vrrpGroup), from: nil)
        }
        #expect(
            pair.first.logs("192.168.0.10 is MASTER with priority 254", within: .seconds(2)),
            "\(pair.report)"
        )
    }
}

/// What a stranger on the LAN sends advertisements by.
private func clientSocket() throws -> VRRPSocket {
    let interface = try check(tandem_interface_index("eth0"), "index of eth0")
    return try VRRPSocket(family: .v4, interface: (interface, "eth0"))
}

extension [UInt8] {
    fileprivate mutating func mendChecksum() {
        self[6] = 0
        self[7] = 0
        let checksum = InternetChecksum.of(self)
        self[6] = UInt8(checksum >> 8)
        self[7] = UInt8(truncatingIfNeeded: checksum)
    }
}
