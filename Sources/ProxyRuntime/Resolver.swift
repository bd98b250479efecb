import CLinux
import Glibc
import LinuxIO
import Primitives
import Synchronization

/// Looks names up on a thread of its own: the system's resolver blocks for as long as it likes, and no loop
/// may wait for it.
final class Resolver: Sendable {
    struct Answer: Sendable {
        var name: String
        /// Empty: there is none, or nobody could be asked.
        var addresses: [IPAddress]
    }

    private struct State {
        /// In the order in which they were asked.
        var asked: [String] = []
        /// Of these, being looked up now.
        var running: Set<String> = []
        /// They did not resolve when they were last looked up.
        var failing: Set<String> = []
        var answers: [Answer] = []

        /// The next one for a thread that looks up `doubtful` names or the others.
        mutating func next(doubtful: Bool) -> String? {
            let name = asked.first {
                !running.contains($0) && failing.contains($0) == doubtful
            }
            if let name { running.insert(name) }
            return name
        }

        mutating func take(_ answer: Answer) {
            running.remove(answer.name)
            // Asked until it is answered, so that nobody asks twice meanwhile.
            asked.removeAll { $0 == answer.name }
            if answer.addresses.isEmpty {
                failing.insert(answer.name)
            } else {
                failing.remove(answer.name)
            }
            answers.append(answer)
        }
    }

    private let state = Mutex(State())
    /// A thread for names that resolve, and one for those that did not: each of these may cost seconds, which the
    /// others need not wait for.
    private let questions: WakeUp
    private let doubtfulQuestions: WakeUp
    /// Readable when there are answers.
    let wake: WakeUp
    private let lookUp: @Sendable (String) -> [IPAddress]

    /// Names that wait to be looked up; more are not asked.
    private static let limit = 16_384

    init(
        lookUp: @escaping @Sendable (String) -> [IPAddress] = Resolver.lookUp
    ) throws(SystemCallError) {
        self.lookUp = lookUp
        questions = try WakeUp()
        doubtfulQuestions = try WakeUp()
        wake = try WakeUp()
        // A name server that does not answer costs four seconds a name, not thirty.
        _ = unsafe setenv("RES_OPTIONS", "timeout:2 attempts:2", 0)
    }

    func start() throws(SystemCallError) {
        try startThread("resolver") { [self] in run(doubtful: false) }
        try startThread("resolver-2") { [self] in run(doubtful: true) }
    }

    func ask(_ name: String) {
        let isDoubtful = state.withLock { state in
            if state.asked.count < Self.limit, !state.asked.contains(name) {
                state.asked.append(name)
            }
            return state.failing.contains(name)
        }
        if isDoubtful { doubtfulQuestions.signal() } else { questions.signal() }
    }

    /// Whether there are answers, after a wait for them.
    func waitForAnswers(milliseconds: Int32) -> Bool {
        tandem_wait_readable(wake.descriptor.rawValue, milliseconds) == 1
    }

    func takeAnswers() -> [Answer] {
        wake.clear()
        return state.withLock { state in
            let answers = state.answers
            state.answers = []
            return answers
        }
    }

    private func run(doubtful: Bool) {
        while true {
            guard let name = state.withLock({ $0.next(doubtful: doubtful) }) else {
                if doubtful { Self.wait(doubtfulQuestions) } else { Self.wait(questions) }
                continue
            }
            let answer = Answer(name: name, addresses: lookUp(name))
            state.withLock { $0.take(answer) }
            wake.signal()
        }
    }

    private static func wait(_ questions: borrowing WakeUp) {
        _ = tandem_wait_readable(questions.descriptor.rawValue, -1)
        questions.clear()
    }

    /// Waits for as long as the system's resolver does.
    @Sendable static func lookUp(_ name: String) -> [IPAddress] {
        var found = [SocketAddress](repeating: SocketAddress(), count: 16)
        let count = unsafe tandem_resolve(name, &found, Int32(found.count))
        guard count > 0 else { return [] }
        return found.prefix(Int(count)).compactMap(\.ip)
    }
}
