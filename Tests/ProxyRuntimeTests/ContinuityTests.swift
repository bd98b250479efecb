import CLinux
import Glibc
import LinuxIO
import Primitives
import Synchronization
import Testing

@testable import ProxyRuntime

/// What clients see of reloads, restarts and stops.
@Suite("Reloads and restarts under clients", .timeLimit(.minutes(2)))
struct ContinuityTests {
    private static let file =
        "global\n nbthread 2\nlisten p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101"

    @Test func `10000 connects under ten reloads and five restarts are all answered`() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let store = try DescriptorStore(in: lab.directory)
            try lab.start(Self.file, environment: store.environment)
            let passed = try store.sockets(2)
            try lab.waitForPort(7001)

            let visits = Visits()
            let clients = (0..<4).map { _ in runOnThread { visits.run(port: 7001) } }
            for round in 1...10 {
                try visits.waitForTotal(round * 500)
                lab.process?.signal(SIGHUP)
            }
            try visits.waitForTotal(6000)
            let cutByReloads = visits.cut.load(ordering: .relaxed)
            for round in 1...5 {
                try visits.waitForTotal(6000 + round * 700)
                lab.process?.signal(SIGTERM)
                #expect(lab.process?.wait() == .exited(0))
                try lab.restart(environment: store.environment, passed: passed)
            }
            try visits.waitForTotal(10_000)
            visits.isOver.store(true, ordering: .relaxed)
            for client in clients { pthread_join(client, nil) }

            #expect(visits.refused.load(ordering: .relaxed) == 0)
            #expect(cutByReloads == 0)
            let cut = visits.cut.load(ordering: .relaxed)
            print("ten reloads and five restarts: \(cut) of \(visits.total) sessions cut")
            // A restart ends the sessions that outlast its grace: no more than there were at that moment.
            #expect(cut <= 5 * clients.count)
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
                lab.process?.signal(SIGUSR1)
                usleep(300_000)
                #expect((try? Client(port: 7001)) == nil)
                let begun = Clock.now
                if endsByItself {
                    client.finishSending()
                    #expect(client.receiveAll() == [1])
                }
                #expect(lab.process?.wait() == .exited(0))
                let took = Clock.now - begun
                #expect(endsByItself ? took < .milliseconds(600) : took > .milliseconds(500))
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
