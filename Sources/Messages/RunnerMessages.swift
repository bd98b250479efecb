package import Primitives

/// What the agent's script runner accepts from the agent: it runs what it is told, as whom it is told, and
/// judges nothing.
package enum AgentToRunner: LinkMessage {
    /// Run this check again and again from now on; it replaces one of the same name.
    case check(CheckOrder)
    /// Run the check of this name no more.
    case forget(name: String)
    /// Run a notify program, after those that were ordered before.
    case notify(NotifyOrder)
    /// Keep this program running: the one of a notify FIFO. It replaces one of the same name.
    case keep(name: String, ProgramOrder)
    /// End the program that was kept by this name.
    case release(name: String)
    /// Stop all checks, run the notify programs that are left, and end.
    case finish

    /// A program is kept by the path of its FIFO.
    package static let pathLimit = 256

    package var kind: UInt16 {
        switch self {
        case .check: 1
        case .forget: 2
        case .notify: 3
        case .finish: 4
        case .keep: 5
        case .release: 6
        }
    }

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .check(let order): order.encode(into: &writer)
        case .forget(let name): writer.text(name, limit: 64)
        case .keep(let name, let program):
            writer.text(name, limit: Self.pathLimit)
            program.encode(into: &writer)
        case .release(let name): writer.text(name, limit: Self.pathLimit)
        case .notify(let order): order.encode(into: &writer)
        case .finish: break
        }
    }

    package static func decode(
        kind: UInt16,
        from reader: inout ByteReader
    ) throws(DecodeError) -> AgentToRunner? {
        switch kind {
        case 1: .check(try CheckOrder(from: &reader))
        case 2: .forget(name: try reader.text())
        case 3: .notify(try NotifyOrder(from: &reader))
        case 4: .finish
        case 5: .keep(name: try reader.text(), try ProgramOrder(from: &reader))
        case 6: .release(name: try reader.text())
        default: nil
        }
    }
}

/// What the agent accepts from its script runner.
package enum RunnerToAgent: LinkMessage {
    /// The runner is ready; `privileges` is the set of capabilities that it holds.
    case ready(pid: UInt32, privileges: UInt64)
    case checked(CheckResult)
    /// A notify program has ended, or was superseded by a newer state's.
    case notified(router: String, outcome: ProgramOutcome)
    /// A program that is kept has ended, and is started again.
    case ended(name: String, outcome: ProgramOutcome)

    package var kind: UInt16 {
        switch self {
        case .ready: 1
        case .checked: 2
        case .notified: 3
        case .ended: 4
        }
    }

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .ready(let pid, let privileges):
            writer.littleEndian(pid)
            writer.littleEndian(privileges)
        case .checked(let result): result.encode(into: &writer)
        case .notified(let router, let outcome):
            writer.text(router, limit: 64)
            outcome.encode(into: &writer)
        case .ended(let name, let outcome):
            writer.text(name, limit: AgentToRunner.pathLimit)
            outcome.encode(into: &writer)
        }
    }

    package static func decode(
        kind: UInt16,
        from reader: inout ByteReader
    ) throws(DecodeError) -> RunnerToAgent? {
        switch kind {
        case 1:
            .ready(pid: try reader.littleEndian(), privileges: try reader.littleEndian())
        case 2: .checked(try CheckResult(from: &reader))
        case 3: .notified(router: try reader.text(), outcome: try ProgramOutcome(from: &reader))
        case 4: .ended(name: try reader.text(), outcome: try ProgramOutcome(from: &reader))
        default: nil
        }
    }
}

/// A program with its arguments and whom it runs as.
package struct ProgramOrder: Equatable, Sendable {
    /// The program and its arguments.
    package var arguments: [String]
    package var user: String
    /// Empty: the user's own.
    package var group: String

    package static let argumentLimit = 64
    package static let argumentSize = 1024
    /// All arguments together, in bytes.
    package static let totalSize = 3000

    package init(arguments: [String], user: String, group: String = "") {
        self.arguments = arguments
        self.user = user
        self.group = group
    }

    /// False for a command line that a frame can't hold: it must not be sent, as it would be cut.
    package var fits: Bool {
        arguments.count <= Self.argumentLimit
            && arguments.allSatisfy { $0.utf8.count <= Self.argumentSize }
            && arguments.reduce(0) { $0 + $1.utf8.count } <= Self.totalSize
    }

    func encode(into writer: inout ByteWriter) {
        writer.texts(arguments, limit: Self.argumentLimit, each: Self.argumentSize)
        writer.text(user, limit: 64)
        writer.text(group, limit: 64)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        arguments = try reader.texts(limit: Self.argumentLimit)
        user = try reader.text()
        group = try reader.text()
    }
}

