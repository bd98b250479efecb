import ArgumentParser
import Messages

/// The names of a command that acts on processes: at least one, or `all`.
struct Names: ParsableArguments {
    @Argument(help: "proxy, agent, or all.")
    var names: [String]

    func validate() throws {
        guard names.count <= ControlRequest.nameLimit else {
            throw ValidationError("at most \(ControlRequest.nameLimit) names")
        }
    }
}
