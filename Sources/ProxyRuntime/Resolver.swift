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
        var asked: [String] = []
        var answers: [Answer] = []
    }

    private let state = Mutex(State())
    private let questions: WakeUp
    /// Readable when there are answers.
    let wake: WakeUp

    /// Names that wait to be looked up; more are not asked.
    private static let limit = 16_384

    init() throws(SystemCallError) {
        questions = try WakeUp()
        wake = try WakeUp()
        // A name server that does not answer costs four seconds a name, not thirty.
        _ = unsafe setenv("RES_OPTIONS", "timeout:2 attempts:2", 0)
    }

    func start() throws(SystemCallError) {
        try startThread("resolver") { [self] in run() }
    }

    func ask(_ name: String) {
        state.withLock { state in
            guard state.asked.count < Self.limit, !state.asked.contains(name) else { return }
            state.asked.append(name)
        }
        questions.signal()
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

    private func run() {
        while true {
            let name: String? = state.withLock { $0.asked.first }
            guard let name else {
                _ = tandem_wait_readable(questions.descriptor.rawValue, -1)
                questions.clear()
                continue
            }
            let answer = Answer(name: name, addresses: Self.lookUp(name))
            state.withLock { state in
                // Asked until it is answered, so that nobody asks twice meanwhile.
                state.asked.removeAll { $0 == name }
                state.answers.append(answer)
            }
            wake.signal()
        }
    }

    private static func lookUp(_ name: String) -> [IPAddress] {
        var found = [SocketAddress](repeating: SocketAddress(), count: 16)
        let count = unsafe tandem_resolve(name, &found, Int32(found.count))
        guard count > 0 else { return [] }
        return found.prefix(Int(count)).compactMap(\.ip)
    }
}
