import Primitives
import Testing

@testable import Messages

/// The link between the agent and its script runner, version 1.0, byte for byte.
@Suite("Frames of the script runner's link")
struct RunnerMessagesTests {
    private static let header =
        "544e444d"  // magic
        + "0100"  // version 1.0

    private static let tail = "0700000000000000" + "0000000000000000"  // sequence, incident

    private static func text(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let length = [UInt8(bytes.count & 255), UInt8(bytes.count >> 8)]
        return (length + bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static let program = ProgramOrder(
        arguments: ["/usr/bin/test", "-e", "/run/well"],
        user: "nobody",
        group: "nogroup"
    )

    private static let programBytes =
        "0300"  // three arguments
        + text("/usr/bin/test") + text("-e") + text("/run/well")
        + text("nobody") + text("nogroup")

    static let orders: [(AgentToRunner, String)] = [
        (
            .check(
                CheckOrder(
                    name: "chk",
                    program: program,
                    interval: .seconds(2),
                    timeLimit: .milliseconds(1500),
                    serial: 258
                )
            ),
            "0100" + tail + text("chk") + programBytes
                + "d0070000"  // interval 2000 ms
                + "dc050000"  // time limit 1500 ms
                + "0201000000000000"  // order 258
        ),
        (.forget(name: "chk"), "0200" + tail + text("chk")),
        (
            .notify(NotifyOrder(router: "VI_1", serial: 258, program: program)),
            "0300" + tail + text("VI_1") + "0201000000000000" + programBytes
                + "01"  // of an instance
                + "30750000"  // time limit 30 s
        ),
        (
            .notify(
                NotifyOrder(
                    router: "VI_1",
                    serial: 258,
                    program: program,
                    subject: .rival,
                    timeLimit: .milliseconds(1500)
                )
            ),
            "0300" + tail + text("VI_1") + "0201000000000000" + programBytes + "03" + "dc050000"
        ),
        (.finish, "0400" + tail),
        (
            .keep(name: "/run/fifo", program),
            "0500" + tail + text("/run/fifo") + programBytes
        ),
        (.release(name: "/run/fifo"), "0600" + tail + text("/run/fifo")),
    ]

    @Test(arguments: orders)
    func `an order has these bytes`(_ order: AgentToRunner, _ bytes: String) throws {
        let encoded = Frame(sequence: 7, message: order).encode()
        #expect(Self.hexadecimal(encoded) == Self.header + bytes)
        #expect(
            try Frame<AgentToRunner>.decode(encoded[...])
                == .frame(Frame(sequence: 7, message: order))
        )
    }

    private static let order0 = "0000000000000000"

    static let answers: [(RunnerToAgent, String)] = [
        (.ready(pid: 4711, privileges: 0xE0), "0100" + tail + "67120000" + "e000000000000000"),
        (
            .checked(CheckResult(name: "chk", outcome: .exited(1), milliseconds: 12, serial: 258)),
            "0200" + tail + text("chk") + "01" + "01" + "0c000000" + "0201000000000000"
        ),
        (
            .checked(CheckResult(name: "chk", outcome: .signalled(9), milliseconds: 0)),
            "0200" + tail + text("chk") + "02" + "09" + "00000000" + order0
        ),
        (
            .checked(CheckResult(name: "chk", outcome: .timedOut, milliseconds: 0)),
            "0200" + tail + text("chk") + "03" + "00000000" + order0
        ),
        (
            .checked(CheckResult(name: "chk", outcome: .notStarted("no"), milliseconds: 0)),
            "0200" + tail + text("chk") + "04" + text("no") + "00000000" + order0
        ),
        (
            .notified(router: "VI_1", outcome: .superseded),
            "0300" + tail + text("VI_1") + "05"
        ),
        (
            .notified(router: "VI_1", outcome: .crowdedOut),
            "0300" + tail + text("VI_1") + "06"
        ),
        (
            .ended(name: "/run/fifo", outcome: .exited(1)),
            "0400" + tail + text("/run/fifo") + "01" + "01"
        ),
    ]

    @Test(arguments: answers)
    func `an answer has these bytes`(_ answer: RunnerToAgent, _ bytes: String) throws {
        let encoded = Frame(sequence: 7, message: answer).encode()
        #expect(Self.hexadecimal(encoded) == Self.header + bytes)
        #expect(
            try Frame<RunnerToAgent>.decode(encoded[...])
                == .frame(Frame(sequence: 7, message: answer))
        )
    }

    @Test func `an outcome of another kind is refused`() {
        var encoded = Frame(
            sequence: 7,
            message: RunnerToAgent.notified(router: "VI_1", outcome: .superseded)
        ).encode()
        encoded[encoded.count - 1] = 7
        #expect(throws: FrameError.malformed(.invalid(field: "outcome", value: 7))) {
            try Frame<RunnerToAgent>.decode(encoded[...])
        }
    }

    @Test func `a command line fits or is known not to, and what fits arrives whole`() throws {
        let argument = String(repeating: "x", count: ProgramOrder.argumentSize)
        let largest = ProgramOrder(arguments: [argument, argument], user: "nobody")
        #expect(largest.fits)
        let order = AgentToRunner.notify(NotifyOrder(router: "VI_1", serial: 1, program: largest))
        let encoded = Frame(sequence: 1, message: order).encode()
        #expect(encoded.count <= FrameFormat.maximumSize)
        #expect(
            try Frame<AgentToRunner>.decode(encoded[...])
                == .frame(Frame(sequence: 1, message: order))
        )
        #expect(!ProgramOrder(arguments: [argument + "x"], user: "nobody").fits)
        #expect(!ProgramOrder(arguments: [argument, argument, argument], user: "nobody").fits)
        #expect(!ProgramOrder(arguments: Array(repeating: "x", count: 65), user: "nobody").fits)
    }

    @Test func `no bytes can trap the readers`() {
        var generator = SeededGenerator(seed: 4)
        for round in 0..<5000 {
            var bytes = Frame(sequence: 7, message: Self.orders[round % Self.orders.count].0)
                .encode()
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] =
                    UInt8.random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0...min(9, bytes.count), using: &generator))
            _ = try? Frame<AgentToRunner>.decode(bytes[...])
            _ = try? Frame<RunnerToAgent>.decode(bytes[...])
        }
    }
}
