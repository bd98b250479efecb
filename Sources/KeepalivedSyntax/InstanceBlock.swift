import Primitives
import VRRP

/// A `vrrp_instance` as it stands, before the defaults of `global_defs` are known.
struct InstanceDraft {
    var name: String
    var location: SourceLocation
    var isMaster = false
    var interface: String?
    var virtualRouterID: UInt8?
    /// It was written, if not well.
    var namesRouterID = false
    var listsAddresses = false
    var priority: UInt8?
    var advertisementInterval: Duration = .seconds(1)
    var addresses: [VirtualAddress] = []
    var nopreempt: SourceLocation?
    var preemptDelay: (delay: Duration, location: SourceLocation)?
    var authentication = Authentication.none
    var announcementsPerBurst: Int?
    var secondBurstDelay: Duration?
    var announcementRefresh: Duration?
    var tracks: [TrackDraft] = []
    var notify = NotifyPrograms()
    /// The keyword of every notify program that was set: the first one counts.
    var notified: Set<String> = []
}

extension Interpreter {
    mutating func readInstance(_ block: Setting) {
        guard !block.value.isEmpty else {
            report.error(
                block.location,
                "'vrrp_instance' needs a name",
                mend: "write 'vrrp_instance VI_1 { … }'"
            )
            return
        }
        if let first = instances.first(where: { $0.name == block.value }) {
            report.error(
                block.location,
                "vrrp_instance '\(block.value)' is defined already at \(first.location)",
                mend: "give it a name of its own"
            )
            return
        }
        var draft = InstanceDraft(name: block.value, location: block.location)
        let settings = settings(
            of: block.children,
            in: Keywords.instance,
            block: "vrrp_instance \(block.value)"
        )
        for setting in settings { read(setting, into: &draft) }
        instances.append(draft)
    }

    private mutating func read(_ setting: Setting, into draft: inout InstanceDraft) {
        switch setting.keyword {
        case "state": readState(setting, into: &draft)
        case "interface":
            _ = checkInterface(setting)
            draft.interface = setting.value
        case "virtual_router_id": readRouterID(setting, into: &draft)
        case "priority":
            draft.priority = UInt8(integer(setting, in: 1...255, otherwise: "100") ?? 100)
        case "advert_int": readInterval(setting, into: &draft)
        case "virtual_ipaddress":
            draft.listsAddresses = draft.listsAddresses || !setting.children.isEmpty
            draft.addresses += addresses(of: setting.children).map(\.address)
        case "authentication": readAuthentication(setting, into: &draft)
        case "nopreempt": draft.nopreempt = setting.location
        case "preempt": draft.nopreempt = nil
        case "preempt_delay":
            let delay = seconds(setting, in: 0...1000, otherwise: "0") ?? .zero
            draft.preemptDelay = (delay, setting.location)
        case "track_script": readTrackedScripts(setting, into: &draft)
        case "track_interface": readTrackedInterfaces(setting, into: &draft)
        case "garp_master_delay": draft.secondBurstDelay = burstDelay(setting)
        case "garp_master_repeat": draft.announcementsPerBurst = burst(setting)
        case "garp_master_refresh": draft.announcementRefresh = burstDelay(setting)
        case "version": checkVersion(setting)
        case "mcast_dst_ip": checkGroup(setting)
        case "down_timer_adverts": checkDownTimer(setting)
        case "notify_master", "notify_backup", "notify_fault", "notify_stop", "notify":
            readNotify(setting, into: &draft)
        default: reportUnhandled(setting)
        }
    }

    private mutating func readState(_ setting: Setting, into draft: inout InstanceDraft) {
        switch setting.value {
        case "MASTER": draft.isMaster = true
        case "BACKUP": draft.isMaster = false
        default:
            draft.isMaster = false
            report.warning(
                setting.location,
                "unknown state '\(setting.value)': BACKUP is used, as keepalived does",
                mend: "write 'state MASTER' or 'state BACKUP'"
            )
        }
    }

    private mutating func readRouterID(_ setting: Setting, into draft: inout InstanceDraft) {
        draft.namesRouterID = true
        guard let id = Number.integer(setting.value), (1...255).contains(id) else {
            report.error(
                setting.location,
                "'virtual_router_id \(setting.value)' is out of range",
                mend: "expected 1 to 255, the same on both nodes and no one else's on the link"
            )
            return
        }
        draft.virtualRouterID = UInt8(id)
    }

