import Glibc
import Links
import LinuxIO
import Messages
import Primitives
import Testing

@testable import AgentRuntime

@Suite("The supervisor's link", .timeLimit(.minutes(1)))
struct SupervisorLinkTests {
    /// A link in a directory of its own, and what connects to it.
    private final class Bench {
        let directory: RuntimeDirectory
        let link: SupervisorLink
        var poller: Poller

        init() throws {
            var template = Array("/tmp/tandem-link-XXXXXX\0".utf8CString)
            let path = try #require(mkdtemp(&template).map { String(cString: $0) })
            directory = RuntimeDirectory(path: path)
            link = try SupervisorLink(directory: directory, firstToken: 1000)
            poller = try Poller()
            try poller.add(link.listener.rawValue, token: 1)
        }

        deinit {
            link.close()
            rmdir(directory.path)
        }

        func connect() throws -> Client {
            Client(try UnixSocket.connect(to: directory.agentSocket))
        }

        /// Serves the link until it is quiet and returns what that brought, in words.
        func turn() throws -> [String] {
            var words: [String] = []
            while true {
                var events: [ReadyEvent] = []
                try poller.wait(until: Clock.now + .milliseconds(20), into: &events)
                if events.isEmpty { return words }
                for event in events {
                    let brought =
                        event.token == 1 ? link.accept(poller) : link.ready(event, poller)
                    words += brought.map { event in
                        switch event {
                        case .greeted: "greeted"
                        case .frame(let frame): "\(frame.message)"
                        case .lost(let reason): "lost: \(reason)"
                        case .refused(let reason): "refused: \(reason)"
                        }
                    }
                }
            }
        }
    }

    private final class Client {
        var link: FrameLink<AgentToSupervisor, SupervisorToAgent>

        init(_ socket: consuming FileDescriptor) {
            link = FrameLink(socket: socket, peer: PeerCredentials(pid: 0, uid: 0, gid: 0))
        }

        func greet(as role: Hello.Role = .supervisor) {
            link.send(.hello(Hello(role: role, pid: 1, build: "0.1.0")))
        }

        func receive() -> String {
            switch link.receive() {
            case .frame(let frame): "\(frame.message)"
            case .nothing: "nothing"
            case .closed: "closed"
            }
        }
    }

    @Test func `the socket is root's alone`() throws {
        let bench = try Bench()
        var status = stat()
        #expect(stat(bench.directory.agentSocket, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func `who says hello is heard, and each end says it first`() throws {
        let bench = try Bench()
        let client = try bench.connect()
        client.greet()
        client.link.send(.report)
        #expect(try bench.turn() == ["greeted", "report"])
        #expect(client.receive().hasPrefix("hello("))
        #expect(bench.link.isConnected)
    }

    @Test func `who does not say hello is sent away, and so is who is no supervisor`() throws {
        let bench = try Bench()
        let rude = try bench.connect()
        rude.link.send(.report)
        #expect(try bench.turn() == ["refused: it did not say who it is"])
        let proxy = try bench.connect()
        proxy.greet(as: .proxy)
        #expect(try bench.turn() == ["refused: it is no supervisor"])
        #expect(!bench.link.isConnected)
    }

    @Test func `a newer supervisor takes the place of an older one, after its hello`() throws {
        let bench = try Bench()
        let older = try bench.connect()
        older.greet()
        _ = try bench.turn()
        let newer = try bench.connect()
        _ = try bench.turn()
        older.link.send(.report)
        #expect(try bench.turn() == ["report"])
        newer.greet()
        #expect(try bench.turn() == ["greeted"])
        _ = older.receive()
        #expect(older.receive() == "closed")
        newer.link.send(.reload)
        #expect(try bench.turn() == ["reload"])
    }

    @Test func `what is no frame closes its link and nothing else`() throws {
        let bench = try Bench()
        let client = try bench.connect()
        client.greet()
        _ = try bench.turn()
        let other = try bench.connect()
        _ = try bench.turn()
        _ = send(other.link.socket.rawValue, "rubbish", 7, 0)
        #expect(try bench.turn().first?.hasPrefix("refused: ") == true)
        #expect(bench.link.isConnected)
        _ = send(client.link.socket.rawValue, "rubbish", 7, 0)
        #expect(try bench.turn().first?.hasPrefix("lost: ") == true)
        #expect(!bench.link.isConnected)
    }

    @Test func `connections that say nothing are few and short`() throws {
        let bench = try Bench()
        var clients: [Client] = []
        for _ in 0..<SupervisorLink.connectionLimit + 2 { clients.append(try bench.connect()) }
        #expect(try bench.turn() == Array(repeating: "refused: too many connections", count: 2))
        bench.link.expire(at: Clock.now + SupervisorLink.greetingLimit + .seconds(1))
        let late = try bench.connect()
        late.greet()
        #expect(try bench.turn() == ["greeted"])
    }
}
