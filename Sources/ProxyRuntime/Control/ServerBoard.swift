import CLinux
import Glibc
import HAProxySyntax
import HealthChecks
import LinuxIO
import Primitives

/// All servers of the running plan: looks their names up, checks them, tells the event loops and the log.
struct ServerBoard: ~Copyable {
    /// Tokens of checks in the control thread's poller.
    static let firstToken: UInt64 = 1 << 32
    private static let retryNames: Duration = .seconds(5)

    private(set) var plan: Plan
    private var records: [ServerRecordBox]
    private let channels: [WorkerChannel]
    private let resolver: Resolver
    private var namesAt: Instant?
    /// The servers or their usability changed since the supervisor was told.
    var hasNews = true
    /// A refresh was asked for and is not finished.
    private(set) var isRefreshing = false

    init(
        plan: Plan,
        channels: [WorkerChannel],
        resolver: Resolver,
        carriedOver: [KnownServer],
        at now: Instant
    ) {
        self.plan = plan
        self.channels = channels
        self.resolver = resolver
        var boxes: [ServerRecordBox] = []
        for (backend, section) in plan.backends.enumerated() {
            for (index, line) in section.servers.enumerated() {
                let former = carriedOver.first { $0.isSame(backend: section.name, line) }
                boxes.append(
                    ServerRecordBox(
                        ServerRecord(
                            backend: backend,
                            server: index,
                            line: line,
                            health: former?.health,
                            address: former?.address
                        )
                    )
                )
            }
        }
        records = boxes
        let checked = records.filter { $0.record.line.checked }
        let smallest = checked.map { $0.record.line.interval }.min() ?? .seconds(2)
        for (index, box) in checked.enumerated() {
            box.record.nextCheckAt =
                now + CheckPace.firstDelay(index: index, of: checked.count, smallest: smallest)
        }
        for box in records {
            if let name = box.record.hostName { resolver.ask(name) }
        }
        namesAt = now + Self.retryNames
    }

    /// What a reload carries over.
    var knowledge: [KnownServer] {
        records.map { box in
            KnownServer(
                backend: plan.backends[box.record.backend].name,
                line: box.record.line,
                health: box.record.health,
                address: box.record.address
            )
        }
    }

    var standings: [[ServerStanding]] {
        var all: [[ServerStanding]] = plan.backends.map { _ in [] }
        for box in records { all[box.record.backend].append(box.record.standing) }
        return all
    }

    // MARK: Counting

    var usable: Int { records.count { $0.record.isUsable } }
    var count: Int { records.count }

    /// Backends with servers, and those of them without a usable one.
    var proxies: (all: Int, withoutServer: Int) {
        var all = 0
        var without = 0
        for (index, backend) in plan.backends.enumerated() where !backend.servers.isEmpty {
            all += 1
            if usable(in: index, backup: nil) == 0 { without += 1 }
        }
        return (all, without)
    }

    private func usable(in backend: Int, backup: Bool?) -> Int {
        records.count { box in
            box.record.backend == backend && box.record.isUsable
                && (backup == nil || box.record.line.backup == backup)
        }
    }

    // MARK: Time

    var nextDeadline: Instant? {
        var deadline = namesAt
        for box in records {
            let due = box.record.check == nil ? box.record.nextCheckAt : box.record.checkEnds
            if let due { deadline = min(deadline ?? due, due) }
        }
        return deadline
    }

    mutating func passTime(
        at now: Instant,
        poller: borrowing Poller,
        logs: inout LogWriter
    ) {
        for (index, box) in records.enumerated() {
            if box.record.check != nil {
                if box.record.checkEnds <= now {
                    conclude(box, error: ETIMEDOUT, at: now, logs: &logs)
                }
            } else if let due = box.record.nextCheckAt, due <= now {
                begin(box, index: index, at: now, poller: poller, logs: &logs)
            }
        }
        if let namesAt, namesAt <= now {
            self.namesAt = now + Self.retryNames
            for box in records where !box.record.isUsable {
                if let name = box.record.hostName { resolver.ask(name) }
            }
        }
    }

