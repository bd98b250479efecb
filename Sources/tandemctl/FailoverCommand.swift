import ArgumentParser
import Messages

struct FailoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failover",
        abstract: "Gives the virtual addresses to the other node."
    )

    @OptionGroup var common: CommonOptions

    func run() throws {
        try finish(try act(.failover, at: common.socket))
    }
}
