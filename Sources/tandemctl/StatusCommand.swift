import ArgumentParser
import ControlClient
import LinuxIO
import Messages

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows the processes and virtual routers of this node."
    )

    @OptionGroup var common: CommonOptions
    @Flag(name: .customLong("json"), help: "One JSON object.")
    var json = false
    @Argument(help: "Processes to show; none: all, and the virtual routers.")
    var names: [String] = []

    func validate() throws {
        guard names.count <= ControlRequest.nameLimit else {
            throw ValidationError("at most \(ControlRequest.nameLimit) names")
        }
    }

    func run() throws {
        var answer = StatusAnswer()
        do {
            try ask(.status(names: names), at: common.socket, silence: Patience.question) { reply in
                answer.take(reply)
            }
        } catch {
            if json { Terminal.print(try JSONText.status(StatusAnswer(), error: "\(error)")) }
            throw error
        }
        if json {
            Terminal.print(try JSONText.status(answer))
        } else {
            for line in StatusTable.lines(answer, now: Clock.wall) { Terminal.print(line) }
        }
        let status = ControlExit.ofStatus(answer)
        if status == .notRunning, !json {
            // Often the reason: they have its addresses.
            for rival in RivalService.all(in: ImportPlaces(root: "")) where rival.runs {
                Terminal.error("\(rival.line); `systemctl disable --now \(rival.unit)` ends it")
            }
        }
        try finish(status)
    }
}
