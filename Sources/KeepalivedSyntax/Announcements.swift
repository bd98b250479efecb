import Primitives

/// How addresses are announced, as `global_defs` or a `vrrp_instance` says it; nil: not said.
struct AnnouncementDraft {
    var perBurst: Int?
    var secondBurstDelay: Duration?
    var refresh: Duration?
    var perRefresh: Int?
    var perAnswer: Int?
    var secondAnswerDelay: Duration?

    /// What an instance leaves open, `global_defs` may say.
    func filled(from global: AnnouncementDraft) -> AnnouncementDraft {
        AnnouncementDraft(
            perBurst: perBurst ?? global.perBurst,
            secondBurstDelay: secondBurstDelay ?? global.secondBurstDelay,
            refresh: refresh ?? global.refresh,
            perRefresh: perRefresh ?? global.perRefresh,
            perAnswer: perAnswer ?? global.perAnswer,
            secondAnswerDelay: secondAnswerDelay ?? global.secondAnswerDelay
        )
    }
}

/// A `garp_group`, or the pace of `global_defs`; nil: not said.
struct AnnouncementPace {
    var arp: Duration?
    var neighbour: Duration?
}

extension Interpreter {
    /// False for a keyword of something else; `vrrp_` in front of it is `global_defs`' way to say it.
    mutating func readAnnouncements(
        _ setting: Setting,
        into draft: inout AnnouncementDraft
    ) -> Bool {
        let keyword =
            setting.keyword.hasPrefix("vrrp_")
            ? String(setting.keyword.dropFirst("vrrp_".count)) : setting.keyword
        switch keyword {
        case "garp_master_delay": draft.secondBurstDelay = burstDelay(setting)
        case "garp_master_repeat": draft.perBurst = burst(setting)
        case "garp_master_refresh": draft.refresh = burstDelay(setting)
        case "garp_master_refresh_repeat": draft.perRefresh = burst(setting)
        case "garp_lower_prio_delay": draft.secondAnswerDelay = burstDelay(setting)
        case "garp_lower_prio_repeat":
            draft.perAnswer = integer(setting, in: 0...Self.largestBurst, otherwise: "the default")
        default: return false
        }
        return true
    }

    private mutating func burstDelay(_ setting: Setting) -> Duration? {
        seconds(setting, in: 0...86_400, otherwise: "the default")
    }

    /// keepalived has no limit; this many keep a link busy for a while.
    private static let largestBurst = 1000

    /// 0 counts as 1, as in keepalived.
    private mutating func burst(_ setting: Setting) -> Int? {
        integer(setting, in: 0...Self.largestBurst, otherwise: "the default").map { max($0, 1) }
    }

    /// `vrrp_garp_interval` and its kin: 0, which the sample of the distributions has, is no pause.
    mutating func pace(_ setting: Setting) -> Duration? {
        seconds(setting, in: 0...4294, otherwise: "no pause")
    }

    /// keepalived paces the interfaces of a group together; here each has the pace.
    mutating func readAnnouncementGroup(_ block: Setting) {
        var pace = AnnouncementPace()
        var interfaces: [(name: String, location: SourceLocation)] = []
        for setting in settings(
            of: block.children,
            in: Keywords.announcementGroup,
            block: "garp_group"
        ) {
            switch setting.keyword {
            case "garp_interval": pace.arp = self.pace(setting)
            case "gna_interval": pace.neighbour = self.pace(setting)
            case "interface": interfaces.append((setting.value, setting.location))
            case "interfaces":
                for statement in setting.children {
                    interfaces += statement.words.map { ($0.text, statement.location) }
                }
            default: reportUnhandled(setting)
            }
        }
        if interfaces.isEmpty {
            report.warning(
                block.location,
                "this garp_group names no interface, so it changes nothing",
                mend: "write 'interface eth0' into it"
            )
        }
        for interface in interfaces {
            if paces[interface.name] != nil {
                report.warning(
                    interface.location,
                    "'\(interface.name)' is in a garp_group already: the first counts",
                    mend: "remove one"
                )
            } else {
                paces[interface.name] = pace
            }
        }
    }

    /// Lines of `INTERFACE DOWN [UP]`.
    mutating func readInterfaceDelays(_ block: Setting) {
        for statement in block.children {
            let words = statement.words.map(\.text)
            let down = words.dropFirst().first.flatMap(Number.seconds)
            let up = words.count > 2 ? Number.seconds(words[2]) : down
            let range = Duration.zero...Duration.seconds(255)
            guard let name = words.first, let down, let up, range.contains(down),
                range.contains(up)
            else {
                report.error(
                    statement.location,
                    "'\(words.joined(separator: " "))' is no line of 'interface_up_down_delays'",
                    mend: "expected INTERFACE DOWN [UP], in seconds of 0 to 255"
                )
                continue
            }
            global.settings.interfaceDelays[name] = InterfaceDelays(down: down, up: up)
            delayLocations[name] = statement.location
        }
    }
}