    /// This node took the VIP: what was known while nobody used it is looked at anew.
    mutating func refresh(at now: Instant) {
        isRefreshing = true
        for box in records {
            if let name = box.record.hostName { resolver.ask(name) }
            guard box.record.line.checked, !box.record.line.disabled else { continue }
            box.record.isRefreshing = true
            if box.record.check == nil { box.record.nextCheckAt = now }
        }
    }

    /// True once, when every check of a refresh has answered.
    mutating func finishesRefresh() -> Bool {
        guard isRefreshing, !records.contains(where: { $0.record.isRefreshing }) else {
            return false
        }
        isRefreshing = false
        return true
    }

    // MARK: Names

    mutating func resolved(_ answer: Resolution, logs: inout LogWriter) {
        for box in records where box.record.hostName == answer.name {
            if let known = box.record.address, answer.addresses.contains(known) { continue }
            guard let address = answer.addresses.first else { continue }
            box.record.address = address
            if box.record.line.checked, box.record.check == nil { box.record.nextCheckAt = .zero }
            publish(box, reason: "resolved to \(address)", check: nil, logs: &logs)
            tell(box)
        }
    }

    // MARK: Checks

    private func begin(
        _ box: ServerRecordBox,
        index: Int,
        at now: Instant,
        poller: borrowing Poller,
        logs: inout LogWriter
    ) {
        guard !box.record.line.disabled, var target = box.record.checkAddress else {
            box.record.isRefreshing = false
            box.record.nextCheckAt = now + box.record.line.interval
            return
        }
        box.record.checkBegan = now
        let backend = plan.backends[box.record.backend]
        let interval = box.record.line.interval
        let connect = Duration.milliseconds(Int64(backend.connectTimeout))
        let limit =
            backend.checkTimeout == nil || backend.connectTimeout == 0
            ? interval : min(connect, interval)
        box.record.checkEnds = now + limit
        let raw = tandem_stream_socket(Int32(target.family))
        guard raw >= 0 else {
            concludeWithoutSocket(box, error: -raw, at: now)
            return
        }
        let socket = FileDescriptor(owning: raw)
        let result = unsafe tandem_connect_to(raw, &target)
        box.record.check = consume socket
        guard result == -EINPROGRESS else {
            concludeNow(box, error: -result, at: now, logs: &logs)
            return
        }
        do throws(SystemCallError) {
            try poller.add(raw, token: Self.firstToken + UInt64(index), for: .writable)
        } catch {
            concludeWithoutSocket(box, error: error.errno, at: now)
        }
    }

    /// This node's own shortage says nothing of the server.
    private func concludeWithoutSocket(_ box: ServerRecordBox, error: Int32, at now: Instant) {
        box.record.check = nil
        box.record.isRefreshing = false
        box.record.nextCheckAt = now + box.record.line.interval
    }

    mutating func ready(token: UInt64, at now: Instant, logs: inout LogWriter) {
        let index = Int(token - Self.firstToken)
        guard index < records.count, let raw = records[index].descriptor else { return }
        conclude(records[index], error: tandem_socket_error(raw), at: now, logs: &logs)
    }

    private mutating func conclude(
        _ box: ServerRecordBox,
        error: Int32,
        at now: Instant,
        logs: inout LogWriter
    ) {
        concludeNow(box, error: error, at: now, logs: &logs)
    }

    private func concludeNow(
        _ box: ServerRecordBox,
        error: Int32,
        at now: Instant,
        logs: inout LogWriter
    ) {
        if let raw = box.descriptor, error == 0 { tandem_reset(box.release() ?? raw) }
        box.record.check = nil
        box.record.isRefreshing = false
        let change = box.record.health.record(succeeded: error == 0)
        box.record.nextCheckAt = now + box.record.pace.delay(after: box.record.health)
        let check = CheckOutcome(error: error, took: now - box.record.checkBegan)
        if plan.backends[box.record.backend].logsHealthChecks {
            logCheck(box, check, logs: &logs)
        }
        guard change != nil else { return }
        if change == .wentUp { box.record.upSince = now.nanoseconds / 1_000_000 }
        publish(box, reason: check.reason, check: check, logs: &logs)
        tell(box)
        if change == .wentUp, !box.record.line.backup,
            box.record.line.shutdownBackupSessionsWhenUp
        {
            for channel in channels {
                channel.post(
                    .shutDownBackups(generation: plan.generation, backend: box.record.backend)
                )
            }
        }
        if change == .wentDown, box.record.line.shutdownSessionsWhenDown {
            for channel in channels {
                channel.post(
                    .shutDown(
                        generation: plan.generation,
                        backend: box.record.backend,
                        server: box.record.server
                    )
                )
            }
        }
    }

