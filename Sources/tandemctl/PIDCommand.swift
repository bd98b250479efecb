import ArgumentParser
import ControlClient
import Messages

struct PIDCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pid",
        abstract: "Prints a process's pid, or the supervisor's; 0: it does not run."
    )

    @OptionGroup var common: CommonOptions
    @Argument(help: "proxy, agent or supervisor; none: the supervisor.")
    var name: String?

    func run() throws {
        var results: [CommandResult] = []
        try ask(.pid(name: name), at: common.socket, silence: Patience.question) { reply in
            switch reply {
            case .process(let report): Terminal.print("\(report.pid)")
            case .result(let name, let outcome, let text):
                let result = CommandResult(name: name, outcome: outcome, text: text)
                results.append(result)
                Terminal.print(outcome == .done ? text : result.line)
            case .router, .journal, .output, .detail, .proxy, .traffic, .rows, .end: break
            }
        }
        try finish(ControlExit.ofCommand(results))
    }
}
