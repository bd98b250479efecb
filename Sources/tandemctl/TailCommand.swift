import ArgumentParser
import ControlClient
import Messages

struct TailCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Shows the end of a process's output.",
        discussion: """
            Under systemd the journal has it, with what systemd and the supervisor say of the process; \
            stand-alone the supervisor has it.
            """
    )

    @OptionGroup var common: CommonOptions
    @Flag(name: .customShort("f"), help: "Go on with what comes, until interrupted.")
    var follow = false
    @Option(name: .customShort("n"), help: "How many lines of what is there; 20 of the journal.")
    var count: UInt32?
    @Option(
        name: .customLong("bytes"),
        help: "How much of what is there, without -n, where the supervisor has it."
    )
    var bytes: UInt32 = 1600
    @Argument(help: "proxy or agent; under systemd also supervisor.")
    var name: String

    /// The supervisor keeps less than this of each process.
    private static let everything: UInt32 = 1 << 20

    func run() throws {
        var answer = TailAnswer()
        do {
            try ask(into: &answer)
        } catch {
            guard case .unreachable = error, hasJournal else { throw error }
            // The journal is there without a supervisor, and what is in it may tell why there is none.
            return try showJournal()
        }
        if answer.isKeptBySystemd { return try showJournal() }
        for result in answer.results where result.outcome != .done { Terminal.print(result.line) }
        try finish(ControlExit.ofCommand(answer.results))
        guard let count else { return }
        Terminal.raw(answer.last(Int(count)))
        guard follow else { return }
        let request = ControlRequest.tail(name: name, bytes: 0, follow: true)
        try tandemctl.ask(request, at: common.socket, silence: nil) { reply in
            if case .output(let bytes) = reply { Terminal.raw(bytes) }
        }
    }

    /// The machine's own supervisor is meant, and systemd runs the machine.
    private var hasJournal: Bool {
        common.socket == ControlConnection.defaultSocket && JournalTail.answersFor(name)
    }

    /// Shows output as it comes, or keeps it where lines are to be counted.
    private func ask(into answer: inout TailAnswer) throws(ControlError) {
        let counts = count != nil
        let request = ControlRequest.tail(
            name: name,
            bytes: counts ? Self.everything : bytes,
            follow: follow && !counts
        )
        let silence = follow && !counts ? nil : Patience.question
        try tandemctl.ask(request, at: common.socket, silence: silence) { reply in
            if !counts, case .output(let bytes) = reply {
                Terminal.raw(bytes)
            } else {
                answer.take(reply)
            }
        }
    }

    private func showJournal() throws(ControlError) {
        try JournalTail.show(name, count: UInt64(count ?? 20), follow: follow) { line in
            Terminal.print(line)
        }
    }
}
