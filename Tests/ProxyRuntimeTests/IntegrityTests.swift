import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

/// Every byte, every end and every reset, through each engine.
@Suite(.serialized) struct IntegrityTests {
    static let engines = ["epoll", "io_uring"]
    static let sizes = [0, 1, 100, 16_384, 65_536, 65_537, 300_000, 1 << 20, 5 << 20, 24 << 20]

    private static func configuration(_ engine: String) -> String {
        """
        global
          tune.engine \(engine)
          nbthread 2
        listen p
          bind 127.0.0.1:7001
          server s 127.0.0.1:7101
        listen refusing
          bind 127.0.0.1:7002
          server s 127.0.0.1:7999
        """
    }

    /// The engine that was asked for runs, and no other.
    private static func start(_ lab: ProxyLab, _ engine: String) throws {
        let log = "\(lab.directory)/errors"
        try lab.start(configuration(engine), errorLog: log)
        try lab.waitForPort(7001)
        for _ in 0..<200 {
            let text = String(decoding: (try? readFile(log)) ?? [], as: UTF8.self)
            if text.contains("workers (\(engine))") { return }
            usleep(10_000)
        }
        throw LabError("the proxy does not run with \(engine)")
    }

    @Test(
        "Bytes of any number arrive as they were sent, whoever ends first and however slow an end is",
        .timeLimit(.minutes(2)),
        arguments: engines
    )
    func bytes(engine: String) throws {
        try inLab { lab in
            let server = try PlayingServer(port: 7101)
            defer { server.stop() }
            try Self.start(lab, engine)
            usleep(100_000)
            var conversations = 0
            for size in Self.sizes {
                for order in Part.Order.allCases {
                    for (slowClient, slowServer) in [(false, false), (true, false), (false, true)] {
                        // Two slow ends of many MiB would be slow and nothing else.
                        if size > 5 << 20, slowClient || slowServer, order != .both { continue }
                        let opposite: Part.Order =
                            switch order {
                            case .sendsFirst: .readsFirst
                            case .readsFirst: .sendsFirst
                            case .both: .both
                            }
                        let start = conversations * 7919
                        let other = size / 3
                        let client = Part(
                            order: order,
                            sends: size,
                            receives: other,
                            sendStart: start,
                            receiveStart: start + 100_003,
                            isSlow: slowClient
                        )
                        server.expect(
                            Part(
                                order: opposite,
                                sends: other,
                                receives: size,
                                sendStart: start + 100_003,
                                receiveStart: start,
                                isSlow: slowServer
                            )
                        )
                        let socket = try Client(port: 7001)
                        let mine = play(client, on: socket.descriptor)
                        socket.close()
                        let theirs = server.outcome()
                        let name = "\(size) bytes, \(order), slow: \(slowClient) \(slowServer)"
                        #expect(mine == nil, "client, \(name)")
                        #expect(theirs == nil, "server, \(name)")
                        conversations += 1
                    }
                }
            }
            print("\(engine): \(conversations) conversations, every byte as it was sent")
        }
    }

    enum Phase: CaseIterable {
        case beforeTheServerAnswers
        case atOnce
        case amidSmallMessages
        case amidAStream
        case afterTheOtherHasEnded
    }

    @Test(
        "A reset at any phase ends its session, the other side hears of it, and nothing is left behind",
        .timeLimit(.minutes(1)),
        arguments: engines
    )
    func resets(engine: String) throws {
        try inLab { lab in
            let server = try ResettingServer(port: 7101)
            defer { server.stop() }
            try Self.start(lab, engine)
            let pid = try #require(lab.process?.pid)
            let before = Self.descriptors(of: pid)
            for phase in Phase.allCases {
                for byClient in [true, false] {
                    // A server that refuses is tried for three seconds.
                    let times = phase == .beforeTheServerAnswers && !byClient ? 1 : 8
                    for _ in 0..<times {
                        try Self.converse(phase, byClient: byClient)
                    }
                }
            }
            // Once more, unharmed.
            let client = try Client(port: 7001)
            client.send([UInt8(ascii: "e"), 7])
            client.finishSending()
            #expect(client.receiveAll() == [UInt8(ascii: "e"), 7])
            client.close()
            var after = Self.descriptors(of: pid)
            for _ in 0..<300 where after > before + 32 {
                usleep(10_000)
                after = Self.descriptors(of: pid)
            }
            // Pipes for streams are kept.
            #expect(after <= before + 32)
            // The sessions themselves are gone too: a drain has nothing to wait for.
            lab.process?.signal(SIGUSR1)
            #expect(lab.process?.wait() == .exited(0))
        }
    }

