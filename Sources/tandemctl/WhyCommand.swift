import ArgumentParser
import ControlClient
import Messages

struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Shows what the supervisor decided, and for what reason, oldest first."
    )

    @OptionGroup var common: CommonOptions
    @Option(name: .customShort("n"), help: "Only the last of them; 0: all that are kept.")
    var count: UInt32 = 20
    @Flag(name: .customLong("json"), help: "One JSON array.")
    var json = false

    func run() throws {
        var answer = JournalAnswer()
        do {
            try ask(.why(count: count), at: common.socket, silence: Patience.question) { reply in
                answer.take(reply)
            }
        } catch {
            if json { Terminal.print(try JSONText.journal([])) }
            throw error
        }
        if json {
            Terminal.print(try JSONText.journal(answer.entries))
        } else {
            for line in JournalText.lines(answer.entries) { Terminal.print(line) }
        }
        for result in answer.results where result.outcome != .done { Terminal.error(result.line) }
        try finish(ControlExit.ofCommand(answer.results))
    }
}
