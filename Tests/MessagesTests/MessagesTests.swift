import Primitives
import Supervision
import Testing
import VRRP

@testable import Messages

@Suite("What a frame may be")
struct FrameRulesTests {
    private let good = Frame(sequence: 7, message: SupervisorToAgent.reload).encode()

    private func decode(_ bytes: [UInt8]) throws(FrameError) -> Frame<SupervisorToAgent>.Decoded {
        try Frame<SupervisorToAgent>.decode(bytes[...])
    }

    @Test("A frame of this version is read")
    func read() throws {
        #expect(try decode(good) == .frame(Frame(sequence: 7, message: .reload)))
        #expect(good.count == FrameFormat.headerSize)
    }

    @Test(
        "Another magic, another major version and an unknown kind are refused by name",
        arguments: [
            (0, UInt8(0x55), "magic"), (4, 2, "major version"), (4, 0, "major version"),
            (6, 99, "kind"), (7, 1, "kind"),
        ]
    )
    func refused(offset: Int, value: UInt8, field: String) {
        var bytes = good
        bytes[offset] = value
        let error = #expect(throws: FrameError.self) { try decode(bytes) }
        #expect(error?.description.contains(field) == true)
    }

    @Test("An unknown kind of a newer minor version is skipped, one of a major version is not")
    func newerMinor() throws {
        var bytes = good
        bytes[6] = 99
        bytes[5] = FrameFormat.minor + 1
        #expect(try decode(bytes) == .unknownKind(99))
        bytes[4] = FrameFormat.major + 1
        #expect(throws: FrameError.self) { try decode(bytes) }
    }

    @Test("Fields that a newer minor version added at the end are not read")
    func addedFields() throws {
        var bytes = good + [1, 2, 3]
        #expect(throws: FrameError.malformed(.trailing(3))) { try decode(bytes) }
        bytes[5] = FrameFormat.minor + 1
        #expect(try decode(bytes) == .frame(Frame(sequence: 7, message: .reload)))
    }

    @Test("4,096 bytes are the most")
    func size() {
        let filler = [UInt8](repeating: 0, count: FrameFormat.maximumPayload)
        #expect(throws: FrameError.malformed(.trailing(FrameFormat.maximumPayload))) {
            try decode(good + filler)
        }
        #expect(throws: FrameError.tooLong(4097)) { try decode(good + filler + [0]) }
    }

    @Test(
        "A value that its field does not allow is refused by name",
        arguments: [
            (4, UInt8(0), "standing"), (4, 3, "standing"), (5, 2, "flag"),
        ]
    )
    func values(offset: Int, value: UInt8, field: String) {
        let lease = Lease(duration: .seconds(1), standing: .full, proxyHealthy: true)
        var bytes = Frame(sequence: 7, message: SupervisorToAgent.lease(lease)).encode()
        bytes[FrameFormat.headerSize + offset] = value
        let error = #expect(throws: FrameError.self) { try decode(bytes) }
        #expect(error?.description.contains(field) == true)
    }

    @Test("Text that is no UTF-8 is refused")
    func notUTF8() {
        let message = AgentToSupervisor.routerRemoved(name: "VI_1")
        var bytes = Frame(sequence: 7, message: message).encode()
        bytes[bytes.count - 1] = 0xFF
        #expect(throws: FrameError.self) { try Frame<AgentToSupervisor>.decode(bytes[...]) }
    }

    @Test("More names than a request holds are refused before they are read")
    func tooManyNames() {
        var bytes = Frame(sequence: 7, message: ControlRequest.status(names: [])).encode()
        bytes[FrameFormat.headerSize] = UInt8(ControlRequest.nameLimit + 1)
        #expect(throws: FrameError.malformed(.invalid(field: "count", value: 17))) {
            try Frame<ControlRequest>.decode(bytes[...])
        }
    }
}

