package import Messages

/// What `tail` was told, where it is not shown as it comes.
package struct TailAnswer: Equatable, Sendable {
    package private(set) var output: [UInt8] = []
    package private(set) var results: [CommandResult] = []

    package init() {}

    package mutating func take(_ reply: ControlReply) {
        switch reply {
        case .output(let bytes): output += bytes
        case .result(let name, let outcome, let text):
            results.append(CommandResult(name: name, outcome: outcome, text: text))
        case .process, .router, .journal, .detail, .proxy, .traffic, .rows, .end: break
        }
    }

    /// A supervisor that works through systemd refuses in the name of the unit that has the output.
    package var isKeptBySystemd: Bool {
        results.contains { $0.outcome == .refused && $0.name.hasSuffix(".service") }
    }

    /// The last lines; the last one may not have ended yet.
    package func last(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        var left = count
        for index in output.indices.dropLast().reversed() where output[index] == 0x0A {
            left -= 1
            if left == 0 { return Array(output[(index + 1)...]) }
        }
        return output
    }
}
