/// Recognises commands that only ask whether a process named haproxy exists: a hung proxy passes them,
/// so the proxy's own health answers in their place.
enum ProxyLiveness {
    static func isAsked(by arguments: [String]) -> Bool {
        var words = withoutRedirections(arguments)
        guard let program = words.first.map(lastComponent) else { return false }
        words.removeFirst()
        if shells.contains(program) {
            guard words.count == 2, words[0] == "-c" else { return false }
            return isAskedInShell(words[1])
        }
        let operands = words.filter { !$0.hasPrefix("-") }
        switch program {
        case "killall":
            return signalsNothing(words) && namesProxy(operands, signal: true)
        case "pkill":
            return signalsNothing(words) && namesProxy(operands, signal: true)
        case "kill":
            return signalsNothing(words) && namesProxy(operands, signal: true)
        case "pidof", "pgrep":
            return namesProxy(operands, signal: false)
        case "ps":
            return words.contains("-C") && namesProxy(operands, signal: false)
        case "systemctl":
            return ["is-active", "status"].contains(operands.first)
                && namesProxy(Array(operands.dropFirst()), signal: false)
        case "service", "rc-service":
            return operands.count == 2 && isProxy(operands[0]) && operands[1] == "status"
        case "haproxy":
            return arguments[0].hasPrefix("/etc/") && operands == ["status"]
        default:
            return false
        }
    }

    /// The process whose existence is all that the command asks for; nil: it asks for more.
    static func process(askedForBy arguments: [String]) -> String? {
        var words = withoutRedirections(arguments)
        if words.count == 3, isShell(words[0]), words[1] == "-c" {
            words = withoutRedirections(Lexer.arguments(of: words[2]))
            if let program = words.first, isShell(program) { return nil }
        }
        // What would be the proxy's idiom with the proxy's name in that place.
        let places = words.indices.dropFirst().filter { !words[$0].hasPrefix("-") }
        return places.prefix(8).lazy.map { place in
            var asked = words
            asked[place] = "haproxy"
            return isAsked(by: asked) ? words[place] : nil
        }.first { $0 != nil } ?? nil
    }

    private static let shells: Set<String> = ["sh", "bash", "dash", "ash", "ksh", "zsh"]

    static func isShell(_ program: String) -> Bool {
        shells.contains(lastComponent(program))
    }

    /// `sh -c` can also say `kill -0 $(pidof haproxy)`; any other shell syntax makes it a check of its own.
    private static func isAskedInShell(_ command: String) -> Bool {
        var text = command
        for pair in [("$(", ")"), ("`", "`")] {
            guard let inner = between(pair.0, pair.1, in: text) else { continue }
            let asked = Lexer.arguments(of: String(inner.content))
            let pidFile = asked.count == 2 && asked[0] == "cat" && asked[1].hasSuffix("haproxy.pid")
            guard pidFile || isAsked(by: asked) else { return false }
            text = inner.before + "haproxy" + inner.after
        }
        let words = withoutRedirections(Lexer.arguments(of: text))
        guard !words.joined().contains(where: { "|&;<>`$".contains($0) }) else { return false }
        guard let program = words.first, !isShell(program) else { return false }
        return isAsked(by: words)
    }

    private static func between(
        _ open: String,
        _ close: String,
        in text: String
    ) -> (before: String, content: Substring, after: String)? {
        let parts = text.split(separator: open, maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let rest = parts[1].split(separator: close, maxSplits: 1, omittingEmptySubsequences: false)
        guard rest.count == 2 else { return nil }
        return (String(parts[0]), rest[0], String(rest[1]))
    }

    private static func lastComponent(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    private static func isProxy(_ name: String) -> Bool {
        ["haproxy", "haproxy.service"].contains(lastComponent(name))
    }

    /// Operands are the proxy's name and nothing else; `signal` lets the number of `-s 0` pass.
    private static func namesProxy(_ operands: [String], signal: Bool) -> Bool {
        let names = signal ? operands.filter { $0 != "0" } : operands
        return !names.isEmpty && names.allSatisfy(isProxy)
    }

    /// Signal 0 asks whether the process exists; any other one does something to it.
    private static func signalsNothing(_ words: [String]) -> Bool {
        for (index, word) in words.enumerated() {
            if ["-0", "-s0", "--signal=0"].contains(word) { return true }
            if ["-s", "--signal", "-n"].contains(word), index + 1 < words.count {
                return words[index + 1] == "0"
            }
        }
        return false
    }

    /// Output that is thrown away says nothing about the question.
    private static func withoutRedirections(_ arguments: [String]) -> [String] {
        var result: [String] = []
        var index = 0
        while index < arguments.count {
            let word = arguments[index]
            let target = word.drop { "012&".contains($0) }
            if target == ">" || target == ">>" {
                index += 2
                continue
            }
            if !target.hasPrefix(">") || word.isEmpty { result.append(word) }
            index += 1
        }
        return result
    }
}
