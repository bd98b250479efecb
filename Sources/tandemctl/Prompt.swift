import ControlClient
import Glibc

/// The conversation that begins when `tandemctl` is called without a command.
struct Prompt {
    let socket: String

    /// Reads commands until `quit`, `exit` or the end of the input. Every command's own exit status is
    /// shown by what it prints; the prompt's is 0, as supervisorctl's.
    func run() {
        _ = Tandemctl.perform(["-s", socket, "status"])
        while true {
            Terminal.raw(Array("tandem> ".utf8))
            guard let line = readLine() else {
                Terminal.print("")
                return
            }
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            switch words.first {
            case nil: continue
            case "quit", "exit": return
            case "help", "?": _ = Tandemctl.perform(["help"] + words.dropFirst())
            default: _ = Tandemctl.perform(["-s", socket] + words)
            }
        }
    }
}
