import Glibc
import Links
import LinuxIO
import Messages

/// The proxy's end of the link to the supervisor.
typealias SupervisorLink = SupervisorListener<SupervisorToProxy, ProxyToSupervisor>

extension SupervisorListener where Inbound == SupervisorToProxy, Outbound == ProxyToSupervisor {
    /// Where the proxy was started as another user, a supervisor that is root without capabilities comes in through
    /// the group.
    convenience init(directory: RuntimeDirectory, firstToken: UInt64) throws(SystemCallError) {
        try self.init(
            path: directory.proxySocket,
            mode: geteuid() == 0 ? 0o600 : 0o660,
            role: .proxy,
            firstToken: firstToken
        )
    }
}
