import ArgumentParser
import Messages

struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Has agent and proxy read their configuration anew."
    )

    @OptionGroup var common: CommonOptions

    func run() throws {
        try finish(try act(.reload, at: common.socket))
    }
}
