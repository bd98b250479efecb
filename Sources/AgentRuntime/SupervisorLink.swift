import Links
import LinuxIO
import Messages

/// The agent's end of the link to the supervisor.
typealias SupervisorLink = SupervisorListener<SupervisorToAgent, AgentToSupervisor>

extension SupervisorListener where Inbound == SupervisorToAgent, Outbound == AgentToSupervisor {
    convenience init(directory: RuntimeDirectory, firstToken: UInt64) throws(SystemCallError) {
        try self.init(
            path: directory.agentSocket,
            mode: 0o600,
            role: .agent,
            firstToken: firstToken
        )
    }
}
