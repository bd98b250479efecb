import CLinux
import Glibc
import LinuxIO
import Primitives
import Synchronization
import Testing

/// The queue of a backend that several workers share.
@Suite(.serialized, .timeLimit(.minutes(1))) struct QueueTests {
    /// Answers a connection's first byte when it is told to, and keeps the order of these bytes.
    private final class Counter: Sendable {
        let order = Mutex<[UInt8]>([])
        private let isOpen = Atomic(false)
        private let listener: Int32

        init(port: UInt16) throws {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            tandem_setsockopt_int(listener, SOL_SOCKET, SO_REUSEADDR, 1)
            try check(tandem_ipv4_bind(listener, 0x7F00_0001, port), "bind")
            listen(listener, 128)
            self.listener = listener
            runOnThread { [self] in
                while true {
                    let accepted = accept(listener, nil, nil)
                    guard accepted >= 0 else { return }
                    runOnThread { [self] in serve(accepted) }
                }
            }
        }

        private func serve(_ socket: Int32) {
            var byte: UInt8 = 0
            if recv(socket, &byte, 1, 0) == 1 {
                let taken = byte
                order.withLock { $0.append(taken) }
                while !isOpen.load(ordering: .relaxed) { usleep(1000) }
            }
            close(socket)
        }

        func open() { isOpen.store(true, ordering: .relaxed) }

        func stop() {
            shutdown(listener, Int32(SHUT_RDWR))
            close(listener)
        }
    }

    @Test(
        "Those who wait are served in the order in which they came, whichever worker they are at",
        arguments: ["epoll", "io_uring"]
    )
    func order(engine: String) throws {
        try inLab { lab in
            let server = try Counter(port: 7101)
            defer { server.stop() }
            try lab.start(
                """
                global
                  nbthread 4
                  tune.engine \(engine)
                listen p
                  bind 127.0.0.1:7001
                  timeout queue 20s
                  server s 127.0.0.1:7101 maxconn 1
                  server b 127.0.0.1:7102 backup
                """
            )
            try lab.waitForListener(7001)
            usleep(500_000)
            var clients: [Client] = []
            for number in 0..<40 as Range<UInt8> {
                let client = try Client(port: 7001)
                client.send([number])
                client.finishSending()
                clients.append(client)
                // Its worker has taken it before the next one comes.
                usleep(20_000)
            }
            server.open()
            for client in clients {
                _ = client.receiveAll()
                client.close()
            }
            #expect(server.order.withLock { $0 } == Array(0..<40))
            // Each line tells how many were before it, counted once.
            for number in 1..<40 { _ = try lab.line(holding: "0/\(number)\n") }
        }
    }

    @Test("A place that comes free is taken at once, whichever worker waits for it")
    func promptness() throws {
        try inLab { lab in
            let server = try Counter(port: 7101)
            defer { server.stop() }
            server.open()
            try lab.start(
                """
                global
                  nbthread 4
                listen p
                  bind 127.0.0.1:7001
                  timeout queue 20s
                  server s 127.0.0.1:7101 maxconn 1
                """
            )
            try lab.waitForListener(7001)
            let began = Clock.now
            var clients: [Client] = []
            for number in 0..<200 {
                let client = try Client(port: 7001)
                client.send([UInt8(truncatingIfNeeded: number)])
                client.finishSending()
                clients.append(client)
            }
            for client in clients {
                _ = client.receiveAll()
                client.close()
            }
            let took = (Clock.now - began).milliseconds
            print("200 clients one after the other took \(took) ms")
            // A tick of 16 ms for most of them would be 2 s and more.
            #expect(took < 1500)
        }
    }

    @Test("Clients that wait and go leave nothing behind")
    func leaving() throws {
        try inLab { lab in
            let server = try Counter(port: 7101)
            defer { server.stop() }
            try lab.start(
                """
                global
                  nbthread 4
                listen p
                  bind 127.0.0.1:7001
                  option abortonclose
                  timeout queue 20s
                  server s 127.0.0.1:7101 maxconn 2
                """
            )
            try lab.waitForListener(7001)
            var clients: [Client] = []
            for number in 0..<60 {
                let client = try Client(port: 7001)
                client.send([UInt8(number)])
                clients.append(client)
            }
            usleep(200_000)
            for client in clients where client.descriptor % 3 == 0 { client.close() }
            server.open()
            usleep(100_000)
            for client in clients where client.descriptor % 3 != 0 {
                runOnThread {
                    _ = client.receiveAll()
                    client.close()
                }
            }
            usleep(500_000)
            // Nobody waits any more, and all places are free.
            let last = try Client(port: 7001)
            last.send([99])
            _ = last.receiveAll()
            last.close()
            let line = try lab.line(holding: " p p/s ", " 1/1/0/0/0 0/0")
            #expect(line.contains(" -- "))
        }
    }
}
