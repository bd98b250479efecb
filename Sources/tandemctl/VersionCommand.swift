import ArgumentParser
import Messages

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Prints the version of this program and of the running supervisor."
    )

    @OptionGroup var common: CommonOptions

    func run() throws {
        Terminal.print("tandemctl \(Hello.currentBuild)")
        try finish(try act(.version, at: common.socket))
    }
}
