import CLinux
import Glibc
import Links
import LinuxIO
import Messages
import Primitives

/// The agent's end of the link to its script runner, which is started while the agent may still start one.
final class ScriptRunnerLink {
    static let budget = 64

    /// Where the runner finds its end of the link.
    static let descriptor: Int32 = 3

    let process: ChildProcess
    private var link: FrameLink<RunnerToAgent, AgentToRunner>
    private(set) var isAlive = true

    /// Executes this program's own file again, with nothing but the link and standard error.
    init(program: String = "/proc/self/exe") throws(SystemCallError) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = unsafe withUnsafeMutableBytes(of: &ends) { raw in
            unsafe tandem_seqpacket_pair(raw.bindMemory(to: Int32.self).baseAddress)
        }
        try check(result, "socketpair")
        let own = FileDescriptor(owning: ends.0)
        let other = FileDescriptor(owning: ends.1)
        var spawn = Spawn(
            path: program,
            arguments: ["tandem-agent", AgentOptions.scriptRunnerOption]
        )
        if let stream = unsafe getenv("JOURNAL_STREAM") {
            spawn.environment = ["JOURNAL_STREAM=" + (unsafe String(cString: stream))]
        }
        spawn.standardError = STDERR_FILENO
        spawn.passed = [(other.rawValue, "runner")]
        let child = try spawn.start()
        let peer = PeerCredentials(pid: child.pid, uid: geteuid(), gid: getegid())
        process = child
        link = FrameLink(socket: own, peer: peer)
    }

    var socket: Int32 { link.socket.rawValue }

    /// False when the runner does not read its orders: it is as good as dead.
    @discardableResult
    func send(_ order: AgentToRunner) -> Bool {
        isAlive && link.send(order)
    }

    func flush() { link.flush() }

    var wantsToWrite: Bool { link.wantsToWrite }

    /// What arrived; nil when the runner is gone.
    func receive() -> [RunnerToAgent]? {
        var messages: [RunnerToAgent] = []
        for _ in 0..<Self.budget {
            switch link.receive() {
            case .nothing: return messages
            case .frame(let frame): messages.append(frame.message)
            case .closed:
                isAlive = false
                return messages.isEmpty ? nil : messages
            }
        }
        return messages
    }
}
