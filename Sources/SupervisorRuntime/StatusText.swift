import Messages
import Primitives
import Supervision
import VRRP

/// The one sentence that `systemctl status` shows of the supervisor.
enum StatusText {
    static func sentence(
        processes: [LifeCycle],
        routers: [RouterReport],
        last: JournalEntry?,
        at now: Instant,
        wallClock: UInt64
    ) -> String {
        var parts = [processes.map { part(of: $0, at: now) }.joined(separator: ", ")]
        if !routers.isEmpty {
            let names = routers.prefix(4).map { "\($0.state.name) of \($0.name)" }
            let more = routers.count > 4 ? " and \(routers.count - 4) more" : ""
            parts.append(names.joined(separator: ", ") + more)
        }
        if let last {
            let age = wallClock >= last.wallClock ? wallClock - last.wallClock : 0
            parts.append(
                "last decision \(spoken(.nanoseconds(Int64(clamping: age)))) ago, incident "
                    + "\(last.incident): \(last.event): \(last.decision)"
            )
        }
        return parts.joined(separator: "; ")
    }

    private static func part(of process: LifeCycle, at now: Instant) -> String {
        "\(process.name.rawValue) \(process.state.name) for \(spoken(now - process.since))"
    }

    /// In one unit: the sentence is sent only when it changes.
    private static func spoken(_ duration: Duration) -> String {
        let seconds = max(0, duration.milliseconds / 1000)
        if seconds >= 86_400 { return "\(seconds / 86_400) d" }
        if seconds >= 3600 { return "\(seconds / 3600) h" }
        if seconds >= 60 { return "\(seconds / 60) min" }
        return seconds >= 10 ? "\(seconds / 10 * 10) s" : "a few seconds"
    }
}
