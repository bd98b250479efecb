import ControlClient
import Glibc
import LinuxIO
import Messages
import Primitives
import Testing

@Suite(.timeLimit(.minutes(1))) struct ConnectionTests {
    private func ask(
        _ behaviour: FakeSupervisor.Behaviour,
        silence: Duration = .seconds(5)
    ) throws -> [ControlReply] {
        let supervisor = try FakeSupervisor(behaviour)
        defer { supervisor.stop() }
        var connection = try ControlConnection.open(supervisor.path)
        var replies: [ControlReply] = []
        try connection.ask(.status(names: []), silence: silence) { replies.append($0) }
        #expect(supervisor.requests == [.status(names: [])])
        return replies
    }

    @Test("Every reply before the end arrives, in order")
    func replies() throws {
        let sent: [ControlReply] = [.process(proxyReport), .router(routerReport)]
        #expect(try ask(.answer(sent)) == sent)
        #expect(try ask(.answer([])) == [])
    }

    @Test("A supervisor that closes too early is named as such")
    func hangUp() throws {
        let error = try #require(throws: ControlError.self) { try ask(.hangUp) }
        #expect("\(error)".hasPrefix("the supervisor ended the conversation"))
        #expect(error.advice?.contains("journalctl") == true)
    }

    @Test("A hung supervisor does not hang the client")
    func silence() throws {
        let begun = Clock.now
        #expect(throws: ControlError.silent(.milliseconds(200))) {
            try ask(.silence(600), silence: .milliseconds(200))
        }
        #expect(Clock.now - begun < .seconds(5))
    }

    @Test("A hung supervisor whose queue is full is silent, too")
    func crowdedSilence() throws {
        var template = Array("/tmp/tandem-crowd-XXXXXX".utf8CString)
        let directory = String(cString: try #require(mkdtemp(&template)))
        let path = directory + "/supervisor.sock"
        defer {
            unlink(path)
            rmdir(directory)
        }
        let listener = try UnixSocket.listen(at: path, mode: 0o600, backlog: 0)
        let first = try UnixSocket.connect(to: path)
        #expect(throws: ControlError.silent(.milliseconds(200))) {
            _ = try ControlConnection.open(path, silence: .milliseconds(200))
        }
        _ = (listener.rawValue, first.rawValue)
    }

    @Test("Bytes that are no frame end the conversation with the reason")
    func garbage() throws {
        let error = try #require(throws: ControlError.self) { try ask(.garbage) }
        #expect("\(error)".contains("malformed frame"))
    }

    @Test("A missing socket is supervisorctl's error, with what to do")
    func missing() throws {
        let error = try #require(throws: ControlError.self) {
            _ = try ControlConnection.open("/tmp/tandem-none/supervisor.sock")
        }
        #expect("\(error)" == "/tmp/tandem-none/supervisor.sock no such file")
        #expect(error.advice?.contains("systemctl start tandem.target") == true)
    }

    @Test("A hundred conversations leave no descriptor behind")
    func descriptors() throws {
        let supervisor = try FakeSupervisor(.answer([]))
        defer { supervisor.stop() }
        func opened() throws -> Int32 {
            let probe = try UnixSocket.connect(to: supervisor.path)
            return probe.rawValue
        }
        var highest: Int32 = 0
        for _ in 0..<100 {
            var connection = try ControlConnection.open(supervisor.path)
            try connection.ask(.version, silence: .seconds(5)) { _ in }
            highest = max(highest, try opened())
        }
        // The lowest free number is given out: a leak of one a conversation would pass 100.
        #expect(highest < 100)
    }
}
