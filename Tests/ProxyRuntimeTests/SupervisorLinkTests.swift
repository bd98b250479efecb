import CLinux
import Glibc
import Links
import LinuxIO
import Messages
import Primitives
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct ProxySupervisorLinkTests {
    private typealias Link = FrameLink<ProxyToSupervisor, SupervisorToProxy>

    private func connect(_ lab: ProxyLab) throws -> Link {
        let socket = try lab.connectControl()
        var link = Link(socket: socket, peer: PeerCredentials(pid: 0, uid: 0, gid: 0))
        link.send(.hello(Hello(role: .supervisor, pid: UInt32(getpid()), build: "test")))
        return link
    }

    /// All that comes within the time.
    private func collect(_ link: inout Link, milliseconds: Int) -> [ProxyToSupervisor] {
        var messages: [ProxyToSupervisor] = []
        let end = Clock.now + .milliseconds(Int64(milliseconds))
        while Clock.now < end {
            if case .frame(let frame) = link.receive() {
                messages.append(frame.message)
            } else {
                usleep(2000)
            }
        }
        return messages
    }

    private func beats(_ messages: [ProxyToSupervisor]) -> [Beat] {
        messages.compactMap { message in
            if case .beat(let beat) = message { beat } else { nil }
        }
    }

    @Test("Beats come ten times a second with turns that grow; a stopped process sends none")
    func heartbeats() throws {
        try inLab { lab in
            try lab.start("listen p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101")
            try lab.waitForPort(7001)
            var link = try connect(lab)
            let messages = collect(&link, milliseconds: 1000)
            let found = beats(messages)
            print("\(found.count) beats in a second")
            #expect((8...11).contains(found.count))
            #expect(zip(found, found.dropFirst()).allSatisfy { $0.turns < $1.turns })
            #expect(
                messages.contains(
                    .health(
                        ProxyHealth(
                            ready: true,
                            listeners: 1,
                            usableServers: 1,
                            servers: 1,
                            proxiesWithoutServer: 0,
                            proxies: 1
                        )
                    )
                )
            )
            lab.process?.signal(SIGSTOP)
            usleep(50_000)
            _ = collect(&link, milliseconds: 50)
            #expect(beats(collect(&link, milliseconds: 500)).isEmpty)
            lab.process?.signal(SIGCONT)
            #expect(!beats(collect(&link, milliseconds: 500)).isEmpty)
        }
    }

    @Test(
        "The first word of being ready knows already which servers are down",
        arguments: [7101, 7102]
    )
    func readyAfterChecks(port: Int) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(
                "listen p\n bind 127.0.0.1:7001\n server s 127.0.0.1:\(port) check inter 60s\n"
            )
            try lab.waitForPort(7001)
            var link = try connect(lab)
            let healths = collect(&link, milliseconds: 700).compactMap { message in
                if case .health(let health) = message { health } else { nil }
            }
            let first = healths.first { $0.ready }
            #expect(first?.usableServers == (port == 7101 ? 1 : 0))
        }
    }

    @Test("A check that takes too long does not keep a proxy from being ready")
    func readyWithoutAnswer() throws {
        try inLab { lab in
            // Nobody is there to answer for this address.
            try lab.start(
                "listen p\n bind 127.0.0.1:7001\n timeout check 30s\n"
                    + " server s 127.0.0.1:7101 check inter 60s source 127.0.0.1\n"
                    + " server t 192.0.2.1:7101 check inter 60s\n"
            )
            try lab.waitForPort(7001)
            var link = try connect(lab)
            let isReady = collect(&link, milliseconds: 1000).contains { message in
                if case .health(let health) = message { health.ready } else { false }
            }
            #expect(isReady)
        }
    }

    @Test("A refresh is answered once the checks have; a reload tells whether it was done")
    func orders() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(
                "listen p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101 check inter 60s\n"
                    + " server t 127.0.0.1:7102 check inter 60s"
            )
            try lab.waitForPort(7001)
            var link = try connect(lab)
            _ = collect(&link, milliseconds: 100)
            link.send(.refresh)
            #expect(collect(&link, milliseconds: 500).contains(.refreshFinished(usableServers: 1)))
            lab.write("bogus\n")
            link.send(.reload)
            let refused = collect(&link, milliseconds: 300).contains { message in
                if case .reloadFinished(let succeeded, let text) = message {
                    return !succeeded && text.contains("haproxy.cfg:1")
                }
                return false
            }
            #expect(refused)
            lab.write(
                ProxyLab.defaults + "listen p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101\n"
            )
            link.send(.reload)
            let done = collect(&link, milliseconds: 300).contains { message in
                if case .reloadFinished(let succeeded, _) = message { return succeeded }
                return false
            }
            #expect(done)
        }
    }

    @Test("A newer supervisor takes the place of an older")
    func newer() throws {
        try inLab { lab in
            try lab.start("listen p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101")
            try lab.waitForPort(7001)
            var older = try connect(lab)
            #expect(!beats(collect(&older, milliseconds: 300)).isEmpty)
            var newer = try connect(lab)
            #expect(!beats(collect(&newer, milliseconds: 300)).isEmpty)
            var isClosed = false
            for _ in 0..<50 {
                if case .closed = older.receive() { isClosed = true }
            }
            #expect(isClosed)
        }
    }
}
