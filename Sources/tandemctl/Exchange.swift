import ControlClient
import Messages

/// How long a command waits for each of the supervisor's replies.
enum Patience {
    /// It only has to look.
    static let question = Duration.seconds(10)
    /// It waits for a process to stop or to become ready, and says how it went.
    static let action = Duration.seconds(120)
}

/// Asks the supervisor at `socket`, reply by reply.
func ask(
    _ request: ControlRequest,
    at socket: String,
    silence: Duration?,
    each: (ControlReply) -> Void
) throws(ControlError) {
    var connection = try ControlConnection.open(socket)
    try connection.ask(request, silence: silence, each: each)
}

/// Runs a command that acts and prints each result as it comes.
func act(_ request: ControlRequest, at socket: String) throws(ControlError) -> ControlExit {
    var results: [CommandResult] = []
    try ask(request, at: socket, silence: Patience.action) { reply in
        guard case .result(let name, let outcome, let text) = reply else { return }
        let result = CommandResult(name: name, outcome: outcome, text: text)
        results.append(result)
        if !result.line.isEmpty { Terminal.print(result.line) }
    }
    return ControlExit.ofCommand(results)
}
