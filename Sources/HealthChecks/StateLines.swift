/// What the state lines say of a server's backend.
package struct BackendTally: Equatable, Sendable {
    package var active: Int
    package var backup: Int
    package var sessions: Int
    package var requeued: Int
    package var queued: Int

    package init(
        active: Int,
        backup: Int,
        sessions: Int = 0,
        requeued: Int = 0,
        queued: Int = 0
    ) {
        self.active = active
        self.backup = backup
        self.sessions = sessions
        self.requeued = requeued
        self.queued = queued
    }

    private var onBackup: String { active == 0 && backup > 0 ? " Running on backup." : "" }

    var left: String {
        "\(active) active and \(backup) backup servers left.\(onBackup) "
            + "\(sessions) sessions active, \(requeued) requeued, \(queued) remaining in queue."
    }

    var online: String {
        "\(active) active and \(backup) backup servers online.\(onBackup) "
            + "\(requeued) sessions requeued, \(queued) total in queue."
    }
}

/// A line of HAProxy's log about a server or a proxy, with its syslog level.
package struct StateLine: Equatable, Sendable {
    package enum Level: UInt8, Sendable {
        case emergency = 0
        case alert = 1
        case error = 3
        case warning = 4
        case notice = 5
        case info = 6
    }

    package var level: Level
    package var text: String
    /// `backend/server`, or the proxy that has none.
    package var subject: String

    package init(_ level: Level, _ text: String, of subject: String) {
        self.level = level
        self.text = text
        self.subject = subject
    }

    /// `server` is `backend/server`. `reason` is nil with `option log-health-checks`, whose own line has it.
    package static func down(server: String, reason: String?, _ tally: BackendTally) -> StateLine {
        StateLine(
            .alert,
            "Server \(server) is DOWN" + (reason.map { ", reason: \($0)" } ?? "")
                + ". \(tally.left)",
            of: server
        )
    }

    package static func up(server: String, reason: String?, _ tally: BackendTally) -> StateLine {
        StateLine(
            .notice,
            "Server \(server) is UP" + (reason.map { ", reason: \($0)" } ?? "")
                + ". \(tally.online)",
            of: server
        )
    }

    /// A server that tracks another one, `via`, follows it.
    package static func followed(
        server: String,
        via tracked: String,
        isUp: Bool,
        _ tally: BackendTally
    ) -> StateLine {
        StateLine(
            isUp ? .notice : .alert,
            "Server \(server) is \(isUp ? "UP" : "DOWN") via \(tracked). "
                + (isUp ? tally.online : tally.left),
            of: server
        )
    }

    package static func maintenance(server: String, why: String, _ tally: BackendTally) -> StateLine
    {
        StateLine(
            .alert,
            "Server \(server) is going DOWN for maintenance (\(why)). \(tally.left)",
            of: server
        )
    }

    package static func resolved(
        server: String,
        address: String,
        _ tally: BackendTally
    ) -> StateLine {
        StateLine(
            .notice,
            "Server \(server) is UP/READY (resolves again to \(address)). \(tally.online)",
            of: server
        )
    }

    package static func addressChanged(
        server: String,
        from old: String,
        to new: String
    ) -> StateLine {
        StateLine(
            .warning,
            "\(server) changed its IP from \(old) to \(new) by the system's resolver.",
            of: server
        )
    }

    package static func noServer(proxy: String) -> StateLine {
        StateLine(.emergency, "proxy \(proxy) has no server available!", of: proxy)
    }

    /// `option log-health-checks`: every answer that moved the count.
    package static func check(
        server: String,
        isBackup: Bool,
        _ outcome: CheckOutcome,
        _ health: ServerHealth
    ) -> StateLine {
        let kind = isBackup ? "backup server" : "server"
        let word = outcome.hasPassed ? "succeeded" : "failed"
        return StateLine(
            .notice,
            "Health check for \(kind) \(server) \(word), reason: \(outcome.reason), "
                + "status: \(health.description).",
            of: server
        )
    }
}
