package import Primitives

/// The broken-down local time of an accept, with its milliseconds.
package struct LocalTime: Equatable, Sendable {
    package var year: Int
    /// 1 to 12.
    package var month: Int
    package var day: Int
    package var hour: Int
    package var minute: Int
    package var second: Int
    package var millisecond: Int

    package init(
        year: Int,
        month: Int,
        day: Int,
        hour: Int,
        minute: Int,
        second: Int,
        millisecond: Int
    ) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        self.millisecond = millisecond
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private var monthName: String {
        (1...12).contains(month) ? Self.months[month - 1] : "Jan"
    }

    private func padded(_ number: Int, _ width: Int = 2, with fill: Character = "0") -> String {
        let digits = String(number)
        return String(repeating: fill, count: max(0, width - digits.count)) + digits
    }

    /// `23/Nov/2026:03:20:54.629`.
    package var logDate: String {
        "\(padded(day))/\(monthName)/\(year):\(padded(hour)):\(padded(minute)):\(padded(second))"
            + ".\(padded(millisecond, 3))"
    }

    /// `2026-11-23T03:20:54.629`, local.
    package var isoDate: String {
        "\(year)-\(padded(month))-\(padded(day))T\(padded(hour)):\(padded(minute)):\(padded(second))"
            + ".\(padded(millisecond, 3))"
    }

    /// `Nov  3 03:20:54`, as RFC 3164 §4.1.2 has it.
    package var syslogDate: String {
        "\(monthName) \(padded(day, with: " ")) \(padded(hour)):\(padded(minute)):\(padded(second))"
    }
}

/// All that a log line tells of one session.
package struct SessionRecord: Equatable, Sendable {
    package var client: IPAddress
    package var clientPort: UInt16
    package var accepted: LocalTime
    package var frontend: String
    package var backend: String
    /// Nil: `<NOSRV>`.
    package var server: String?
    /// Milliseconds; -1: not reached.
    package var waitTime: Int
    package var connectTime: Int
    package var totalTime: Int
    /// From the server to the client.
    package var bytes: UInt64
    package var termination: Termination
    package var processConnections: Int
    package var frontendConnections: Int
    package var backendConnections: Int
    package var serverConnections: Int
    package var retries: Int
    package var wasRedispatched: Bool
    package var serverQueue: Int
    package var backendQueue: Int
    /// `option logasap`: the session goes on, so time and bytes are not final.
    package var isEarly: Bool

    package init(
        client: IPAddress,
        clientPort: UInt16,
        accepted: LocalTime,
        frontend: String,
        backend: String,
        server: String?,
        waitTime: Int,
        connectTime: Int,
        totalTime: Int,
        bytes: UInt64,
        termination: Termination,
        processConnections: Int,
        frontendConnections: Int,
        backendConnections: Int,
        serverConnections: Int,
        retries: Int,
        wasRedispatched: Bool,
        serverQueue: Int = 0,
        backendQueue: Int = 0,
        isEarly: Bool = false
    ) {
        self.client = client
        self.clientPort = clientPort
        self.accepted = accepted
        self.frontend = frontend
        self.backend = backend
        self.server = server
        self.waitTime = waitTime
        self.connectTime = connectTime
        self.totalTime = totalTime
        self.bytes = bytes
        self.termination = termination
        self.processConnections = processConnections
        self.frontendConnections = frontendConnections
        self.backendConnections = backendConnections
        self.serverConnections = serverConnections
        self.retries = retries
        self.wasRedispatched = wasRedispatched
        self.serverQueue = serverQueue
        self.backendQueue = backendQueue
        self.isEarly = isEarly
    }

    /// `option tcplog` (HAProxy configuration manual §8.2.2).
    package var tcpLogLine: String {
        let early = isEarly ? "+" : ""
        let redispatch = wasRedispatched ? "+" : ""
        return "\(client):\(clientPort) [\(accepted.logDate)] \(frontend) "
            + "\(backend)/\(server ?? "<NOSRV>") \(waitTime)/\(connectTime)/\(early)\(totalTime) \(early)\(bytes) "
            + "\(termination) \(processConnections)/\(frontendConnections)/\(backendConnections)/"
            + "\(serverConnections)/\(redispatch)\(retries) \(serverQueue)/\(backendQueue)"
    }
}
