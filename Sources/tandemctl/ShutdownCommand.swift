import ArgumentParser
import ControlClient
import Messages

struct ShutdownCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shutdown",
        abstract: "Stops everything on this node, the supervisor too."
    )

    @OptionGroup var common: CommonOptions

    func run() throws {
        do {
            try finish(try act(.shutdown, at: common.socket))
        } catch ControlError.closed {
            // The supervisor may be gone before it has said so, which is what was asked for.
            Terminal.print("Shut down")
        }
    }
}
