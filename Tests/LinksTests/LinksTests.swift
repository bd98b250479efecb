import CLinux
import Glibc
import Links
import LinuxIO
import Messages
import Primitives
import Testing

@Suite("A link between two processes", .timeLimit(.minutes(1)))
struct LinksTests {
    private typealias ControlEnd = End<ControlReply, ControlRequest>
    private typealias SupervisorEnd = End<ControlRequest, ControlReply>

    private struct NoSocketPair: Error {}

    private static func pair() throws -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw NoSocketPair() }
        return (ends[0], ends[1])
    }

    @Test("Frames go both ways, whole, in order and with their incident")
    func bothWays() throws {
        let (left, right) = try Self.pair()
        let client = ControlEnd(left)
        let server = SupervisorEnd(right)
        #expect(client.send(.why(count: 3)))
        #expect(client.send(.version, incident: IncidentID(rawValue: 9)))
        #expect(server.receive() == .frame(Frame(sequence: 1, message: .why(count: 3))))
        #expect(
            server.receive()
                == .frame(
                    Frame(sequence: 2, incident: IncidentID(rawValue: 9), message: .version)
                )
        )
        #expect(server.receive() == .nothing)
        #expect(server.send(.end))
        #expect(client.receive() == .frame(Frame(sequence: 1, message: .end)))
        #expect(client.receive() == .nothing)
        #expect(client.dropped == 0 && !client.wantsToWrite)
    }

    @Test("What was sent before the other end closed is read first")
    func closed() throws {
        let (left, right) = try Self.pair()
        let server = SupervisorEnd(right)
        do {
            let client = ControlEnd(left)
            client.send(.reload)
        }
        #expect(server.receive() == .frame(Frame(sequence: 1, message: .reload)))
        #expect(server.receive() == .closed(reason: "the other end has closed it"))
        #expect(!server.send(.end), "nobody is there: no signal, no queue")
        #expect(!server.wantsToWrite)
    }

    @Test("What is no frame closes the link with a reason that can be logged")
    func malformed() throws {
        let good = Frame(sequence: 1, message: ControlRequest.version).encode()
        let bad: [([UInt8], String)] = [
            ([0], "truncated"),
            (Array("GET / HTTP/1.0\r\n\r\n".utf8) + good, "magic"),
            (good + [0], "1 bytes too many"),
            (Array(good.prefix(20)), "truncated"),
            ([UInt8](repeating: 0, count: 5000), "more than 4096"),
        ]
        for (bytes, reason) in bad {
            let (left, right) = try Self.pair()
            let stranger = Stranger(left)
            let server = SupervisorEnd(right)
            #expect(stranger.send(good))
            #expect(stranger.send(bytes))
            #expect(server.receive() == .frame(Frame(sequence: 1, message: .version)))
            guard case .closed(let text) = server.receive() else {
                Issue.record("\(reason): the link stays open")
                continue
            }
            #expect(text.contains(reason), "\(text)")
        }
    }

    @Test("A message of a newer minor version is skipped and counted, and what follows is read")
    func newer() throws {
        let (left, right) = try Self.pair()
        let stranger = Stranger(left)
        let server = SupervisorEnd(right)
        var bytes = Frame(sequence: 1, message: ControlRequest.version).encode()
        bytes[5] = FrameFormat.minor + 1
        bytes[6] = 200
        for _ in 0..<3 { stranger.send(bytes) }
        stranger.send(Frame(sequence: 4, message: ControlRequest.version).encode())
        #expect(server.receive() == .frame(Frame(sequence: 4, message: .version)))
        #expect(server.skipped == 3)
    }

    @Test("A reader that does not read makes nobody wait, and what is dropped is counted")
    func slowReader() throws {
        let (left, right) = try Self.pair()
        let client = ControlEnd(left, queueLimit: 5)
        let server = SupervisorEnd(right)
        let began = Clock.now
        var accepted = 0
        while client.send(.why(count: UInt32(accepted))), accepted < 100_000 { accepted += 1 }
        let took = Clock.now - began
        #expect(client.wantsToWrite)
        #expect(client.dropped == 1)
        #expect(!client.send(.version))
        #expect(client.dropped == 2)
        print("measured: \(accepted) frames held for a reader that sleeps, in \(took)")

        // It wakes up: everything that was accepted comes, in order.
        var read = 0
        var flushes = 0
        while flushes < 100 {
            switch server.receive() {
            case .frame(let frame):
                #expect(frame.message == .why(count: UInt32(read)))
                read += 1
            case .nothing:
                guard client.wantsToWrite else {
                    flushes = 100
                    continue
                }
                flushes += 1
                client.flush()
            case .closed(let reason):
                Issue.record("\(reason)")
                flushes = 100
            }
        }
        #expect(read == accepted)
        #expect(!client.wantsToWrite)
        #expect(client.send(.version))
    }

    @Test("A state that waits gives way to a newer one, and what happened once has its room")
    func replacedStates() throws {
        let (left, right) = try Self.pair()
        let proxy = End<SupervisorToProxy, ProxyToSupervisor>(left, queueLimit: 8)
        let supervisor = End<ProxyToSupervisor, SupervisorToProxy>(right)
        while !proxy.wantsToWrite { proxy.send(.stopping) }
        for turns in 1...100 {
            #expect(proxy.send(.beat(Beat(turns: UInt64(turns), loops: 1, sessions: 0))))
            if turns == 50 {
                #expect(proxy.send(.reloadFinished(succeeded: true, text: "once")))
            }
        }
        #expect(proxy.send(.refreshFinished(usableServers: 7)))
        #expect(proxy.dropped == 0)
        var kept: [ProxyToSupervisor] = []
        for _ in 0..<100_000 {
            guard case .frame(let frame) = supervisor.receive() else {
                guard proxy.wantsToWrite else { break }
                proxy.flush()
                continue
            }
            if frame.message != .stopping { kept.append(frame.message) }
        }
        #expect(
            kept == [
                .reloadFinished(succeeded: true, text: "once"),
                .beat(Beat(turns: 100, loops: 1, sessions: 0)),
                .refreshFinished(usableServers: 7),
            ]
        )
    }

    @Test("What waits for an end that is gone is given up by flushing")
    func flushToNobody() throws {
        let (left, right) = try Self.pair()
        let client = ControlEnd(left, queueLimit: 5)
        var reader: Stranger? = Stranger(right)
        while client.send(.version), !client.wantsToWrite {}
        #expect(client.wantsToWrite)
        #expect(reader != nil)
        reader = nil
        client.flush()
        #expect(!client.wantsToWrite)
    }
}
