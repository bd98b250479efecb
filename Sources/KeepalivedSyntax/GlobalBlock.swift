import Primitives
import VRRP

/// What `global_defs` says, for all routers and checks.
struct GlobalDefinitions {
    var settings = GlobalSettings()
    var scriptUser: (owner: ProgramOwner, location: SourceLocation)?
    /// `enable_script_security`.
    var wantsScriptSecurity = false
    var defaultInterface: String?
    var version: ProtocolVersion?
    var groups: [AddressFamily: IPAddress] = [:]
    var startupDelay: Duration = .zero
    var downTimerAdvertisements: Int?
    var checksUnicastSource: Bool?
    var lowerPriorityUnanswered: Bool?
    var yieldsAloud: Bool?
    var announcements = AnnouncementDraft()
    var announcesOnce = false
    var pace = AnnouncementPace()
    var virtualInterfacePrefix = "vrrp"
}

extension Interpreter {
    mutating func readGlobal(_ block: Setting) {
        let settings = settings(of: block.children, in: Keywords.global, block: "global_defs")
        var announcements = global.announcements
        for setting in settings where !readAnnouncements(setting, into: &announcements) {
            readGlobalSetting(setting)
        }
        global.announcements = announcements
    }

    private mutating func readGlobalSetting(_ setting: Setting) {
        switch setting.keyword {
        case "script_user":
            let group = setting.arguments.dropFirst().first?.text
            global.scriptUser = (
                ProgramOwner(user: setting.value, group: group), setting.location
            )
        case "enable_script_security": global.wantsScriptSecurity = true
        case "default_interface":
            if checkInterface(setting) { global.defaultInterface = setting.value }
        case "dynamic_interfaces": global.settings.allowsMissingInterfaces = true
        case "vrrp_version": global.version = version(setting)
        case "vrrp_mcast_group4": readGroup(setting, of: .v4)
        case "vrrp_mcast_group6": readGroup(setting, of: .v6)
        case "vrrp_startup_delay":
            global.startupDelay = seconds(setting, in: 0...86_400, otherwise: "0") ?? .zero
        case "vrrp_down_timer_adverts": global.downTimerAdvertisements = downTimer(setting)
        case "vrrp_check_unicast_src": global.checksUnicastSource = flag(setting)
        case "vrrp_lower_prio_no_advert": global.lowerPriorityUnanswered = flag(setting)
        case "vrrp_higher_prio_send_advert": global.yieldsAloud = flag(setting)
        case "vrrp_min_garp": global.announcesOnce = flag(setting)
        case "vrrp_garp_interval": global.pace.arp = pace(setting)
        case "vrrp_gna_interval": global.pace.neighbour = pace(setting)
        case "vmac_prefix": readVirtualInterfacePrefix(setting)
        case "vrrp_strict": refuseStrict(setting)
        default: readProcessSetting(setting)
        }
    }

    /// What concerns the process and no router.
    private mutating func readProcessSetting(_ setting: Setting) {
        switch setting.keyword {
        case "notify_fifo", "vrrp_notify_fifo": readFIFO(setting)
        case "notify_fifo_script", "vrrp_notify_fifo_script": readFIFOScript(setting)
        case "vrrp_notify_priority_changes":
            global.settings.notifiesPriorityChanges = flag(setting)
        case "fifo_write_vrrp_states_on_reload": global.settings.repeatsStatesOnReload = true
        case "vrrp_priority":
            global.settings.niceness = integer(setting, in: -20...19, otherwise: "the default")
        case "vrrp_rt_priority":
            global.settings.realTimePriority = integer(
                setting,
                in: 1...99,
                otherwise: "the default"
            )
        case "vrrp_no_swap": global.settings.locksMemory = true
        default: reportUnhandled(setting)
        }
    }

    private mutating func readGroup(_ setting: Setting, of family: AddressFamily) {
        guard let group = multicastGroup(setting) else { return }
        guard group.family == family else {
            report.error(
                setting.location,
                "'\(setting.keyword) \(setting.value)' is of the other family",
                mend: "write it as 'vrrp_mcast_group\(group.family.rawValue)'"
            )
            return
        }
        global.groups[family] = group
    }

    private mutating func readVirtualInterfacePrefix(_ setting: Setting) {
        // A dot and up to three digits follow.
        guard (1...11).contains(setting.value.utf8.count), !setting.value.contains("/") else {
            report.error(
                setting.location,
                "'\(setting.value)' can't begin an interface's name",
                mend: "expected at most 11 bytes without '/'"
            )
            return
        }
        global.virtualInterfacePrefix = setting.value
    }

    // MARK: What global_defs and vrrp_instance share

    mutating func version(_ setting: Setting) -> ProtocolVersion? {
        if let number = UInt8(setting.value), let version = ProtocolVersion(rawValue: number) {
            return version
        }
        report.error(
            setting.location,
            "'\(setting.keyword) \(setting.value)' is no version of VRRP",
            mend: "expected 2 or 3, the same on both nodes"
        )
        return nil
    }

    mutating func multicastGroup(_ setting: Setting) -> IPAddress? {
        if let address = IPAddress(setting.value), address.isLinkMulticast { return address }
        report.error(
            setting.location,
            "'\(setting.value)' is no multicast group for adverts",
            mend: "expected 224.0.0.18, another of 224.0.0.0 to 239.255.255.255, or ff02::12"
        )
        return nil
    }

    mutating func downTimer(_ setting: Setting) -> Int? {
        integer(setting, in: 1...100, otherwise: "3")
    }

    /// keepalived's word for the protocol without its extensions: traffic to the address is dropped.
    mutating func refuseStrict(_ setting: Setting) {
        guard flag(setting) else { return }
        report.error(
            setting.location,
            "'\(setting.keyword)' is not done by this version",
            mend:
                "remove it: keepalived drops traffic to the address with it, and refuses passwords"
        )
    }

    mutating func checkInterface(_ setting: Setting) -> Bool {
        let name = setting.value
        if name == "lo" {
            report.error(
                setting.location,
                "'\(setting.keyword) lo': adverts can't leave by the loopback",
                mend: "name the interface that both nodes share"
            )
            return false
        }
        guard (1...15).contains(name.utf8.count), !name.contains("/") else {
            report.error(
                setting.location,
                "'\(name)' is no name of an interface",
                mend: "expected at most 15 bytes without '/', such as eth0"
            )
            return false
        }
        return true
    }
}

extension IPAddress {
    /// IPv4: any group; IPv6: of link-local scope, as keepalived wants it.
    var isLinkMulticast: Bool {
        switch self {
        case .v4(let address): address.isMulticast
        case .v6(let address): address.high >> 56 == 0xFF && address.high >> 48 & 0xF == 2
        }
    }
}
