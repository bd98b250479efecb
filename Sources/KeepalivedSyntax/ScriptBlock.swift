import Primitives

/// A `vrrp_script` as it stands, before `script_user` is known.
struct ScriptDraft {
    var script: CheckScript
    var userLocation: SourceLocation?
}

extension Interpreter {
    mutating func readScript(_ block: Setting) {
        guard !block.value.isEmpty else {
            report.error(
                block.location,
                "'vrrp_script' needs a name",
                mend: "write 'vrrp_script NAME { … }'"
            )
            return
        }
        if let first = scripts.first(where: { $0.script.name == block.value }) {
            report.warning(
                block.location,
                "vrrp_script '\(block.value)' is defined already at \(first.script.location): "
                    + "this one is not used, as in keepalived",
                mend: "remove one"
            )
            return
        }
        var draft = ScriptDraft(
            script: CheckScript(name: block.value, arguments: [], location: block.location)
        )
        let settings = settings(
            of: block.children,
            in: Keywords.script,
            block: "vrrp_script \(block.value)"
        )
        var scriptLocation: SourceLocation?
        for setting in settings {
            switch setting.keyword {
            case "script":
                draft.script.arguments = program(setting)
                scriptLocation = setting.location
            case "interval": readInterval(setting, into: &draft.script)
            case "timeout":
                draft.script.timeout =
                    seconds(setting, in: 0...86_400, otherwise: "the interval") ?? .zero
            case "weight":
                if let weight = weight(setting.arguments[...], isHeld: true, at: setting.location) {
                    draft.script.weight = weight.weight
                    draft.script.reversed = weight.reversed
                }
            case "rise":
                draft.script.rise = integer(setting, in: 1...1_000_000, otherwise: "1") ?? 1
            case "fall":
                draft.script.fall = integer(setting, in: 1...1_000_000, otherwise: "1") ?? 1
            case "user":
                draft.script.user = setting.value
                draft.script.group = setting.arguments.dropFirst().first?.text
                draft.userLocation = setting.location
            case "init_fail": draft.script.startsFailed = true
            default: reportUnhandled(setting)
            }
        }
        guard let scriptLocation else {
            report.error(
                block.location,
                "vrrp_script '\(block.value)' has no 'script'",
                mend: "write 'script \"/path/of/program\"' into it"
            )
            // It is known, so that nobody is told it were not.
            scripts.append(draft)
            return
        }
        draft.script.asksForProxyProcess = ProxyLiveness.isAsked(by: draft.script.arguments)
        if !draft.script.asksForProxyProcess {
            checkProgram(draft.script.arguments, of: "script", at: scriptLocation)
        }
        reportShellSyntax(draft.script, at: scriptLocation)
        scripts.append(draft)
    }

    private mutating func readInterval(_ setting: Setting, into script: inout CheckScript) {
        guard let interval = seconds(setting, in: 0...86_400, otherwise: "1 second") else { return }
        script.interval = interval == .zero ? .seconds(1) : interval
        if interval != .zero, interval < .milliseconds(10) {
            script.interval = .milliseconds(10)
            report.warning(
                setting.location,
                "'interval \(setting.value)' is shorter than 0.01 seconds: that is used",
                mend: "write 0.01 or more"
            )
        }
    }

    // MARK: Programs

    /// A single word is split like a line; several words are taken as they are.
    func program(_ setting: Setting) -> [String] {
        guard setting.arguments.count > 1 else { return Lexer.arguments(of: setting.value) }
        return setting.arguments.map(\.text)
    }

    /// A program that can't run would be an unwatched MASTER: an error, where keepalived goes on without it.
    mutating func checkProgram(
        _ arguments: [String],
        of keyword: String,
        at location: SourceLocation
    ) {
        guard let program = arguments.first, !program.isEmpty else {
            report.error(location, "'\(keyword)' names no program", mend: "write its path")
            return
        }
        if program.hasPrefix("<") {
            report.error(
                location,
                "'\(program)' would be run by a shell, and none is",
                mend: "put the command into a file and name that"
            )
            return
        }
        switch environment.programExists(program) {
        case .found: break
        case .missing:
            report.error(
                location,
                "the program '\(program)' of '\(keyword)' does not exist here",
                mend: "install it, or write its full path"
            )
        case .notExecutable:
            report.error(
                location,
                "the program '\(program)' of '\(keyword)' can't be executed",
                mend: "chmod +x \(program)"
            )
        }
    }

    private mutating func reportShellSyntax(_ script: CheckScript, at location: SourceLocation) {
        let marks: Set<Character> = ["|", "&", ">", "<", "`", ";"]
        guard !ProxyLiveness.isShell(script.arguments.first ?? "") else { return }
        let suspicious = script.arguments.dropFirst().first { argument in
            argument.contains(where: marks.contains) || argument.contains("$(")
        }
        guard let suspicious else { return }
        let meaning =
            script.asksForProxyProcess
            ? "the proxy's own health answers for this check all the same"
            : "the program gets it as an argument"
        report.warning(
            location,
            "no shell is run, so '\(suspicious)' does not work here: \(meaning)",
            mend: "remove it, or put the command into a file and name that"
        )
    }

    // MARK: Users

    /// `user`, else `script_user`, else keepalived_script where it exists.
    ///
    /// A check that the proxy's health answers for is not run, so it needs no user.
    mutating func finishedScripts() -> [CheckScript] {
        let fallback = environment.userExists("keepalived_script") ? "keepalived_script" : nil
        return scripts.map { draft in
            var script = draft.script
            if let user = script.user {
                if let location = draft.userLocation, !script.asksForProxyProcess {
                    checkUser(user, at: location)
                }
            } else if let user = global.scriptUser {
                (script.user, script.group) = (user.user, user.group)
                if !script.asksForProxyProcess { checkUser(user.user, at: user.location) }
            } else {
                script.user = fallback
            }
            return script
        }
    }

    mutating func checkUser(_ name: String, at location: SourceLocation) {
        guard !environment.userExists(name),
            missedUsers.insert("\(name) \(location)").inserted
        else { return }
        report.error(
            location,
            "there is no user '\(name)' on this machine",
            mend: "create it (useradd -r \(name)), or name another"
        )
    }
}
