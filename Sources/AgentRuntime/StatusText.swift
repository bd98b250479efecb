import Primitives
import VRRP

/// The one sentence that `systemctl status` shows.
enum StatusText {
    static func sentence(of routers: [VirtualRouter], at now: Instant) -> String {
        guard !routers.isEmpty else { return "no virtual router is configured" }
        let parts = routers.prefix(4).map { part(of: $0, at: now) }
        let more = routers.count > 4 ? ". And \(routers.count - 4) more" : ""
        return parts.joined(separator: ". ") + more
    }

    private static func part(of router: VirtualRouter, at now: Instant) -> String {
        let state = router.visibleState
        var text = "\(state.name) of \(router.settings.name) for \((now - router.since).spoken)"
        switch state {
        case .active:
            let addresses = router.settings.addresses.prefix(3).map { "\($0.prefix.address)" }
            text += ", " + addresses.joined(separator: " ")
            if router.settings.addresses.count > 3 { text += " …" }
        case .fault:
            if let cause = router.faults.first { text += ": \(cause.sentence)" }
        case .backup, .initialize: break
        }
        if let heard = router.heard {
            text += "; peer \(heard.address) last heard \((now - heard.at).spoken) ago"
        }
        return text
    }
}
