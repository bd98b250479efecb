import CLinux
import Glibc
import LinuxIO
import Messages
import Primitives
import Testing

/// What is short, slow or silent, through each engine.
@Suite(.serialized) struct EngineLimitTests {
    private static func configuration(_ engine: String, maxconn: Int = 4000) -> String {
        """
        global
          tune.engine \(engine)
          tune.buffers.limit 20
          nbthread 1
          maxconn \(maxconn)
        defaults
          mode tcp
          timeout connect 150ms
          timeout client 30s
          timeout server 30s
        listen p
          bind 127.0.0.1:7001
          server s 127.0.0.1:7101
        listen silent
          bind 127.0.0.1:7002
          timeout connect 20s
          server s 192.0.2.9:7101
        listen elsewhere
          bind 127.0.0.1:7003
          option redispatch 1
          server s 192.0.2.9:7101
          server u 127.0.0.1:7101
        """
    }

    /// A network from which nobody answers.
    private static func addSilence() {
        _ = system("ip link add void type dummy && ip link set void up && ip link set void arp off")
        _ = system("ip address add 192.0.2.1/24 dev void")
    }

    @Test(
        "Many clients that take nothing keep no other from being served, and get every byte in the end",
        .timeLimit(.minutes(1)),
        arguments: IntegrityTests.engines
    )
    func stalled(engine: String) throws {
        try inLab { lab in
            let server = try ResettingServer(port: 7101)
            defer { server.stop() }
            try lab.start(Self.configuration(engine))
            try lab.waitForPort(7001)
            // k echoes: each of them sends 300,000 bytes and takes none, until both sides are full.
            let size = 300_000
            let stalled = try (0..<150).map { _ in try Client(port: 7001) }
            for client in stalled {
                let descriptor = client.descriptor
                runOnThread {
                    let bytes = [UInt8](repeating: UInt8(ascii: "k"), count: size)
                    _ = Client(connected: descriptor).send(bytes)
                }
            }
            // Far longer than the bytes take that find room; the rest waits for whoever takes nothing.
            _ = try lab.traffic { $0.proxy?.connections.current ?? 0 == stalled.count }
            usleep(1_500_000)
            let begun = Clock.now
            for _ in 0..<50 {
                let client = try Client(port: 7001)
                client.send([UInt8(ascii: "e"), 7])
                client.finishSending()
                #expect(client.receiveAll() == [UInt8(ascii: "e"), 7])
                client.close()
            }
            #expect((Clock.now - begun).inSeconds < 5)
            var whole = 0
            for client in stalled {
                var received = 0
                while received < size, let part = client.receive(), !part.isEmpty {
                    received += part.count
                }
                if received == size { whole += 1 }
                client.close()
            }
            #expect(whole == stalled.count)
            lab.process?.signal(SIGUSR1)
            #expect(lab.process?.wait() == .exited(0))
        }
    }

    @Test(
        "More clients than maxconn are all served, as many at a time",
        .timeLimit(.minutes(1)),
        arguments: IntegrityTests.engines
    )
    func crowded(engine: String) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(Self.configuration(engine, maxconn: 200))
            try lab.waitForPort(7001)
            // The others wait in the kernel's queue, which is as long as maxconn.
            for _ in 0..<5 {
                let clients = try (0..<350).map { _ in try Client(port: 7001) }
                for client in clients {
                    client.send([3])
                    client.finishSending()
                }
                #expect(clients.count { $0.receiveAll() == [3] } == 350)
                for client in clients { client.close() }
            }
            lab.process?.signal(SIGUSR1)
            #expect(lab.process?.wait() == .exited(0))
        }
    }

    @Test(
        "A client that leaves while its server is silent ends its session at once",
        .timeLimit(.minutes(1)),
        arguments: IntegrityTests.engines
    )
    func leaving(engine: String) throws {
        try inLab { lab in
            Self.addSilence()
            try lab.start(Self.configuration(engine))
            try lab.waitForPort(7002)
            let clients = try (0..<40).map { _ in try Client(port: 7002) }
            usleep(100_000)
            for client in clients { client.close() }
            lab.process?.signal(SIGUSR1)
            let begun = Clock.now
            #expect(lab.process?.wait() == .exited(0))
            #expect((Clock.now - begun).inSeconds < 2)
        }
    }

    @Test(
        "Attempts that time out go on to another server, and nothing is left behind",
        .timeLimit(.minutes(1)),
        arguments: IntegrityTests.engines
    )
    func timedOut(engine: String) throws {
        try inLab { lab in
            Self.addSilence()
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(Self.configuration(engine))
            try lab.waitForPort(7003)
            let clients = try (0..<60).map { _ in try Client(port: 7003) }
            for client in clients {
                client.send([3])
                client.finishSending()
            }
            #expect(clients.count { $0.receiveAll() == [3] } == 60)
            for client in clients { client.close() }
            lab.process?.signal(SIGUSR1)
            #expect(lab.process?.wait() == .exited(0))
        }
    }
}