    private static func descriptors(of pid: Int32) -> Int {
        guard let directory = opendir("/proc/\(pid)/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count
    }

    private static func converse(_ phase: Phase, byClient: Bool) throws {
        let port: UInt16 = phase == .beforeTheServerAnswers ? 7002 : 7001
        let client = try Client(port: port)
        defer { client.close() }
        switch phase {
        case .beforeTheServerAnswers:
            client.send([1])
            usleep(2000)
        case .atOnce: client.send([UInt8(ascii: byClient ? "k" : "r")])
        case .amidSmallMessages:
            client.send([UInt8(ascii: "k")] + [UInt8](repeating: 9, count: 20))
            _ = client.receive()
            client.send([UInt8(ascii: byClient ? "k" : "r")])
        case .amidAStream:
            client.send([UInt8(ascii: byClient ? "d" : "D")])
            var received = 0
            while received < 3 << 20, let part = client.receive(), !part.isEmpty {
                received += part.count
            }
        case .afterTheOtherHasEnded:
            client.send([UInt8(ascii: byClient ? "h" : "H")])
            if byClient {
                _ = client.receiveAll()
            } else {
                client.finishSending()
            }
        }
        guard byClient else {
            // The server resets: the client sees a reset or an end, and never silence.
            let begun = Clock.now
            while let part = client.receive(), !part.isEmpty {}
            if phase != .beforeTheServerAnswers {
                #expect((Clock.now - begun).inSeconds < 5, "\(phase): the client was left alone")
            }
            return
        }
        _ = tandem_reset_on_close(client.descriptor)
    }
}

/// Does as the first byte of a connection says, and resets it where that is asked for:
/// k echoes, e echoes and ends with the client, r resets at once, d streams until it is cut off,
/// D streams 4 MiB and resets, h ends and then waits, H waits for the end and resets.
final class ResettingServer: Sendable {
    private let listener: Int32

    init(port: UInt16) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        tandem_setsockopt_int(listener, SOL_SOCKET, SO_REUSEADDR, 1)
        try check(tandem_ipv4_bind(listener, 0x7F00_0001, port), "bind")
        listen(listener, 256)
        runOnThread { [listener] in
            while true {
                let accepted = accept(listener, nil, nil)
                guard accepted >= 0 else { return }
                pthread_detach(runOnThread { Self.serve(accepted) })
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func serve(_ descriptor: Int32) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        defer { close(descriptor) }
        var received = recv(descriptor, &buffer, 1, 0)
        guard received == 1 else { return }
        let order = buffer[0]
        switch order {
        case UInt8(ascii: "k"), UInt8(ascii: "e"):
            while received > 0 {
                if buffer[..<received].contains(UInt8(ascii: "r")), order == UInt8(ascii: "k") {
                    _ = tandem_reset_on_close(descriptor)
                    return
                }
                guard send(descriptor, &buffer, received, Int32(MSG_NOSIGNAL)) > 0 else { return }
                received = recv(descriptor, &buffer, buffer.count, 0)
            }
        case UInt8(ascii: "d"), UInt8(ascii: "D"):
            var left = order == UInt8(ascii: "d") ? Int.max : 4 << 20
            while left > 0 {
                let count = send(descriptor, &buffer, buffer.count, Int32(MSG_NOSIGNAL))
                guard count > 0 else { return }
                left -= count
            }
            _ = tandem_reset_on_close(descriptor)
        case UInt8(ascii: "h"):
            shutdown(descriptor, Int32(SHUT_WR))
            while recv(descriptor, &buffer, buffer.count, 0) > 0 {}
        case UInt8(ascii: "H"):
            while recv(descriptor, &buffer, buffer.count, 0) > 0 {}
            _ = tandem_reset_on_close(descriptor)
        default: _ = tandem_reset_on_close(descriptor)
        }
    }
}
