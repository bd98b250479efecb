import Glibc
import LinuxIO
import NamespaceLab
import Primitives

/// Debian's keepalived on one of the lab's machines, its VRRP part alone.
final class KeepalivedPeer {
    static let program = "/usr/sbin/keepalived"
    static var isInstalled: Bool { access(program, X_OK) == 0 }

    private let node: Node
    private let child: ChildProcess
    private var cause: ExitCause?

    init(on node: Node) throws {
        self.node = node
        let raw = open(node.logFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard raw >= 0 else { throw SystemCallError("open", on: node.logFile, errno: errno) }
        let log = FileDescriptor(owning: raw)
        try makeDirectory(node.runtimeDirectory)
        let run = node.runtimeDirectory
        var spawn = Spawn(
            path: ipProgram,
            arguments: node.command([
                Self.program, "--dont-fork", "--log-console", "--log-detail", "--vrrp",
                "--use-file", node.keepalivedFile, "--pid", run + "/keepalived.pid",
                "--vrrp_pid", run + "/vrrp.pid",
            ])
        )
        spawn.standardOutput = log.rawValue
        spawn.standardError = log.rawValue
        child = try spawn.start()
    }

    deinit {
        stop()
    }

    /// To the parent, which passes on what its children have to know.
    func signal(_ number: Int32) { child.signal(number) }

    /// As `systemctl stop` does.
    func stop() {
        guard cause == nil else { return }
        child.signal(SIGTERM)
        _ = wait(.seconds(3)) {
            cause = cause ?? child.reap()
            return cause != nil
        }
        if cause == nil { child.signal(SIGKILL) }
        _ = wait(.seconds(1)) {
            cause = cause ?? child.reap()
            return cause != nil
        }
    }
}
