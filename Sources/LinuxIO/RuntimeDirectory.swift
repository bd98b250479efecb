import CLinux
import Glibc

/// The directory of the processes' sockets, `/run/tandem` by default.
package struct RuntimeDirectory: Equatable, Sendable {
    package let path: String

    package static let defaultPath = "/run/tandem"

    package init(path: String = defaultPath) {
        self.path = path
    }

    package var agentSocket: String { path + "/agent.sock" }
    package var proxySocket: String { path + "/proxy.sock" }
    package var supervisorSocket: String { path + "/supervisor.sock" }
    package var notifySocket: String { path + "/notify.sock" }

    /// Makes it if it is missing; refuses one that others than its owner may write to.
    package func prepare() throws(SystemCallError) {
        if unsafe mkdir(path, 0o755) != 0, errno != EEXIST {
            throw SystemCallError("mkdir", on: path, errno: errno)
        }
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            throw SystemCallError("stat", on: path, errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw SystemCallError("use directory", on: path, errno: ENOTDIR)
        }
        guard status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw SystemCallError("trust directory", on: path, errno: EPERM)
        }
    }
}
