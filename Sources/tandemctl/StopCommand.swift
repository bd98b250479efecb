import ArgumentParser
import Messages

struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop",
        abstract: "Stops processes; a MASTER without its proxy steps down first."
    )

    @OptionGroup var common: CommonOptions
    @OptionGroup var targets: Names

    func run() throws {
        try finish(try act(.stop(names: targets.names), at: common.socket))
    }
}
