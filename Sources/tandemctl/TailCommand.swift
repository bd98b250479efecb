import ArgumentParser
import ControlClient
import Messages

struct TailCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Shows the end of a process's output."
    )

    @OptionGroup var common: CommonOptions
    @Flag(name: .customShort("f"), help: "Go on with what comes, until interrupted.")
    var follow = false
    @Option(name: .customLong("bytes"), help: "How much of what is there.")
    var bytes: UInt32 = 1600
    @Argument(help: "proxy or agent.")
    var name: String

    func run() throws {
        var results: [CommandResult] = []
        try ask(
            .tail(name: name, bytes: bytes, follow: follow),
            at: common.socket,
            silence: follow ? nil : Patience.question
        ) { reply in
            switch reply {
            case .output(let bytes): Terminal.raw(bytes)
            case .result(let name, let outcome, let text):
                let result = CommandResult(name: name, outcome: outcome, text: text)
                results.append(result)
                if outcome != .done { Terminal.print(result.line) }
            case .process, .router, .journal, .detail, .end: break
            }
        }
        try finish(ControlExit.ofCommand(results))
    }
}
