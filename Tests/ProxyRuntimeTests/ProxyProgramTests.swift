import CLinux
import Glibc
import LinuxIO
import Messages
import Primitives
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct ProxyProgramTests {
    @Test("Bytes and half-close survive, whatever the size and however slow the reader")
    func integrity() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start("listen echo\n bind 127.0.0.1:7001\n server e1 127.0.0.1:7101")
            try lab.waitForPort(7001)
            var generator = SeededGenerator(seed: 11)
            for size in [0, 1, 100, 4096, 65_535, 65_536, 65_537, 1 << 20, 5 << 20] {
                for slowly in [false, true] {
                    let bytes = (0..<size).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
                    let client = try Client(port: 7001)
                    let sender = runOnThread {
                        client.send(bytes)
                        client.finishSending()
                    }
                    let back = client.receiveAll(slowly: slowly)
                    pthread_join(sender, nil)
                    client.close()
                    #expect(back == bytes, "\(size) bytes, slowly: \(slowly)")
                }
            }
            let line = try lab.line(holding: " 5242880 -- ")
            #expect(line.hasPrefix("<134>"))
            #expect(line.contains(" echo echo/e1 "))
            #expect(line.hasSuffix(" 1/1/0/0/0 0/0\n"))
        }
    }

    @Test(
        "A server that refuses is tried for three seconds, then SC; a second server is tried at once"
    )
    func retries() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(
                """
                listen refused
                  bind 127.0.0.1:7002
                  server r1 127.0.0.1:7999
                listen redis
                  bind 127.0.0.1:7003
                  server s1 127.0.0.1:7998
                  server s2 127.0.0.1:7101
                """
            )
            try lab.waitForPort(7003)
            let begun = Clock.now
            let client = try Client(port: 7002)
            client.send([1])
            #expect(client.receive() == [])
            let took = (Clock.now - begun).inSeconds
            print("a refusing server cost \(took) s")
            #expect((2.9...3.5).contains(took))
            client.close()
            let line = try lab.line(holding: " refused refused/r1 ")
            #expect(line.contains("/-1/"))
            #expect(line.contains(" 0 SC 1/1/0/0/3 0/0"))
            let other = try Client(port: 7003)
            other.send([7])
            other.finishSending()
            #expect(other.receiveAll() == [7])
            other.close()
            #expect(try lab.line(holding: " redis redis/s2 ").contains("/+1 0/0"))
        }
    }

    @Test("Above maxconn a connection waits in the kernel and is served when there is room")
    func maxconn() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start("listen one\n bind 127.0.0.1:7004\n maxconn 1\n server e 127.0.0.1:7101")
            try lab.waitForPort(7004)
            let first = try Client(port: 7004)
            first.send([1])
            _ = try lab.traffic {
                $0.proxy?.connections.current == 1 && $0[.server, "one"]?.sessions.current == 1
            }
            let second = try Client(port: 7004)
            second.send([2])
            second.finishSending()
            #expect(!second.hasSomething(within: 300))
            first.finishSending()
            #expect(first.receiveAll() == [1])
            first.close()
            #expect(second.receiveAll() == [2])
            second.close()
        }
    }

    @Test(
        "Silence on either side ends a session after its timeout",
        arguments: ["client", "server"]
    )
    func timeouts(side: String) throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start(
                "listen idle\n bind 127.0.0.1:7005\n timeout \(side) 600ms\n server e 127.0.0.1:7101"
            )
            try lab.waitForPort(7005)
            let begun = Clock.now
            let client = try Client(port: 7005)
            client.send([1])
            _ = client.receive()
            let took = (Clock.now - begun).inSeconds
            client.close()
            #expect((0.55...1.2).contains(took))
            #expect(
                try lab.line(holding: " idle idle/e ").contains(side == "client" ? " cD " : " sD ")
            )
        }
    }

    @Test("A check takes a server down at once and up again after two")
    func checks() throws {
        try inLab { lab in
            try lab.start(
                "listen c\n bind 127.0.0.1:7010\n server c1 127.0.0.1:7110 check inter 300ms"
            )
            let down = try lab.line(holding: "Server c/c1 is DOWN")
            #expect(down.hasPrefix("<129>"))
            #expect(
                down.contains("reason: Layer4 connection problem, info: \"Connection refused\"")
            )
            #expect(try lab.line(holding: "proxy c has no server available!").hasPrefix("<128>"))
            let begun = Clock.now
            let server = try EchoServer(port: 7110)
            defer { server.stop() }
            _ = try lab.line(holding: "Server c/c1 is UP, reason: Layer4 check passed")
            let took = (Clock.now - begun).inSeconds
            print("two checks of 300 ms brought the server up after \(took) s")
            #expect((0.25...1.5).contains(took))
        }
    }

    @Test("Started as root it runs as haproxy, without capabilities and without a way back")
    func privileges() throws {
        try inLab { lab in
            try lab.start("listen p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101")
            try lab.waitForPort(7001)
            let pid = try #require(lab.process?.pid)
            let user = try #require(UserIdentity.named("haproxy"))
            // The kernel takes connections as soon as the port is bound, which is before the drop.
            var status = ""
            for _ in 0..<200 where !status.contains("Uid:\t\(user.uid)\t") {
                status = String(decoding: try readFile("/proc/\(pid)/status"), as: UTF8.self)
                usleep(10_000)
            }
            #expect(status.contains("Uid:\t\(user.uid)\t\(user.uid)\t\(user.uid)\t\(user.uid)"))
            #expect(status.contains("CapEff:\t0000000000000000"))
            #expect(status.contains("CapPrm:\t0000000000000000"))
            #expect(status.contains("NoNewPrivs:\t1"))
            lab.process?.signal(SIGTERM)
            #expect(lab.process?.wait() == .exited(0))
        }
    }

    @Test("Killed, it comes back on the sockets of the fd store and no connect is refused")
    func descriptorStore() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            let store = try DescriptorStore(in: lab.directory)
            let environment = store.environment
            try lab.start(
                "global\n nbthread 2\nlisten p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101",
                environment: environment
            )
            let stored = try store.sockets(2)
            #expect(
                stored.map(\.name) == ["listener-127.0.0.1_7001", "listener-127.0.0.1_7001+2"]
            )
            try lab.waitForPort(7001)
            lab.process?.signal(SIGKILL)
            _ = lab.process?.wait()
            let waiting = try Client(port: 7001)
            waiting.send([9])
            waiting.finishSending()
            try lab.restart(environment: environment, passed: stored)
            #expect(waiting.receiveAll() == [9])
            waiting.close()
        }
    }

    @Test("A reload keeps sessions, drops and adds listeners; a bad file changes nothing")
    func reload() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start("listen a\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101")
            try lab.waitForPort(7001)
            let client = try Client(port: 7001)
            client.send([1])
            // A connection that nobody accepted yet ends with its listener: let the session begin.
            _ = try lab.traffic { $0[.server, "a"]?.sessions.current == 1 }
            lab.write(
                ProxyLab.defaults + "listen a\n bind 127.0.0.1:7002\n server s 127.0.0.1:7101\n"
            )
            lab.process?.signal(SIGHUP)
            try lab.waitForPort(7002)
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
            lab.write("listen nonsense\n bogus\n")
            lab.process?.signal(SIGHUP)
            let refused = try lab.traffic { $0.proxy?.failedReloads == 1 }.proxy
            #expect((refused?.reloads, refused?.failedReloads) == (1, 1))
            #expect(refused?.lastReload?.text.contains("haproxy.cfg:") == true)
            try lab.waitForPort(7002)
            client.send([2])
            client.finishSending()
            #expect(client.receiveAll() == [1, 2])
            client.close()
        }
    }

    @Test("Two thousand connections at once are all served")
    func many() throws {
        try inLab { lab in
            let server = try EchoServer(port: 7101)
            defer { server.stop() }
            try lab.start("listen p\n bind 127.0.0.1:7001\n server s 127.0.0.1:7101")
            try lab.waitForPort(7001)
            let begun = Clock.now
            let clients = try (0..<2000).map { _ in try Client(port: 7001) }
            for client in clients {
                client.send([3])
                client.finishSending()
            }
            let served = clients.count { $0.receiveAll() == [3] }
            for client in clients { client.close() }
            print("2000 connections took \((Clock.now - begun).inSeconds) s")
            #expect(served == 2000)
        }
    }
}
