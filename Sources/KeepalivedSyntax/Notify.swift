import Primitives

/// The notify programs of a router or a group in the making.
struct NotifyDraft {
    var programs = NotifyPrograms()
    /// The keyword of every program that was set: the first one counts.
    var seen: Set<String> = []
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
        // A quoted command may be followed by its user and group; unquoted, all words are the command.
        var command = setting
        var owner: ArraySlice<Word> = []
        if setting.arguments.first?.isQuoted == true {
            command.arguments = Array(setting.arguments.prefix(1))
            owner = setting.arguments.dropFirst()
        }
        let notify = NotifyProgram(
            arguments: program(command),
            user: owner.first?.text,
            group: owner.dropFirst().first?.text
        )
        if let user = notify.user { checkUser(user, at: setting.location) }
        checkProgram(notify.arguments, of: setting.keyword, at: setting.location)
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

    /// keepalived.conf(5): notify programs that name nobody run as `script_user`; nil when there are none.
    mutating func finishedPrograms(of draft: NotifyDraft) -> NotifyPrograms? {
        guard draft.programs != NotifyPrograms() else { return nil }
        var programs = draft.programs
        if let user = global.scriptUser, programs.all.contains(where: { $0.user == nil }) {
            checkUser(user.user, at: user.location)
            programs.setDefaultUser(user.user, group: user.group)
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
        if let user = fifo.user { checkUser(user, at: setting.location) }
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
            var command = setting
            if setting.arguments.first?.isQuoted == true {
                command.arguments = Array(setting.arguments.prefix(1))
                fifos[kind]?.scriptUser = setting.arguments.dropFirst().first?.text
                fifos[kind]?.scriptGroup = setting.arguments.dropFirst(2).first?.text
            }
            if fifos[kind]?.scriptUser == nil {
                fifos[kind]?.scriptUser = global.scriptUser?.user
                fifos[kind]?.scriptGroup = global.scriptUser?.group
            }
            if let user = fifos[kind]?.scriptUser { checkUser(user, at: setting.location) }
            let arguments = program(command)
            checkProgram(arguments, of: setting.keyword, at: setting.location)
            fifos[kind]?.script = arguments
        }
        return ["notify_fifo", "vrrp_notify_fifo"].compactMap { fifos[$0] }
    }
}