/// A `vrrp_script` to be run at an interval.
package struct CheckOrder: Equatable, Sendable {
    package var name: String
    package var program: ProgramOrder
    /// Whole milliseconds, from start to start.
    package var interval: Duration
    /// Whole milliseconds until it is ended and counts as failed.
    package var timeLimit: Duration
    /// Results tell which order they are of: one of a former order may be on its way when the next is given.
    package var serial: UInt64

    package init(
        name: String,
        program: ProgramOrder,
        interval: Duration,
        timeLimit: Duration,
        serial: UInt64 = 0
    ) {
        self.name = name
        self.program = program
        self.interval = interval
        self.timeLimit = timeLimit
        self.serial = serial
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(name, limit: 64)
        program.encode(into: &writer)
        writer.milliseconds(interval)
        writer.milliseconds(timeLimit)
        writer.littleEndian(serial)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        name = try reader.text()
        program = try ProgramOrder(from: &reader)
        interval = try reader.milliseconds()
        timeLimit = try reader.milliseconds()
        serial = try reader.littleEndian()
    }
}

/// A notify program of one state of one router or group.
package struct NotifyOrder: Equatable, Sendable {
    /// What it tells of. A router and a group may have one name, and a rival is no state.
    package enum Subject: UInt8, Sendable {
        case instance = 1
        case group = 2
        case rival = 3
    }

    /// The name of the router or group.
    package var router: String
    /// Grows with every change of state: a newer one takes the place of older ones of the same name and
    /// subject that have not begun.
    package var serial: UInt64
    package var program: ProgramOrder
    package var subject: Subject
    /// Whole milliseconds until it is ended.
    package var timeLimit: Duration

    package init(
        router: String,
        serial: UInt64,
        program: ProgramOrder,
        subject: Subject = .instance,
        timeLimit: Duration = .seconds(30)
    ) {
        self.router = router
        self.serial = serial
        self.program = program
        self.subject = subject
        self.timeLimit = timeLimit
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(router, limit: 64)
        writer.littleEndian(serial)
        program.encode(into: &writer)
        writer.byte(subject.rawValue)
        writer.milliseconds(timeLimit)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        router = try reader.text()
        serial = try reader.littleEndian()
        program = try ProgramOrder(from: &reader)
        let raw = try reader.byte()
        guard let subject = Subject(rawValue: raw) else {
            throw .invalid(field: "subject", value: UInt64(raw))
        }
        self.subject = subject
        timeLimit = try reader.milliseconds()
    }
}

/// One run of a check.
package struct CheckResult: Equatable, Sendable {
    package var name: String
    package var outcome: ProgramOutcome
    package var milliseconds: UInt32
    /// The order's.
    package var serial: UInt64

    package init(name: String, outcome: ProgramOutcome, milliseconds: UInt32, serial: UInt64 = 0) {
        self.name = name
        self.outcome = outcome
        self.milliseconds = milliseconds
        self.serial = serial
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(name, limit: 64)
        outcome.encode(into: &writer)
        writer.littleEndian(milliseconds)
        writer.littleEndian(serial)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        name = try reader.text()
        outcome = try ProgramOutcome(from: &reader)
        milliseconds = try reader.littleEndian()
        serial = try reader.littleEndian()
    }
}

/// What became of a program.
package enum ProgramOutcome: Equatable, Sendable {
    case exited(UInt8)
    case signalled(UInt8)
    /// It ran longer than it may and was ended.
    case timedOut
    /// It did not begin, for this reason.
    case notStarted(String)
    /// A newer order took its place before it began.
    case superseded
    /// Too many orders waited.
    case crowdedOut

    package var succeeded: Bool { self == .exited(0) }

    func encode(into writer: inout ByteWriter) {
        switch self {
        case .exited(let status):
            writer.byte(1)
            writer.byte(status)
        case .signalled(let number):
            writer.byte(2)
            writer.byte(number)
        case .timedOut: writer.byte(3)
        case .notStarted(let reason):
            writer.byte(4)
            writer.text(reason)
        case .superseded: writer.byte(5)
        case .crowdedOut: writer.byte(6)
        }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        let tag = try reader.byte()
        switch tag {
        case 1: self = .exited(try reader.byte())
        case 2: self = .signalled(try reader.byte())
        case 3: self = .timedOut
        case 4: self = .notStarted(try reader.text())
        case 5: self = .superseded
        case 6: self = .crowdedOut
        default: throw .invalid(field: "outcome", value: UInt64(tag))
        }
    }
}

extension ProgramOutcome: CustomStringConvertible {
    package var description: String {
        switch self {
        case .exited(let status): "exit status \(status)"
        case .signalled(let number): "killed by signal \(number)"
        case .timedOut: "ended at its time limit"
        case .notStarted(let reason): "not started: \(reason)"
        case .superseded: "left out: a newer state came"
        case .crowdedOut: "left out: too many notify programs wait"
        }
    }
}
