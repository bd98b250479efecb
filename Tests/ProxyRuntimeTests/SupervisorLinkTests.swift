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

    /// The first that is one of these; what comes before it is lost.
    private func first<Found>(
        _ link: inout Link,
        within limit: Duration = .seconds(10),
        _ choose: (ProxyToSupervisor) -> Found?
    ) throws -> Found {
        let end = Clock.now + limit
        while Clock.now < end {
            if case .frame(let frame) = link.receive() {
                if let found = choose(frame.message) { return found }
            } else {
                usleep(1000)
            }
        }
        throw LabError("the message did not come")
    }

    private func reloadOutcome(_ message: ProxyToSupervisor) -> (isDone: Bool, text: String)? {
        if case .reloadFinished(let succeeded, let text) = message {
            (succeeded, text)
        } else {
            nil
        }
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
            let begun = Clock.now
            let messages = collect(&link, milliseconds: 1000)
            let tenths = Int((Clock.now - begun).milliseconds / 100)
            let found = beats(messages)
            print("\(found.count) beats in \(tenths) tenths of a second")
            // Each is due a tenth after the one before it was sent.
            #expect((tenths - 2...tenths + 1).contains(found.count))
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
            link.send(.refresh)
            let usable: UInt16 = try first(&link) { message in
                if case .refreshFinished(let usable) = message { usable } else { nil }
            }
            #expect(usable == 1)
            lab.write("bogus\n")
            link.send(.reload)
            let refused = try first(&link, reloadOutcome)
            #expect(!refused.isDone && refused.text.contains("haproxy.cfg:1"))
            let file =
                ProxyLab.defaults + "listen p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101\n"
            lab.write(file)
            link.send(.reload)
            #expect(try first(&link, reloadOutcome).isDone)
            link.send(.describe(request: 7, name: nil, from: 0))
            let report: ProxyReport = try first(&link) { message in
                if case .proxy(7, let report) = message { report } else { nil }
            }
            #expect((report.reloads, report.failedReloads) == (1, 1))
            #expect(report.lastReload?.succeeded == true)
            // A drain is no time for it, and says so.
            let client = try Client(port: 7001)
            client.send([1])
            _ = try first(&link) { message in
                if case .beat(let beat) = message, beat.sessions == 1 { true } else { nil }
            }
            lab.process?.signal(SIGUSR1)
            let limit: Duration = try first(&link) { message in
                if case .draining(1, let limit) = message { limit } else { nil }
            }
            #expect(limit > .seconds(200) && limit <= .seconds(300))
            link.send(.reload)
            let late = try first(&link, reloadOutcome)
            #expect(!late.isDone && late.text.contains("is draining"))
            client.close()
            #expect(lab.process?.wait() == .exited(0))
        }
    }

    @Test(
        "While it is paused who connects waits, and is served when the pause ends, whoever ends it"
    )
    func pause() throws {
        for engine in IntegrityTests.engines {
            for ending in ["an order", "its time", "the supervisor's end"] {
                try inLab { lab in
                    let server = try EchoServer(port: 7101)
                    defer { server.stop() }
                    try lab.start(
                        "global\n tune.engine \(engine)\n nbthread 2\n"
                            + "listen p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101"
                    )
                    try lab.waitForPort(7001)
                    var link: Link? = try connect(lab)
                    let old = try Client(port: 7001)
                    old.send([1])
                    usleep(100_000)
                    link?.send(
                        .pauseAccepting(ending == "its time" ? .milliseconds(600) : .seconds(9))
                    )
                    usleep(200_000)
                    let clients = try (0..<8).map { _ in try Client(port: 7001) }
                    for client in clients {
                        client.send([2])
                        client.finishSending()
                    }
                    #expect(!clients[0].hasSomething(within: 150))
                    // A session that is there goes on.
                    old.finishSending()
                    #expect(old.receiveAll() == [1])
                    if ending == "an order" { link?.send(.resumeAccepting) }
                    if ending == "the supervisor's end" { link = nil }
                    #expect(clients.allSatisfy { $0.receiveAll() == [2] }, "\(engine), \(ending)")
                    for client in clients + [old] { client.close() }
                    _ = link?.receive()
                }
            }
        }
    }

    @Test("A drain by order refuses what is new, and waits for the stop that follows")
    func drainByOrder() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let store = try DescriptorStore(in: lab.directory)
            try lab.start(
                "listen p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101",
                environment: store.environment
            )
            try lab.waitForPort(7001)
            var link = try connect(lab)
            let client = try Client(port: 7001)
            client.send([1])
            _ = try first(&link) { message in
                if case .beat(let beat) = message, beat.sessions == 1 { true } else { nil }
            }
            link.send(.drain(.seconds(3)))
            var isRefused = false
            for _ in 0..<500 where !isRefused {
                guard let other = try? Client(port: 7001) else {
                    isRefused = true
                    continue
                }
                other.close()
                usleep(10_000)
            }
            #expect(isRefused)
            client.finishSending()
            #expect(client.receiveAll() == [1])
            client.close()
            // Without a session, too: an end that nobody asked for would be a reason to start it again.
            for _ in 0..<5 { _ = try first(&link) { $0 == .stopping ? nil : true } }
            let before = try store.texts()
            #expect(!before.contains { $0.contains("STOPPING=1") })
            lab.process?.signal(SIGTERM)
            #expect(lab.process?.wait() == .exited(0))
            #expect(try store.texts().contains { $0.contains("STOPPING=1") })
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
