import Primitives
import VRRP

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
        for setting in settings where !readAnnouncements(setting, into: &draft.announcements) {
            read(setting, into: &draft)
        }
        instances.append(draft)
    }

    private mutating func read(_ setting: Setting, into draft: inout InstanceDraft) {
        switch setting.keyword {
        case "state": readState(setting, into: &draft)
        case "interface":
            _ = checkInterface(setting)
            draft.interface = setting.value
            draft.interfaceLocation = setting.location
        case "virtual_router_id": readRouterID(setting, into: &draft)
        case "priority":
            draft.priority = UInt8(integer(setting, in: 1...255, otherwise: "100") ?? 100)
        case "advert_int": readInterval(setting, into: &draft)
        case "version": draft.version = version(setting).map { ($0, setting.location) }
        case "native_ipv6": draft.isNativeV6 = true
        case "virtual_ipaddress":
            draft.listsAddresses = draft.listsAddresses || !setting.children.isEmpty
            draft.addresses += addresses(of: setting, after: draft.addresses)
        case "virtual_ipaddress_excluded":
            draft.listsAddresses = draft.listsAddresses || !setting.children.isEmpty
            draft.excluded += addresses(of: setting, after: draft.addresses + draft.excluded)
        case "authentication": readAuthentication(setting, into: &draft)
        case "nopreempt": draft.nopreempt = setting.location
        case "preempt": draft.nopreempt = nil
        case "preempt_delay":
            let delay = seconds(setting, in: 0...1000, otherwise: "0") ?? .zero
            draft.preemptDelay = (delay, setting.location)
        case "down_timer_adverts": draft.downTimerAdvertisements = downTimer(setting)
        case "lower_prio_no_advert": draft.lowerPriorityUnanswered = flag(setting)
        case "higher_prio_send_advert": draft.yieldsAloud = flag(setting)
        case "strict_mode": refuseStrict(setting)
        case "promote_secondaries": draft.promotesSecondaries = true
        default: readMore(setting, into: &draft)
        }
    }

    private mutating func readMore(_ setting: Setting, into draft: inout InstanceDraft) {
        switch setting.keyword {
        case "track_script", "track_interface", "track_process", "track_file":
            draft.tracks += tracks(of: setting, existing: draft.tracks)
        case "dont_track_primary": draft.tracksOwnInterface = false
        case "track_gateway": draft.gateway = gateway(setting)
        case "notify_master", "notify_backup", "notify_fault", "notify_stop", "notify",
            "notify_deleted", "notify_master_rx_lower_pri":
            readNotify(setting, into: &draft.notify)
        default: readTransport(setting, into: &draft)
        }
    }

    private mutating func readState(_ setting: Setting, into draft: inout InstanceDraft) {
        switch setting.value {
        case "MASTER": draft.isMaster = true
        case "BACKUP":
            guard draft.isMaster else { return }
            report.warning(
                setting.location,
                "'state BACKUP' behind 'state MASTER' is not used, as in keepalived",
                mend: "remove one"
            )
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

    /// What becomes of it depends on the version, which may stand below.
    private mutating func readInterval(_ setting: Setting, into draft: inout InstanceDraft) {
        let range = Duration.milliseconds(10)...Duration.seconds(255)
        guard let interval = Number.seconds(setting.value), range.contains(interval) else {
            report.warning(
                setting.location,
                "'advert_int \(setting.value)' is not a time of 0.01 to 255 seconds: 1 second is used, "
                    + "as keepalived does",
                mend: "write 1 to 255"
            )
            return
        }
        draft.interval = (interval, setting.value, setting.location)
    }

    /// `auto`, `off` or an address.
    mutating func gateway(_ setting: Setting) -> GatewayChoice? {
        switch setting.value {
        case "auto": return GatewayChoice(witness: .automatic, location: setting.location)
        case "off": return GatewayChoice(witness: nil, location: setting.location)
        default:
            guard let address = IPAddress(setting.value), address.isUnicast else {
                report.error(
                    setting.location,
                    "'track_gateway \(setting.value)' names no gateway",
                    mend: "expected auto, off, or the address of a router on the link"
                )
                return nil
            }
            return GatewayChoice(witness: .address(address), location: setting.location)
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
        if let type, type.value.lowercased() == "none" { return }
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
        let password = pass.arguments.first?.bytes ?? []
        if password.count > 8 {
            report.warning(
                pass.location,
                "only the first 8 bytes of 'auth_pass' count",
                mend: "write a password of at most 8 bytes"
            )
        }
        let bytes = password.prefix(8)
        draft.password = (
            bytes + Array(repeating: 0, count: 8 - bytes.count), block.location
        )
    }
}