    private func tell(_ box: ServerRecordBox) {
        for channel in channels {
            channel.post(
                .server(
                    generation: plan.generation,
                    backend: box.record.backend,
                    server: box.record.server,
                    box.record.standing
                )
            )
        }
    }

    // MARK: Log

    /// HAProxy's words, which log watchers know.
    private func publish(
        _ box: ServerRecordBox,
        reason: String,
        check: CheckOutcome?,
        logs: inout LogWriter
    ) {
        let isUsable = box.record.isUsable
        guard isUsable != box.record.wasUsable else { return }
        box.record.wasUsable = isUsable
        box.hasNews = true
        let backend = plan.backends[box.record.backend]
        let active = usable(in: box.record.backend, backup: false)
        let backups = usable(in: box.record.backend, backup: true)
        let name = "\(backend.name)/\(box.record.line.name)"
        let detail = check.map { "\($0.description). " } ?? "\(reason). "
        if isUsable {
            logs.send(
                "Server \(name) is UP, reason: \(detail)\(active) active and \(backups) backup servers "
                    + "online. 0 sessions requeued, 0 total in queue.",
                level: .notice,
                to: backend.logs
            )
        } else {
            logs.send(
                "Server \(name) is DOWN, reason: \(detail)\(active) active and \(backups) backup servers "
                    + "left. 0 sessions active, 0 requeued, 0 remaining in queue.",
                level: .alert,
                to: backend.logs
            )
            if active + backups == 0 {
                logs.send(
                    "proxy \(backend.name) has no server available!",
                    level: .emergency,
                    to: backend.logs
                )
            }
        }
    }

    private func logCheck(_ box: ServerRecordBox, _ check: CheckOutcome, logs: inout LogWriter) {
        let backend = plan.backends[box.record.backend]
        let word = check.error == 0 ? "succeeded" : "failed"
        logs.send(
            "Health check for server \(backend.name)/\(box.record.line.name) \(word), reason: \(check), "
                + "status: \(box.record.health.summary).",
            level: .notice,
            to: backend.logs
        )
    }

    /// Takes the news out: whether the supervisor has to be told.
    mutating func takeNews() -> Bool {
        var news = hasNews
        hasNews = false
        for box in records where box.hasNews {
            box.hasNews = false
            news = true
        }
        return news
    }
}

/// Health and address of a server before a reload.
struct KnownServer {
    var backend: String
    var line: ServerLine
    var health: ServerHealth
    var address: IPAddress?

    /// The configuration wins where it changed: what was learned of another address is worth nothing.
    func isSame(backend: String, _ other: ServerLine) -> Bool {
        self.backend == backend && line.name == other.name && line.host == other.host
            && line.port == other.port && line.rise == other.rise && line.fall == other.fall
    }
}

/// What one check came to, in HAProxy's words.
struct CheckOutcome: CustomStringConvertible {
    var error: Int32
    var took: Duration

    var reason: String {
        switch error {
        case 0: "Layer4 check passed"
        case ETIMEDOUT: "Layer4 timeout"
        default: "Layer4 connection problem"
        }
    }

    var description: String {
        let info = error == 0 || error == ETIMEDOUT ? "" : ", info: \"\(errorText(error))\""
        return "\(reason)\(info), check duration: \(took.milliseconds)ms"
    }
}

/// Holds a record, which owns a descriptor and so can't be an array's element.
final class ServerRecordBox {
    var record: ServerRecord
    var hasNews = false

    init(_ record: consuming ServerRecord) {
        self.record = record
    }

    /// The socket of the check that is on its way.
    var descriptor: Int32? {
        switch record.check {
        case .some(let socket): socket.rawValue
        case .none: nil
        }
    }

    func release() -> Int32? {
        guard let socket = record.check.take() else { return nil }
        return socket.relinquish()
    }
}
