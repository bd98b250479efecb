import ArgumentParser
import Messages

struct StartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Starts processes; a FATAL one gets a fresh restart budget."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var targets: Names

    func run() throws {
        try finish(try act(.start(names: targets.names), at: common.socket))
    }
}
