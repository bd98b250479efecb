import Primitives

/// What `global_defs` says, for all routers and checks.
struct GlobalDefinitions {
    var scriptUser: (user: String, group: String?, location: SourceLocation)?
    var defaultInterface: String?
    var announcementsPerBurst = 5
    var secondBurstDelay: Duration = .seconds(5)
    var announcementRefresh: Duration = .zero
}

extension Interpreter {
    mutating func readGlobal(_ block: Setting) {
        let settings = settings(of: block.children, in: Keywords.global, block: "global_defs")
        for setting in settings {
            switch setting.keyword {
            case "script_user":
                global.scriptUser = (
                    setting.value, setting.arguments.dropFirst().first?.text, setting.location
                )
            case "default_interface":
                if checkInterface(setting) { global.defaultInterface = setting.value }
            case "vrrp_version": checkVersion(setting)
            case "vrrp_mcast_group4": checkGroup(setting)
            case "vrrp_down_timer_adverts": checkDownTimer(setting)
            case "vrrp_garp_master_delay":
                global.secondBurstDelay = burstDelay(setting) ?? global.secondBurstDelay
            case "vrrp_garp_master_repeat":
                global.announcementsPerBurst = burst(setting) ?? global.announcementsPerBurst
            case "vrrp_garp_master_refresh":
                global.announcementRefresh = burstDelay(setting) ?? global.announcementRefresh
            default: reportUnhandled(setting)
            }
        }
    }

    // MARK: What global_defs and vrrp_instance share

    mutating func burstDelay(_ setting: Setting) -> Duration? {
        seconds(setting, in: 0...86_400, otherwise: "the default")
    }

    /// 0 counts as 1, as in keepalived.
    mutating func burst(_ setting: Setting) -> Int? {
        integer(setting, in: 0...255, otherwise: "the default").map { max($0, 1) }
    }

    mutating func checkVersion(_ setting: Setting) {
        guard setting.value != "2" else { return }
        report.error(
            setting.location,
            "'\(setting.keyword) \(setting.value)' is not done by this version",
            mend: "write '\(setting.keyword) 2' on both nodes: adverts are VRRPv2"
        )
    }

    mutating func checkGroup(_ setting: Setting) {
        guard setting.value != "224.0.0.18" else { return }
        report.error(
            setting.location,
            "'\(setting.keyword) \(setting.value)' is not done by this version",
            mend: "remove it on both nodes: adverts go to 224.0.0.18"
        )
    }

    mutating func checkDownTimer(_ setting: Setting) {
        guard setting.value != "3" else { return }
        report.error(
            setting.location,
            "'\(setting.keyword) \(setting.value)' is not done by this version",
            mend: "remove it on both nodes: three adverts that are missing depose a MASTER"
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
