import Primitives

/// The notify programs of a router or a group in the making.
struct NotifyDraft {
    var programs = NotifyPrograms()
    /// The keyword of every program that was set: the first one counts.
    var seen: Set<String> = []
    /// To be looked up once `script_user` is known.
    var commands: [NotifyCommand] = []
}

struct NotifyCommand {
    var keyword: String
    var program: NotifyProgram
    var location: SourceLocation
}

extension Interpreter {
    /// The first program of a kind counts, as in keepalived.
    mutating func readNotify(_ setting: Setting, into draft: inout NotifyDraft) {
        guard draft.seen.insert(setting.keyword).inserted else {
            report.warning(
                setting.location,
                "a second '\(setting.keyword)' is not used, as in keepalived",
                mend: "remove one"
            )
            return
        }
        if setting.keyword == "notify_deleted" {
            draft.programs.saysDeleted = true
            guard !setting.arguments.isEmpty else { return }
        }
        let owner = owner(behind: setting)
        let notify = NotifyProgram(
            arguments: program(setting),
            user: owner?.user,
            group: owner?.group
        )
        reportShellSyntax(setting)
        draft.commands.append(
            NotifyCommand(keyword: setting.keyword, program: notify, location: setting.location)
        )
        switch setting.keyword {
        case "notify_master": draft.programs.master = notify
        case "notify_backup": draft.programs.backup = notify
        case "notify_fault": draft.programs.fault = notify
        case "notify_stop": draft.programs.stop = notify
        case "notify_deleted": draft.programs.deleted = notify
        case "notify_master_rx_lower_pri": draft.programs.rivalHeard = notify
        default: draft.programs.any = notify
        }
    }

    /// The second and third word behind a command: the user and group that run it.
    mutating func owner(behind setting: Setting) -> ProgramOwner? {
        let words = setting.arguments.dropFirst().map(\.text)
        guard let user = words.first else { return nil }
        let owner = ProgramOwner(user: user, group: words.dropFirst().first)
        let isQuoted = setting.arguments.first?.isQuoted == true
        let command = ([setting.value] + words).joined(separator: " ")
        checkOwner(
            owner,
            at: setting.location,
            unquoted: isQuoted ? nil : "\(setting.keyword) \"\(command)\""
        )
        if words.count > 2 {
            report.warning(
                setting.location,
                "'\(words.dropFirst(2).joined(separator: " "))' behind the user and group of "
                    + "'\(setting.keyword)' is ignored",
                mend: "remove it, or quote the command with its arguments"
            )
        }
        return owner
    }

    /// keepalived.conf(5): notify programs that name nobody run as `script_user`; nil when there are none.
    mutating func finishedPrograms(of draft: NotifyDraft) -> NotifyPrograms? {
        guard draft.programs != NotifyPrograms() else { return nil }
        var programs = draft.programs
        if let user = global.scriptUser, programs.all.contains(where: { $0.user == nil }) {
            checkOwner(user.owner, at: user.location)
            programs.setDefaultUser(user.owner.user, group: user.owner.group)
        }
        for command in draft.commands {
            let own = command.program.user.map {
                ProgramOwner(user: $0, group: command.program.group)
            }
            checkProgram(
                command.program.arguments,
                of: command.keyword,
                as: own ?? global.scriptUser?.owner,
                at: command.location
            )
        }
        return programs
    }

    // MARK: FIFOs

    /// `notify_fifo`, `vrrp_notify_fifo`: PATH [USER [GROUP]].
    mutating func readFIFO(_ setting: Setting) {
        let kind = setting.keyword
        if let first = fifos[kind] {
            report.warning(
                setting.location,
                "a second '\(kind)' is not used, as in keepalived; the first is at \(first.location)",
                mend: "remove one"
            )
            return
        }
        guard setting.value.hasPrefix("/") else {
            report.error(
                setting.location,
                "'\(setting.value)' is no absolute path",
                mend: "write one, such as /run/tandem/notify"
            )
            return
        }
        if let other = fifos.values.first(where: { $0.path == setting.value }) {
            report.error(
                setting.location,
                "'\(setting.value)' is the FIFO of \(other.location) already",
                mend: "give each a path of its own"
            )
            return
        }
        var fifo = NotifyFIFO(path: setting.value, location: setting.location)
        fifo.user = setting.arguments.dropFirst().first?.text
        fifo.group = setting.arguments.dropFirst(2).first?.text
        if let user = fifo.user {
            checkOwner(ProgramOwner(user: user, group: fifo.group), at: setting.location)
        }
        fifos[kind] = fifo
    }

    /// Kept until the FIFOs are known, which may stand below it.
    mutating func readFIFOScript(_ setting: Setting) {
        let kind = String(setting.keyword.dropLast("_script".count))
        guard fifoScripts[kind] == nil else {
            report.warning(
                setting.location,
                "a second '\(setting.keyword)' is not used, as in keepalived",
                mend: "remove one"
            )
            return
        }
        fifoScripts[kind] = setting
    }

    mutating func finishedFIFOs() -> [NotifyFIFO] {
        for kind in fifoScripts.keys.sorted() {
            guard let setting = fifoScripts[kind] else { continue }
            guard fifos[kind] != nil else {
                report.warning(
                    setting.location,
                    "'\(setting.keyword)' has no effect without '\(kind)'",
                    mend: "write '\(kind) /run/tandem/notify' as well"
                )
                continue
            }
            let own = owner(behind: setting)
            if own == nil, let user = global.scriptUser {
                checkOwner(user.owner, at: user.location)
            }
            let owner = own ?? global.scriptUser?.owner
            fifos[kind]?.scriptUser = owner?.user
            fifos[kind]?.scriptGroup = owner?.group
            let arguments = program(setting)
            reportShellSyntax(setting)
            checkProgram(arguments, of: setting.keyword, as: owner, at: setting.location)
            fifos[kind]?.script = arguments
        }
        return ["notify_fifo", "vrrp_notify_fifo"].compactMap { fifos[$0] }
    }
}
