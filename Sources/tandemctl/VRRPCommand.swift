import ArgumentParser
import ControlClient
import Messages

struct VRRPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vrrp",
        abstract:
            "Shows virtual routers in full: timers, priority, who was heard, what was dropped."
    )

    @OptionGroup var common: CommonOptions
    @Flag(name: .customLong("json"), help: "One JSON object.")
    var json = false
    @Argument(help: "A virtual router's name; none: all of them.")
    var name: String?

    func run() throws {
        var answer = RouterAnswer()
        do {
            try ask(.vrrp(name: name), at: common.socket, silence: Patience.question) { reply in
                answer.take(reply)
            }
        } catch {
            if json { Terminal.print(try JSONText.routers(RouterAnswer(), error: "\(error)")) }
            throw error
        }
        if json {
            Terminal.print(try JSONText.routers(answer))
        } else {
            for result in answer.results where result.outcome != .done {
                Terminal.print(result.line)
            }
            for detail in answer.details {
                let rows = answer.rows[detail.report.name] ?? []
                for line in RouterText.lines(detail, rows) { Terminal.print(line) }
            }
        }
        try finish(ControlExit.ofCommand(answer.results))
    }
}
