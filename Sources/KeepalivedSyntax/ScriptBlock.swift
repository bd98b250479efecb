import Primitives
import VRRP

/// A `vrrp_script` as it stands, before `script_user` is known.
struct ScriptDraft {
    var script: CheckScript
    var userLocation: SourceLocation?
    /// Where its command stands; nil: it has none, or is not run.
    var commandLocation: SourceLocation?
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
        var command: Setting?
        for setting in settings {
            switch setting.keyword {
            case "script":
                draft.script.arguments = program(setting)
                reportUnpassed(setting)
                command = setting
            case "interval": readInterval(setting, into: &draft.script)
            case "timeout":
                draft.script.timeout =
                    seconds(setting, in: 0...86_400, otherwise: "the interval") ?? .zero
            case "weight":
                if let weight = weight(setting.arguments[...], isHeld: true, at: setting.location) {
                    weightLocations[.script(block.value)] = setting.location
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
        guard let command else {
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
        if !draft.script.asksForProxyProcess { draft.commandLocation = command.location }
        reportShellSyntax(
            command,
            meaning: draft.script.asksForProxyProcess
                ? "the proxy's own health answers for this check all the same"
                : "the program gets it as an argument"
        )
        scripts.append(draft)
    }

    /// keepalived passes the one word that is the command, and says nothing of the others.
    private mutating func reportUnpassed(_ setting: Setting) {
        let rest = setting.arguments.dropFirst().map(\.text).joined(separator: " ")
        guard !rest.isEmpty else { return }
        report.warning(
            setting.location,
            "'\(rest)' is not passed to '\(setting.value)', as in keepalived: a command is one word",
            mend: "quote it with its arguments: script \"\(setting.value) \(rest)\""
        )
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

    /// The first word, which is split into a program and its arguments.
    func program(_ setting: Setting) -> [String] {
        Lexer.arguments(of: setting.value)
    }

    /// A program that can't run would be an unwatched MASTER: an error, where keepalived goes on without it.
    /// Without an owner it runs as the default user does.
    mutating func checkProgram(
        _ arguments: [String],
        of keyword: String,
        as owner: ProgramOwner?,
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
        if owner == nil, reliesOnDefaultUser == nil { reliesOnDefaultUser = location }
        let owner = owner ?? ProgramOwner(user: defaultUser)
        switch environment.programStatus(program, owner) {
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
                "'\(owner.user)' can't execute '\(program)' of '\(keyword)'",
                mend: "chmod a+x \(program) and the directories that lead to it, or write "
                    + "'script_user USER' for who can"
            )
        case .writableByOthers(let path):
            let mend = "chown root \(path) && chmod go-w \(path), or name another user"
            if global.wantsScriptSecurity {
                report.error(
                    location,
                    "'\(keyword)' would run '\(program)' as root, and others than root may write to "
                        + "'\(path)': 'enable_script_security' forbids it",
                    mend: mend
                )
            } else {
                report.warning(
                    location,
                    "'\(keyword)' would run '\(program)' as root, and others than root may write to "
                        + "'\(path)'",
                    mend: mend
                )
            }
        }
    }

    /// What a shell would make something else of. A word in quotes of its own is not for the shell, but for
    /// what is an operator anywhere.
    mutating func reportShellSyntax(
        _ command: Setting,
        meaning: String = "the program gets it as an argument"
    ) {
        let words = Lexer.words(of: command.value)
        guard !ProxyLiveness.isShell(words.first?.text ?? "") else { return }
        let suspicious = words.dropFirst().first { word in
            Self.isOperator(word.text) || !word.isQuoted && Self.isExpanded(word.text)
        }
        guard let suspicious else { return }
        report.warning(
            command.location,
            "no shell is run, so '\(suspicious.text)' does not work here: \(meaning)",
            mend: "remove it, or put the command into a file and name that"
        )
    }

    private static func isOperator(_ word: String) -> Bool {
        word.contains(where: "|&><`;".contains) || word.contains("$(")
    }

    /// A pattern of file names, a home directory or a variable.
    private static func isExpanded(_ word: String) -> Bool {
        if word == "~" || word.hasPrefix("~/") { return true }
        if word.contains("*"), !word.contains("://") { return true }
        let bytes = Array(word.utf8)
        return zip(bytes, bytes.dropFirst()).contains { first, second in
            first == Byte.dollar && (second == Byte.openBrace || Byte.isNameStart(second))
        }
    }

    // MARK: Users

    /// Who runs what names nobody, where there is no `script_user` either. keepalived runs it as root.
    var defaultUser: String {
        environment.userExists("keepalived_script") ? "keepalived_script" : "nobody"
    }

    /// `user`, else `script_user`, else keepalived_script where it exists.
    ///
    /// A check that the proxy's health answers for is not run, so it needs no user.
    mutating func finishedScripts() -> [CheckScript] {
        let fallback = environment.userExists("keepalived_script") ? "keepalived_script" : nil
        return scripts.map { draft in
            var script = draft.script
            var owner: ProgramOwner?
            if let user = script.user {
                owner = ProgramOwner(user: user, group: script.group)
                if let owner, let location = draft.userLocation, !script.asksForProxyProcess {
                    checkOwner(owner, at: location)
                }
            } else if let user = global.scriptUser {
                (script.user, script.group) = (user.owner.user, user.owner.group)
                owner = user.owner
                if !script.asksForProxyProcess { checkOwner(user.owner, at: user.location) }
            } else {
                script.user = fallback
            }
            if let location = draft.commandLocation {
                checkProgram(script.arguments, of: "script", as: owner, at: location)
            }
            return script
        }
    }

    /// One line of a file that runs programs as nobody in particular, which is not keepalived's default.
    mutating func noteDefaultUser() {
        guard let location = reliesOnDefaultUser, defaultUser == "nobody" else { return }
        report.note(
            location,
            "programs that name nobody run as 'nobody'; keepalived would run them as root",
            mend: "write 'script_user USER' into global_defs"
        )
    }

    /// `command`: the keyword and the command that the user stands behind, where it was written without quotes.
    mutating func checkOwner(
        _ owner: ProgramOwner,
        at location: SourceLocation,
        unquoted command: String? = nil
    ) {
        if !environment.userExists(owner.user),
            missedOwners.insert("user \(owner.user) \(location)").inserted
        {
            let place = command == nil ? "" : ": behind a command stand its user and group"
            report.error(
                location,
                "there is no user '\(owner.user)' on this machine\(place)",
                mend: command.map { "quote the command with its arguments: \($0)" }
                    ?? "create it (useradd -r \(owner.user)), or name another"
            )
        }
        if let group = owner.group, !environment.groupExists(group),
            missedOwners.insert("group \(group) \(location)").inserted
        {
            report.error(
                location,
                "there is no group '\(group)' on this machine",
                mend: "create it (groupadd -r \(group)), or name another"
            )
        }
    }
}
