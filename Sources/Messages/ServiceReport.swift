import Primitives

/// How well a backend or a server can serve.
package struct ServiceReport: Equatable, Sendable {
    /// The last check of a server that has ended.
    package struct Check: Equatable, Sendable {
        package enum Result: UInt8, Sendable {
            /// None has ended yet.
            case none = 0
            /// HAProxy's L4OK.
            case passed = 1
            /// L4CON
            case connectionProblem = 2
            /// L4TOUT
            case timedOut = 3
            /// `observe`: sessions have failed.
            case observed = 4
        }

        package var result: Result
        /// The system's words for a problem; else empty.
        package var text: String
        package var durationMilliseconds: UInt32
        /// Since it ended.
        package var ageMilliseconds: UInt64
        /// HAProxy's `check_health`: up from `rise` on, `rise + fall - 1` at most.
        package var health: UInt16
        package var rise: UInt16
        package var fall: UInt16
        /// Checks that failed while the server was up.
        package var failures: UInt64

        package init(
            result: Result,
            text: String,
            durationMilliseconds: UInt32,
            ageMilliseconds: UInt64,
            health: UInt16,
            rise: UInt16,
            fall: UInt16,
            failures: UInt64
        ) {
            self.result = result
            self.text = text
            self.durationMilliseconds = durationMilliseconds
            self.ageMilliseconds = ageMilliseconds
            self.health = health
            self.rise = rise
            self.fall = fall
            self.failures = failures
        }
    }

    /// A server's own, or the sum of a backend's usable servers; with `slowstart` what counts of it now.
    package var weight: UInt32
    package var activeServers: UInt16
    package var backupServers: UInt16
    /// A server of which others are preferred.
    package var isBackup: Bool
    /// Since it went up or down.
    package var stateMilliseconds: UInt64
    package var downMilliseconds: UInt64
    /// How often it went down.
    package var timesDown: UInt32
    /// Since a session last went there; nil: never.
    package var lastSessionMilliseconds: UInt64?
    /// Of a server; empty: not known. Of a backend the algorithm.
    package var address: String
    /// `track`: the server that it follows, `backend/server`; empty: none.
    package var tracked: String
    /// Nil: a backend, or a server that is not checked.
    package var check: Check?

    package init(
        weight: UInt32,
        activeServers: UInt16,
        backupServers: UInt16,
        isBackup: Bool,
        stateMilliseconds: UInt64,
        downMilliseconds: UInt64,
        timesDown: UInt32,
        lastSessionMilliseconds: UInt64?,
        address: String,
        tracked: String,
        check: Check?
    ) {
        self.weight = weight
        self.activeServers = activeServers
        self.backupServers = backupServers
        self.isBackup = isBackup
        self.stateMilliseconds = stateMilliseconds
        self.downMilliseconds = downMilliseconds
        self.timesDown = timesDown
        self.lastSessionMilliseconds = lastSessionMilliseconds
        self.address = address
        self.tracked = tracked
        self.check = check
    }

    func encode(into writer: inout ByteWriter) {
        writer.littleEndian(weight)
        writer.littleEndian(activeServers)
        writer.littleEndian(backupServers)
        writer.flag(isBackup)
        writer.littleEndian(stateMilliseconds)
        writer.littleEndian(downMilliseconds)
        writer.littleEndian(timesDown)
        writer.flag(lastSessionMilliseconds != nil)
        if let lastSessionMilliseconds { writer.littleEndian(lastSessionMilliseconds) }
        writer.text(address, limit: 64)
        writer.text(tracked, limit: 512)
        writer.flag(check != nil)
        check?.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        weight = try reader.littleEndian()
        activeServers = try reader.littleEndian()
        backupServers = try reader.littleEndian()
        isBackup = try reader.flag()
        stateMilliseconds = try reader.littleEndian()
        downMilliseconds = try reader.littleEndian()
        timesDown = try reader.littleEndian()
        if try reader.flag() {
            let value: UInt64 = try reader.littleEndian()
            lastSessionMilliseconds = value
        } else {
            lastSessionMilliseconds = nil
        }
        address = try reader.text()
        tracked = try reader.text()
        check = try reader.flag() ? try Check(from: &reader) : nil
    }
}

extension ServiceReport.Check {
    fileprivate func encode(into writer: inout ByteWriter) {
        writer.byte(result.rawValue)
        writer.text(text, limit: 128)
        writer.littleEndian(durationMilliseconds)
        writer.littleEndian(ageMilliseconds)
        writer.littleEndian(health)
        writer.littleEndian(rise)
        writer.littleEndian(fall)
        writer.littleEndian(failures)
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        result = try reader.choice("result of a check")
        text = try reader.text()
        durationMilliseconds = try reader.littleEndian()
        ageMilliseconds = try reader.littleEndian()
        health = try reader.littleEndian()
        rise = try reader.littleEndian()
        fall = try reader.littleEndian()
        failures = try reader.littleEndian()
    }
}