@Suite("What is written fits")
struct FrameSizeTests {
    @Test("The largest messages fit a frame and are read back")
    func largest() throws {
        let text = String(repeating: "ä", count: 4000)
        var router = Samples.router
        router.name = text
        router.interface = text
        router.addresses = Array(repeating: text, count: 100)
        var entry = Samples.entry
        entry.event = text
        entry.decision = text
        entry.reason = text
        var process = Samples.process
        process.name = text
        process.detail = text
        let replies: [ControlReply] = [
            .router(router), .journal(entry), .process(process),
            .output(Array(repeating: 0xFF, count: 9000)),
            .result(name: text, outcome: .failed, text: text),
        ]
        for reply in replies {
            let bytes = Frame(sequence: 1, message: reply).encode()
            #expect(bytes.count <= FrameFormat.maximumSize)
            guard case .frame(let frame) = try Frame<ControlReply>.decode(bytes[...]) else {
                Issue.record("\(reply.kind) is not read back")
                continue
            }
            #expect(frame.message.kind == reply.kind)
            #expect(Frame(sequence: 1, message: frame.message).encode() == bytes)
        }
        let request = ControlRequest.status(names: Array(repeating: text, count: 40))
        let bytes = Frame(sequence: 1, message: request).encode()
        #expect(bytes.count <= FrameFormat.maximumSize)
        #expect(try Frame<ControlRequest>.decode(bytes[...]) != .unknownKind(1))
    }

    @Test(
        "Text is cut between characters",
        arguments: [("abcd", 4, "abcd"), ("abcd", 3, "abc"), ("aä", 2, "a"), ("aä", 3, "aä")]
            + [("a€", 3, "a"), ("a€", 2, "a"), ("😀", 3, ""), ("", 0, "")]
    )
    func cut(text: String, limit: Int, kept: String) throws {
        var writer = ByteWriter()
        writer.text(text, limit: limit)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.text() == kept)
        #expect(reader.remaining == 0)
    }

    @Test("A duration beyond 32 bits of milliseconds is saturated, a negative one is none")
    func durations() throws {
        for (duration, expected) in [
            (Duration.seconds(1), 1000), (.seconds(5_000_000), Int64(UInt32.max)),
            (.seconds(-1), 0), (.microseconds(1999), 1),
        ] {
            var writer = ByteWriter()
            writer.milliseconds(duration)
            var reader = ByteReader(writer.bytes)
            #expect(try reader.milliseconds() == .milliseconds(expected))
        }
    }
}

@Suite("Bytes of a stranger")
struct FrameFuzzTests {
    private let seeds =
        AgentFramesTests.agentToSupervisorFrames.map(\.bytes)
        + AgentFramesTests.supervisorToAgentFrames.map(\.bytes)
        + ProxyFramesTests.proxyToSupervisorFrames.map(\.bytes)
        + ProxyFramesTests.supervisorToProxyFrames.map(\.bytes)
        + ControlFramesTests.controlRequestFrames.map(\.bytes)
        + ControlReplyFramesTests.controlReplyFrames.map(\.bytes)

    private func read<Message: LinkMessage>(_: Message.Type, _ bytes: [UInt8]) -> Bool {
        guard case .frame(let frame)? = try? Frame<Message>.decode(bytes[...]) else { return false }
        // What was understood can be said again.
        return !frame.encode().isEmpty
    }

    private func readAll(_ bytes: [UInt8]) -> Int {
        [
            read(AgentToSupervisor.self, bytes), read(SupervisorToAgent.self, bytes),
            read(ProxyToSupervisor.self, bytes), read(SupervisorToProxy.self, bytes),
            read(ControlRequest.self, bytes), read(ControlReply.self, bytes),
        ].count { $0 }
    }

    @Test("can trap no reader of any link")
    func neverTraps() {
        var generator = SeededGenerator(seed: 3)
        var understood = 0
        let rounds = 20_000
        for round in 0..<rounds {
            var bytes = seeds[round % seeds.count]
            // The header is left alone in half of the rounds, so that the fields are reached.
            let from = round % 2 == 0 ? 0 : min(8, bytes.count - 1)
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                bytes[Int.random(in: from..<bytes.count, using: &generator)] =
                    UInt8.random(in: 0...255, using: &generator)
            }
            if round % 3 == 0 {
                bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator))
            } else if round % 7 == 0 {
                bytes += (0..<Int.random(in: 0...5000, using: &generator)).map { _ in 0xFF }
            }
            understood += readAll(bytes)
        }
        print("measured: \(rounds) damaged frames on six links, \(understood) still understood")
        #expect(understood > 0)
    }

    @Test("can trap no reader when they are random altogether")
    func random() {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<5000 {
            let count = Int.random(in: 0...200, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(readAll(bytes) == 0)
        }
    }
}
