import CLinux
import Glibc
import LinuxIO
package import Primitives
import Synchronization

/// A client that opens a connection every 5 ms, asks a question and waits 200 ms for the answer.
package final class Probe: Sendable {
    package enum Outcome: Sendable, Equatable {
        /// The line that the backend sent.
        case answered(String)
        case refused
        case timedOut
        /// Connected, and closed or reset before an answer.
        case broken
        /// The kernel knew no way, such as no answer to ARP.
        case unreachable(Int32)
    }

    package struct Attempt: Sendable {
        package var begun: Instant
        package var ended: Instant
        package var outcome: Outcome
    }

    static let interval = Duration.milliseconds(5)
    static let limit = Duration.milliseconds(200)

    private let attempts = Mutex<[Attempt]>([])
    private let stopping = Mutex(false)
    private let thread: Mutex<Thread?> = Mutex(nil)

    init(in namespace: Namespace, to address: IPv4Address, port: UInt16) throws {
        let path = namespace.path
        let started = try Thread { [self] in
            guard (try? join(path)) != nil else { return }
            var asking: [Question] = []
            var next = Clock.now
            while !stopping.withLock({ $0 }) {
                let now = Clock.now
                if now >= next {
                    asking.append(Question(to: address, port: port, at: now))
                    next = max(next + Self.interval, now)
                }
                turn(&asking, until: next)
            }
            for question in asking where question.descriptor >= 0 { _ = close(question.descriptor) }
        }
        thread.withLock { $0 = started }
    }

    func stop() {
        stopping.withLock { $0 = true }
        thread.withLock { running in
            running?.join()
            running = nil
        }
    }

    private func turn(_ asking: inout [Question], until next: Instant) {
        var ready = asking.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
        let wait = max(0, (next - Clock.now).milliseconds)
        poll(&ready, nfds_t(ready.count), Int32(clamping: wait))
        let now = Clock.now
        for index in asking.indices {
            if ready[index].revents != 0 { asking[index].proceed() }
            if asking[index].outcome == nil, now - asking[index].begun > Self.limit {
                asking[index].outcome = .timedOut
            }
            if let outcome = asking[index].outcome, !asking[index].reported {
                asking[index].reported = true
                let attempt = Attempt(begun: asking[index].begun, ended: now, outcome: outcome)
                attempts.withLock { $0.append(attempt) }
            }
        }
        asking.removeAll { question in
            guard question.reported else { return false }
            // Who closes first keeps the port for a minute: that shall be the other end.
            guard question.isOver || now - question.begun > Self.limit else { return false }
            if question.descriptor >= 0 { _ = close(question.descriptor) }
            return true
        }
    }

    /// The attempts that began between two instants.
    package func attempts(from begin: Instant, to end: Instant = Clock.now) -> [Attempt] {
        attempts.withLock { $0.filter { $0.begun >= begin && $0.begun <= end } }
    }

    /// What happened between two instants, in numbers.
    package func summary(from begin: Instant, to end: Instant = Clock.now) -> ProbeSummary {
        ProbeSummary(attempts(from: begin, to: end), from: begin, to: end)
    }

    /// When the first attempt that began after `instant` was answered; nil: not yet.
    package func firstAnswer(after instant: Instant) -> Instant? {
        attempts.withLock { all in
            all.first { attempt in
                guard attempt.begun >= instant, case .answered = attempt.outcome else {
                    return false
                }
                return true
            }?.ended
        }
    }
}

/// The attempts of a stretch of time, counted.
package struct ProbeSummary: Sendable, CustomStringConvertible {
    package private(set) var attempts = 0
    package private(set) var answered = 0
    package private(set) var refused = 0
    package private(set) var timedOut = 0
    package private(set) var broken = 0
    package private(set) var unreachable = 0
    /// The longest time without an answer.
    package private(set) var outage = Duration.zero
    /// The different answers, in the order in which they first came.
    package private(set) var answers: [String] = []

    init(_ all: [Probe.Attempt], from begin: Instant, to end: Instant) {
        var last = begin
        for attempt in all.sorted(by: { $0.ended < $1.ended }) {
            attempts += 1
            switch attempt.outcome {
            case .answered(let line):
                answered += 1
                if !answers.contains(line) { answers.append(line) }
                outage = max(outage, attempt.ended - last)
                last = attempt.ended
            case .refused: refused += 1
            case .timedOut: timedOut += 1
            case .broken: broken += 1
            case .unreachable: unreachable += 1
            }
        }
        outage = max(outage, end - last)
    }

    package var description: String {
        "outage \(text(outage)); \(attempts) attempts: \(answered) answered, \(refused) refused, "
            + "\(timedOut) timed out, \(broken) broken, \(unreachable) unreachable"
    }
}

/// One connection of the probe.
private struct Question {
    let begun: Instant
    private(set) var descriptor: Int32
    var outcome: Probe.Outcome?
    var reported = false
    /// The other end has closed, or there is no connection.
    private(set) var isOver = false
    private var connected = false
    private var received: [UInt8] = []

    var events: Int16 { connected ? Int16(POLLIN) : Int16(POLLOUT) }

    init(to address: IPv4Address, port: UInt16, at now: Instant) {
        begun = now
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(AF_INET, type, 0)
        guard descriptor >= 0 else {
            finish(.unreachable(errno))
            return
        }
        let result = tandem_ipv4_connect(descriptor, address.rawValue, port)
        if result < 0, result != -EINPROGRESS { failed(-result) }
    }

    mutating func proceed() {
        connected ? read() : connect()
    }

    private mutating func connect() {
        let error = tandem_getsockopt_int(descriptor, SOL_SOCKET, SO_ERROR)
        guard error == 0 else {
            failed(error)
            return
        }
        connected = true
        let question = Array("who\n".utf8)
        if send(descriptor, question, question.count, Int32(MSG_NOSIGNAL)) < 0 { finish(.broken) }
    }

    private mutating func read() {
        var buffer = [UInt8](repeating: 0, count: 512)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN || errno == EINTR { return }
        guard count > 0 else {
            if outcome == nil { finish(.broken) }
            isOver = true
            return
        }
        received.append(contentsOf: buffer[0..<count])
        if outcome == nil, received.last == 10 {
            outcome = .answered(String(decoding: received.dropLast(), as: UTF8.self))
        }
    }

    private mutating func failed(_ error: Int32) {
        finish(error == ECONNREFUSED ? .refused : .unreachable(error))
    }

    private mutating func finish(_ outcome: Probe.Outcome) {
        if self.outcome == nil { self.outcome = outcome }
        isOver = true
    }
}
