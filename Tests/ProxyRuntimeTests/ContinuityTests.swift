import CLinux
import Glibc
import LinuxIO
import Messages
import Primitives
import Synchronization
import Testing

@testable import ProxyRuntime

/// What clients see of reloads, restarts and stops.
@Suite("Reloads and restarts under clients", .timeLimit(.minutes(2)))
struct ContinuityTests {
    private static let file =
        "global\n nbthread 2\nlisten p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101"

    /// What each reload finds: another address, another weight.
    private static func file(_ engine: String, round: Int) -> String {
        "global\n nbthread 2\n hard-stop-after 20s\n"
            + " tune.engine \(engine)\n"
            + "listen p\n bind 127.0.0.1:7001\n bind 127.0.0.1:\(7010 + round)\n"
            + " server s 127.0.0.1:7101 weight \(1 + round)"
    }

    /// What clients saw.
    private struct Outcome {
        var cutByReloads: Int
        var refusedByReloads: Int
        var cut: Int
        var refused: Int
    }

    /// Ten reloads, each with a file that differs, and five restarts, while four clients connect one after the other and
    /// four sessions last through the reloads.
    private static func run(
        _ lab: ProxyLab,
        reload: (_ round: Int) throws -> Void,
        restart: () throws -> Void
    ) throws -> Outcome {
        try lab.waitForPort(7001)
        let long = try (0..<4).map { _ in try Client(port: 7001) }
        for client in long { client.send([1]) }
        usleep(200_000)
        let visits = Visits()
        let clients = (0..<4).map { _ in runOnThread { visits.run(port: 7001) } }
        defer {
            visits.isOver.store(true, ordering: .relaxed)
            for client in clients { pthread_join(client, nil) }
        }
        for round in 1...10 {
            try visits.waitForTotal(round * 500)
            try reload(round)
        }
        try visits.waitForTotal(6000)
        for client in long {
            client.send([2])
            client.finishSending()
            #expect(client.receiveAll() == [1, 2], "a session that lasts through ten reloads")
            client.close()
        }
        let byReloads = (
            visits.cut.load(ordering: .relaxed), visits.refused.load(ordering: .relaxed)
        )
        for round in 1...5 {
            try visits.waitForTotal(6000 + round * 700)
            try restart()
        }
        try visits.waitForTotal(10_000)
        return Outcome(
            cutByReloads: byReloads.0,
            refusedByReloads: byReloads.1,
            cut: visits.cut.load(ordering: .relaxed),
            refused: visits.refused.load(ordering: .relaxed)
        )
    }

    @Test(arguments: IntegrityTests.engines)
    func `10000 connects under ten reloads and five restarts are all answered`(
        engine: String
    ) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let store = try DescriptorStore(in: lab.directory)
            try lab.start(Self.file(engine, round: 0), environment: store.environment)
            // Of the address that stays; the other one's are given back too, and not asked for.
            let passed = try store.sockets(4).filter { $0.name.contains("_7001") }
            #expect(passed.count == 2)
            let outcome = try Self.run(lab) { round in
                lab.write(ProxyLab.defaults + Self.file(engine, round: round) + "\n")
                lab.process?.signal(SIGHUP)
                let traffic = try lab.traffic { $0.proxy?.reloads == UInt32(round) }
                #expect(traffic.proxy?.reloads == UInt32(round))
                #expect(traffic.proxy?.failedReloads == 0)
                #expect(traffic.proxy?.engine == engine)
                try lab.waitForListener(7010 + UInt16(round))
            } restart: {
                lab.process?.signal(SIGTERM)
                #expect(lab.process?.wait() == .exited(0))
                // What is on its way to the store listens, too.
                _ = try store.texts()
                try lab.restart(environment: store.environment, passed: passed)
                // A signal that comes before it is heard ends any process.
                _ = try lab.traffic()
            }
            print("\(engine): \(outcome)")
            #expect(outcome.refused == 0)
            #expect(outcome.cutByReloads == 0)
            // A restart ends the sessions that outlast its grace: no more than there were at that moment.
            #expect(outcome.cut <= 5 * 4)
        }
    }

    @Test func `a request that is on its way when the proxy is stopped is answered`() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            // One answer proves the grace, which a busy machine can sleep through.
            var isAnswered = false
            for _ in 0..<5 where !isAnswered {
                try lab.start(Self.file)
                try lab.waitForPort(7001)
                let client = try Client(port: 7001)
                client.send([1])
                usleep(50_000)
                lab.process?.signal(SIGTERM)
                usleep(2000)
                client.send([2])
                client.finishSending()
                isAnswered = client.receiveAll() == [1, 2]
                #expect(lab.process?.wait() == .exited(0))
                client.close()
            }
            #expect(isAnswered)
        }
    }

    @Test func `a drain waits for its sessions, and for hard-stop-after at most`() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let file = Self.file.replacing("nbthread 2", with: "nbthread 2\n hard-stop-after 1s")
            for endsByItself in [true, false] {
                try lab.start(file)
                try lab.waitForPort(7001)
                let client = try Client(port: 7001)
                client.send([1])
                usleep(50_000)
                let begun = Clock.now
                lab.process?.signal(SIGUSR1)
                var isRefused = false
                while !isRefused, Clock.now - begun < .milliseconds(900) {
                    guard let other = try? Client(port: 7001) else {
                        isRefused = true
                        continue
                    }
                    other.close()
                    usleep(2000)
                }
                #expect(isRefused)
                if endsByItself {
                    client.finishSending()
                    #expect(client.receiveAll() == [1])
                }
                #expect(lab.process?.wait() == .exited(0))
                let took = Clock.now - begun
                #expect(endsByItself ? took < .seconds(1) : took >= .seconds(1))
                #expect(took < .seconds(3))
                client.close()
            }
        }
    }

    @Test func `a session that does not end holds a stop up for no more than its grace`() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(Self.file)
            try lab.waitForPort(7001)
            let client = try Client(port: 7001)
            defer { client.close() }
            client.send([1])
            usleep(50_000)
            let begun = Clock.now
            lab.process?.signal(SIGTERM)
            #expect(lab.process?.wait() == .exited(0))
            #expect(Clock.now - begun < .seconds(1))
            #expect(client.receiveAll() != [1])
        }
    }
}

/// Clients that connect, send a byte and read it back, one after the other.
private final class Visits: Sendable {
    let answered = Atomic<Int>(0)
    let refused = Atomic<Int>(0)
    let cut = Atomic<Int>(0)
    let isOver = Atomic<Bool>(false)

    var total: Int {
        answered.load(ordering: .relaxed) + refused.load(ordering: .relaxed)
            + cut.load(ordering: .relaxed)
    }

    func run(port: UInt16) {
        while !isOver.load(ordering: .relaxed) {
            guard let client = try? Client(port: port) else {
                refused.add(1, ordering: .relaxed)
                continue
            }
            client.send([9])
            client.finishSending()
            if client.receiveAll() == [9] {
                answered.add(1, ordering: .relaxed)
            } else {
                cut.add(1, ordering: .relaxed)
            }
            client.close()
        }
    }

    func waitForTotal(_ count: Int) throws {
        for _ in 0..<60_000 {
            if total >= count { return }
            usleep(1000)
        }
        throw LabError("\(total) of \(count) connects after a minute")
    }
}
