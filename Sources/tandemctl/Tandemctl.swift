import ArgumentParser
import ControlClient
import Glibc

/// The options that every command has.
struct CommonOptions: ParsableArguments {
    @Option(
        name: [.customShort("s"), .customLong("socket")],
        help: "The supervisor's socket."
    )
    var socket = ControlConnection.defaultSocket
}

/// The command line of `tandemctl`; without a command, a prompt.
struct Tandemctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tandemctl",
        abstract: "Shows and controls the processes and virtual routers of this node.",
        discussion: """
            NAME is proxy or agent (or supervisor, where it makes sense). Exit codes: 0 well; 1 a \
            command failed, or the supervisor can't be reached; 2 usage; of status: 3 something is \
            not RUNNING, 4 no such name.
            """,
        subcommands: [
            StatusCommand.self, StartCommand.self, StopCommand.self, RestartCommand.self,
            ReloadCommand.self, FailoverCommand.self, TailCommand.self, PIDCommand.self,
            WhyCommand.self, VRRPCommand.self, ProxyCommand.self, ImportCommand.self,
            VersionCommand.self,
            ShutdownCommand.self,
        ]
    )

    @OptionGroup var common: CommonOptions

    func run() throws {
        Prompt(socket: common.socket).run()
    }

    /// Parses and runs one command line; returns the exit status.
    static func perform(_ arguments: [String]) -> Int32 {
        do {
            var command = try parseAsRoot(socketFirst(arguments))
            try command.run()
            return ControlExit.well.rawValue
        } catch let error as ControlError {
            Terminal.error("error: \(error)")
            if let advice = error.advice { Terminal.error("       \(advice)") }
            return ControlExit.failed.rawValue
        } catch {
            let code = exitCode(for: error)
            let message = fullMessage(for: error)
            if !message.isEmpty {
                if code == .success { Terminal.print(message) } else { Terminal.error(message) }
            }
            // ArgumentParser's own status for a wrong command line is EX_USAGE.
            return code == .validationFailure ? ControlExit.usage.rawValue : code.rawValue
        }
    }

    /// `-s SOCKET` stands before the command; each command takes it, so it is moved behind the name.
    private static func socketFirst(_ arguments: [String]) -> [String] {
        var option: [String] = []
        var rest = arguments[...]
        while let first = rest.first {
            if first == "-s" || first == "--socket", rest.count >= 2 {
                option = Array(rest.prefix(2))
                rest = rest.dropFirst(2)
            } else if first.hasPrefix("--socket=") || (first.hasPrefix("-s") && first.count > 2) {
                option = [first]
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        guard let command = rest.first, !command.hasPrefix("-"), command != "help" else {
            return option + rest
        }
        return [command] + option + rest.dropFirst()
    }
}

extension ParsableCommand {
    /// Ends the command with a status that is not 0, without a message.
    func finish(_ status: ControlExit) throws {
        if status != .well { throw ExitCode(status.rawValue) }
    }
}
