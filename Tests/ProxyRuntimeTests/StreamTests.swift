import CLinux
import Glibc
import Links
import LinuxIO
import Messages
import Primitives
import Testing

/// Sessions that carry much: what pauses amid it, what is urgent, and what is short of descriptors.
@Suite(.serialized, .timeLimit(.minutes(1))) struct StreamTests {
    private static func configuration(_ engine: String) -> String {
        """
        global
          tune.engine \(engine)
          nbthread 1
          maxconn 400
          user root
        listen p
          bind 127.0.0.1:7001
          server s 127.0.0.1:7101
        """
    }

    @Test(
        "A stream that stops without an end has its last bytes handed on at once",
        arguments: IntegrityTests.engines
    )
    func pauses(engine: String) throws {
        try inLab { lab in
            // Far more than what makes a stream, and a rest that is less than any mark.
            let sizes = [3 << 20, 300_000, (8 << 20) + 1, 70_000, (1 << 20) + 77]
            let server = try CountingServer(port: 7101, answersAfter: sizes)
            defer { server.stop() }
            try lab.start(Self.configuration(engine))
            try lab.waitForListener(7001)
            let client = try Client(port: 7001)
            var bytes = KnownBytes(start: 0)
            var longest = 0.0
            for size in sizes {
                var left = size
                while left > 0 {
                    let piece = Array(bytes.next(atMost: min(left, 100_000)))
                    try #require(client.send(piece))
                    left -= piece.count
                }
                let sent = Clock.now
                #expect(client.receive(1)?.count == 1)
                longest = max(longest, (Clock.now - sent).inSeconds)
            }
            print("\(engine): the longest answer took \(Int(longest * 1000)) ms")
            #expect(longest < 2)
            client.close()
        }
    }

    @Test(
        "Urgent data amid others, and the end right behind it, cost no byte of the others",
        arguments: IntegrityTests.engines
    )
    func urgent(engine: String) throws {
        try inLab { lab in
            let server = try CountingServer(port: 7101, answersAfter: [])
            defer { server.stop() }
            try lab.start(Self.configuration(engine))
            try lab.waitForListener(7001)
            for (before, after) in [
                (100, 50_000), (1, 1), (70_000, 10), (20, 300_000), (3_000_000, 200_000),
                (400_000, 3),
            ] {
                for pause in [UInt32(0), 20_000] {
                    let client = try Client(port: 7001)
                    client.send([UInt8](repeating: 1, count: before))
                    usleep(pause)
                    var mark: UInt8 = 2
                    try #require(Glibc.send(client.descriptor, &mark, 1, Int32(MSG_OOB)) == 1)
                    client.send([UInt8](repeating: 3, count: after))
                    client.finishSending()
                    // The server tells how many it has had.
                    let text = String(decoding: client.receiveAll() ?? [], as: UTF8.self)
                    #expect(text == "\(before + after)", "\(before), then \(after) after \(pause)")
                    client.close()
                }
            }
        }
    }

    @Test(
        "A session that becomes a stream when there is no descriptor left goes on, every byte as it was sent",
        arguments: IntegrityTests.engines
    )
    func withoutDescriptors(engine: String) throws {
        try inLab { lab in
            let server = try PlayingServer(port: 7101)
            defer { server.stop() }
            try lab.start(Self.configuration(engine))
            try lab.waitForListener(7001)
            let pid = try #require(lab.process?.pid)
            let own = Part(
                order: .both,
                sends: 12 << 20,
                receives: 9 << 20,
                sendStart: 17,
                receiveStart: 4711
            )
            for isSlow in [false, true] {
                server.expect(
                    Part(
                        order: .both,
                        sends: own.receives,
                        receives: own.sends,
                        sendStart: own.receiveStart,
                        receiveStart: own.sendStart,
                        isSlow: isSlow
                    )
                )
                let client = try Client(port: 7001)
                // Connected to its server, and nothing else that is not open already.
                _ = try lab.traffic { $0[.server, "p"]?.sessions.current == 1 }
                try #require(system("prlimit --pid \(pid) --nofile=3:") == 0)
                let mine = play(own, on: client.descriptor)
                #expect(mine == nil)
                #expect(server.outcome() == nil)
                client.close()
                try #require(system("prlimit --pid \(pid) --nofile=1000:") == 0)
            }
        }
    }

    @Test(
        "A storm of resets keeps no beat from being sent",
        arguments: IntegrityTests.engines
    )
    func storm(engine: String) throws {
        try inLab { lab in
            let server = try ResettingServer(port: 7101)
            defer { server.stop() }
            try lab.start(Self.configuration(engine))
            try lab.waitForListener(7001)
            var link = FrameLink<ProxyToSupervisor, SupervisorToProxy>(
                socket: try lab.connectControl(),
                peer: PeerCredentials(pid: 0, uid: 0, gid: 0)
            )
            link.send(.hello(Hello(role: .supervisor, pid: UInt32(getpid()), build: "test")))
            let isOver = Flag()
            let storms = (0..<4).map { _ in
                runOnThread {
                    while !isOver.isSet {
                        guard let client = try? Client(port: 7001) else { continue }
                        client.send([UInt8(ascii: "k"), 1, 2, 3])
                        _ = client.receive(1)
                        _ = tandem_reset_on_close(client.descriptor)
                        client.close()
                    }
                }
            }
            var last = Clock.now
            var longest = 0.0
            let end = last + .seconds(4)
            while Clock.now < end {
                if case .frame(let frame) = link.receive(), case .beat = frame.message {
                    longest = max(longest, (Clock.now - last).inSeconds)
                    last = Clock.now
                } else {
                    usleep(2000)
                }
            }
            isOver.set()
            for storm in storms { pthread_join(storm, nil) }
            let traffic = try lab.traffic()
            print(
                "\(engine): \(traffic.proxy?.connections.total ?? 0) connections, \(Int(longest * 1000)) ms between beats"
            )
            // `proxy_watchdog` is a second.
            #expect(longest < 0.7)
            #expect(traffic.proxy?.connections.total ?? 0 > 100)
        }
    }
}

private final class Flag: @unchecked Sendable {
    private var lock = pthread_mutex_t()
    private var value = false

    var isSet: Bool {
        pthread_mutex_lock(&lock)
        defer { pthread_mutex_unlock(&lock) }
        return value
    }

    func set() {
        pthread_mutex_lock(&lock)
        value = true
        pthread_mutex_unlock(&lock)
    }
}

/// Answers with one byte after each of these numbers of bytes, and with how many it had at the end.
private final class CountingServer: Sendable {
    private let listener: Int32

    init(port: UInt16, answersAfter sizes: [Int]) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        tandem_setsockopt_int(listener, SOL_SOCKET, SO_REUSEADDR, 1)
        try check(tandem_ipv4_bind(listener, 0x7F00_0001, port), "bind")
        listen(listener, 64)
        runOnThread { [listener] in
            while true {
                let accepted = accept(listener, nil, nil)
                guard accepted >= 0 else { return }
                pthread_detach(runOnThread { Self.serve(accepted, sizes) })
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func serve(_ descriptor: Int32, _ sizes: [Int]) {
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        for size in sizes {
            var left = size
            while left > 0 {
                let count = recv(descriptor, &buffer, min(left, buffer.count), 0)
                guard count > 0 else { return }
                left -= count
            }
            guard send(descriptor, &buffer, 1, Int32(MSG_NOSIGNAL)) == 1 else { return }
        }
        var all = 0
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            all += count
        }
        let text = Array("\(all)".utf8)
        _ = send(descriptor, text, text.count, Int32(MSG_NOSIGNAL))
    }
}
