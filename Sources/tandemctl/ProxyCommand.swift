import ArgumentParser
import ControlClient
import Messages

struct ProxyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy",
        abstract: "Shows what the proxy carries: sessions, queues, rates, limits, servers."
    )

    @OptionGroup var common: CommonOptions
    @Flag(name: .customLong("json"), help: "One JSON object.")
    var json = false
    @Argument(help: "A frontend, a backend or a listen section, or BACKEND/SERVER; none: all.")
    var name: String?

    func run() throws {
        var answer = ProxyAnswer()
        do {
            try ask(.proxy(name: name), at: common.socket, silence: Patience.question) { reply in
                answer.take(reply)
            }
        } catch {
            if json { Terminal.print(try JSONText.proxy(ProxyAnswer(), error: "\(error)")) }
            throw error
        }
        if json {
            Terminal.print(try JSONText.proxy(answer))
        } else {
            for line in TrafficTable.lines(answer) { Terminal.print(line) }
        }
        try finish(ControlExit.ofCommand(answer.results))
    }
}
