import Messages
import Supervision
import VRRP

/// The three columns of supervisorctl's `status`: name, state, and what is worth knowing.
package enum StatusTable {
    /// `now` is nanoseconds since 1970; from it follows when a stopped process stopped.
    package static func lines(_ answer: StatusAnswer, now: UInt64) -> [String] {
        let names = answer.processes.map(\.name) + answer.routers.map(\.name)
        // supervisorctl: the longest name, at least 30, and three spaces.
        let width = max(30, names.map(\.count).max() ?? 0) + 3
        return answer.results.filter { $0.outcome != .done }.map(\.line)
            + answer.processes.map { process in
                row(process.name, process.state.name, description(process, now: now), width)
            }
            + answer.routers.map { router in
                row(router.name, router.state.name, description(router), width)
            }
    }

    private static func row(_ name: String, _ state: String, _ text: String, _ width: Int) -> String
    {
        let padded = pad(name, width) + pad(state, 10) + text
        return String(padded.reversed().drop { $0 == " " }.reversed())
    }

    /// supervisord's description of each state.
    static func description(_ process: ProcessReport, now: UInt64) -> String {
        let began = now - min(now, process.uptimeMilliseconds &* 1_000_000)
        switch process.state {
        case .running:
            let uptime = TimeText.uptime(milliseconds: process.uptimeMilliseconds)
            let restarts = process.restarts == 0 ? "" : ", restarts \(process.restarts)"
            let detail = process.detail.isEmpty ? "" : ", \(process.detail)"
            return "pid \(process.pid), uptime \(uptime)\(restarts)\(detail)"
        case .stopped, .exited:
            let detail = process.detail.isEmpty ? "" : ", \(process.detail)"
            return TimeText.short(began) + detail
        case .backoff:
            return process.detail.isEmpty
                ? "Exited too quickly (process log may have details)" : process.detail
        case .fatal:
            return process.detail.isEmpty
                ? "unknown error (try \"tail \(process.name)\")" : process.detail
        case .starting, .stopping, .unknown:
            return process.detail
        }
    }

    /// What a virtual router is, since when, and who else was heard.
    static func description(_ router: RouterReport) -> String {
        var parts = [
            "\(router.interface) vrid \(router.virtualRouterID)",
            "priority \(router.priority) (base \(router.basePriority))",
            router.addresses.joined(separator: " "),
            "since \(TimeText.short(router.since))",
        ]
        if let peer = router.peer {
            let seconds = router.peerHeardMillisecondsAgo / 1000
            parts.append("peer \(peer) priority \(router.peerPriority) heard \(seconds) s ago")
        } else if router.state == .active || router.state == .backup {
            parts.append("no other router was ever heard")
        }
        if router.dropped > 0 { parts.append("dropped packets \(router.dropped)") }
        return parts.filter { !$0.isEmpty }.joined(separator: ", ")
    }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
