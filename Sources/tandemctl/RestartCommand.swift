import ArgumentParser
import Messages

struct RestartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart",
        abstract: "Stops and starts processes."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var targets: Names

    func run() throws {
        try finish(try act(.restart(names: targets.names), at: common.socket))
    }
}