    /// VRRPv2 has whole seconds: rounded half up, 0 becomes 1, 255 is the most.
    private mutating func readInterval(_ setting: Setting, into draft: inout InstanceDraft) {
        guard let interval = Number.seconds(setting.value), interval > .zero else {
            report.warning(
                setting.location,
                "'advert_int \(setting.value)' is not a time: 1 second is used, as keepalived does",
                mend: "write 1 to 255"
            )
            return
        }
        let rounded = (interval.milliseconds + 500) / 1000
        let seconds = min(max(rounded, 1), 255)
        draft.advertisementInterval = .seconds(seconds)
        if draft.advertisementInterval != interval {
            report.warning(
                setting.location,
                "'advert_int \(setting.value)' becomes \(seconds): VRRPv2 has whole seconds of 1 to 255",
                mend: "write 'advert_int \(seconds)' on both nodes"
            )
        }
    }

    private mutating func readAuthentication(_ block: Setting, into draft: inout InstanceDraft) {
        var type: Setting?
        var pass: Setting?
        for setting in settings(
            of: block.children,
            in: Keywords.authentication,
            block: "authentication"
        ) {
            if setting.keyword == "auth_type" { type = setting } else { pass = setting }
        }
        if let type, type.value == "AH" {
            report.error(
                type.location,
                "'auth_type AH' is not done by this version",
                mend: "write 'auth_type PASS' on both nodes"
            )
            return
        }
        if let type, type.value != "PASS" {
            report.warning(
                type.location,
                "unknown 'auth_type \(type.value)': no authentication is used, as in keepalived",
                mend: "write 'auth_type PASS' on both nodes"
            )
            return
        }
        guard let pass, type != nil else {
            report.warning(
                block.location,
                "'authentication' without \(type == nil ? "'auth_type PASS'" : "'auth_pass'") "
                    + "is not used, as in keepalived",
                mend: "write both, or remove the block, on both nodes"
            )
            return
        }
        let password = Array(pass.value.utf8)
        if password.count > 8 {
            report.warning(
                pass.location,
                "only the first 8 bytes of 'auth_pass' count",
                mend: "write a password of at most 8 bytes"
            )
        }
        let bytes = password.prefix(8)
        draft.authentication = .password(bytes + Array(repeating: 0, count: 8 - bytes.count))
    }

    /// The first program of a kind counts, as in keepalived.
    private mutating func readNotify(_ setting: Setting, into draft: inout InstanceDraft) {
        guard draft.notified.insert(setting.keyword).inserted else {
            report.warning(
                setting.location,
                "a second '\(setting.keyword)' is not used, as in keepalived",
                mend: "remove one"
            )
            return
        }
        // A quoted command may be followed by its user and group; unquoted, all words are the command.
        var command = setting
        if setting.arguments.first?.isQuoted == true {
            command.arguments = Array(setting.arguments.prefix(1))
            readNotifyUser(setting, into: &draft.notify)
        }
        let arguments = program(command)
        checkProgram(arguments, of: setting.keyword, at: setting.location)
        switch setting.keyword {
        case "notify_master": draft.notify.master = arguments
        case "notify_backup": draft.notify.backup = arguments
        case "notify_fault": draft.notify.fault = arguments
        case "notify_stop": draft.notify.stop = arguments
        default: draft.notify.any = arguments
        }
    }

    private mutating func readNotifyUser(_ setting: Setting, into notify: inout NotifyPrograms) {
        guard let user = setting.arguments.dropFirst().first?.text else { return }
        let group = setting.arguments.dropFirst(2).first?.text
        if let first = notify.user, first != user || notify.group != group {
            report.error(
                setting.location,
                "the programs of one vrrp_instance run as one user",
                mend: "write '\(first)' here too"
            )
            return
        }
        notify.user = user
        notify.group = group
        if !environment.userExists(user) {
            report.error(
                setting.location,
                "there is no user '\(user)' on this machine",
                mend: "create it (useradd -r \(user)), or name another"
            )
        }
    }
}
