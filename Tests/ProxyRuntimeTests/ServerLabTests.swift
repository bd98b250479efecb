import CLinux
import Glibc
import LinuxIO
import Primitives
import Synchronization
import Testing

@testable import ProxyRuntime

/// What servers see of the built program.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ServerLabTests {
    /// Keeps what each connection brings until its end, and how that was.
    private final class Recorder: Sendable {
        struct Heard: Equatable, Sendable {
            var bytes: [UInt8]
            var isReset: Bool
        }

        private let heard = Mutex<[Heard]>([])
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
                    runOnThread { [self] in record(accepted) }
                }
            }
        }

        private func record(_ socket: Int32) {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            var count = 0
            while true {
                count = recv(socket, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                bytes += buffer.prefix(count)
            }
            let found = Heard(bytes: bytes, isReset: count < 0)
            heard.withLock { $0.append(found) }
            close(socket)
        }

        /// The first connection that brought something.
        func first(where isWanted: (Heard) -> Bool = { !$0.bytes.isEmpty }) throws -> Heard {
            for _ in 0..<500 {
                if let found = heard.withLock({ $0.first(where: isWanted) }) { return found }
                usleep(10_000)
            }
            throw LabError("nothing came: \(heard.withLock { $0 })")
        }

        func stop() {
            shutdown(listener, Int32(SHUT_RDWR))
            close(listener)
        }
    }

    /// The built program, or HAProxy.
    private func start(_ who: Int, _ lab: ProxyLab, _ sections: String) throws {
        if who == 0 { try lab.start(sections) } else { try lab.startHAProxy(sections) }
    }

    private static let v2Signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

    @Test("Checks of servers with send-proxy send the header", arguments: [0, 1])
    func checkHeader(who: Int) throws {
        guard who == 0 || access(ProxyLab.haproxy, X_OK) == 0 else { return }
        try inLab { lab in
            let one = try Recorder(port: 7101)
            let two = try Recorder(port: 7102)
            let three = try Recorder(port: 7103)
            defer { for server in [one, two, three] { server.stop() } }
            try start(
                who,
                lab,
                """
                listen p
                  bind 127.0.0.1:7001
                  server a 127.0.0.1:7101 check inter 200 send-proxy
                  server b 127.0.0.1:7102 check inter 200 send-proxy-v2
                  server c 127.0.0.1:7999 check inter 200 check-send-proxy port 7103
                """
            )
            for (server, port) in [(one, 7101), (three, 7103)] {
                let text = String(decoding: try server.first().bytes, as: UTF8.self)
                let words = text.split(separator: " ")
                #expect(words.prefix(4) == ["PROXY", "TCP4", "127.0.0.1", "127.0.0.1"], "\(text)")
                #expect(words.last == "\(port)\r\n")
            }
            #expect(try two.first().bytes == Self.v2Signature + [0x20, 0, 0, 0])
        }
    }

    @Test("send-proxy-v2 tells a server of its client", arguments: [0, 1])
    func headerOfVersion2(who: Int) throws {
        guard who == 0 || access(ProxyLab.haproxy, X_OK) == 0 else { return }
        try inLab { lab in
            let server = try Recorder(port: 7101)
            defer { server.stop() }
            try start(
                who,
                lab,
                "listen p\n bind 127.0.0.1:7001\n server a 127.0.0.1:7101 send-proxy-v2"
            )
            try lab.waitForListener(7001)
            let client = try Client(port: 7001, from: 0x7F00_0007)
            client.send([7])
            client.finishSending()
            _ = client.receiveAll()
            client.close()
            let bytes = try server.first().bytes
            try #require(bytes.count == 29)
            #expect(Array(bytes[0..<16]) == Self.v2Signature + [0x21, 0x11, 0, 12])
            #expect(Array(bytes[16..<24]) == [127, 0, 0, 7, 127, 0, 0, 1])
            #expect(Array(bytes[26..<29]) == [UInt8(7001 >> 8), UInt8(7001 & 0xFF), 7])
        }
    }

    @Test("option nolinger of a backend resets its servers", arguments: [0, 1])
    func nolinger(who: Int) throws {
        guard who == 0 || access(ProxyLab.haproxy, X_OK) == 0 else { return }
        try inLab { lab in
            let server = try Recorder(port: 7101)
            defer { server.stop() }
            try start(
                who,
                lab,
                """
                frontend f
                  bind 127.0.0.1:7001
                  timeout client 300ms
                  default_backend b
                backend b
                  option nolinger
                  server a 127.0.0.1:7101
                frontend g
                  bind 127.0.0.1:7002
                  timeout client 300ms
                  default_backend c
                backend c
                  server a 127.0.0.1:7101
                """
            )
            try lab.waitForListener(7002)
            for (port, byte) in [(7001, 1), (7002, 2)] as [(UInt16, UInt8)] {
                let client = try Client(port: port)
                client.send([byte])
                #expect(client.receiveAll() == [])
                client.close()
                #expect(try server.first { $0.bytes == [byte] }.isReset == (port == 7001))
            }
        }
    }

    @Test("Names that do not resolve hold up none of the others")
    func deadNames() throws {
        let asked = Mutex<[String]>([])
        let resolver = try Resolver { name in
            asked.withLock { $0.append(name) }
            guard name.hasPrefix("dead") else { return [.v4(IPv4Address(192, 0, 2, 1))] }
            usleep(400_000)
            return []
        }
        try resolver.start()
        func answers(_ count: Int) -> [String] {
            var names: [String] = []
            while names.count < count, resolver.waitForAnswers(milliseconds: 5000) {
                names += resolver.takeAnswers().map(\.name)
            }
            return names
        }
        for name in ["dead1", "dead2", "good"] { resolver.ask(name) }
        #expect(answers(3).count == 3)
        // From now on it is known which of them are slow.
        for name in ["dead1", "dead2", "good", "good2"] { resolver.ask(name) }
        #expect(answers(2) == ["good", "good2"])
        #expect(answers(2).sorted() == ["dead1", "dead2"])
    }

    @Test("A server whose name does not resolve is down, and said to be")
    func deadName() throws {
        try inLab { lab in
            let server = try NamedServer("other", port: 7101)
            defer { server.stop() }
            try lab.start(
                """
                listen p
                  bind 127.0.0.1:7001
                  server a no-such-host.invalid:7101
                  server b 127.0.0.1:7101
                """
            )
            _ = try lab.line(holding: "Server p/a is going DOWN for maintenance", within: 15)
            try lab.waitForListener(7001)
            for _ in 0..<4 {
                let client = try Client(port: 7001)
                client.send([1])
                client.finishSending()
                let name = client.receiveAll().map { String(decoding: $0, as: UTF8.self) }
                #expect(name == "other")
                client.close()
            }
        }
    }
}
