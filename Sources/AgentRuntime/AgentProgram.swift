import CLinux
import Glibc
import KeepalivedSyntax
import LinuxIO
import Logging
import Messages
import Netlink
import Primitives
import Systemd
import VRRP

/// `tandem-agent` from its command line to its exit status.
package enum AgentProgram {
    /// What the agent keeps of root's capabilities; its uid stays 0, which owns its files and sockets.
    private static let privileges: CapabilitySet = [.netAdmin, .netRaw, .sysNice]
    private static let required: CapabilitySet = [.netAdmin, .netRaw]
    /// Just above everything that is not real-time: the agent works for microseconds and must not be late.
    static let realTimePriority: Int32 = 1
    /// A loop that works for so long without waiting for anything hangs, and ends.
    private static let longestTurn: Duration = .seconds(2)

    /// Runs the program. `arguments` are those behind its name.
    package static func main(_ arguments: [String]) -> Int32 {
        switch AgentOptions.parse(arguments) {
        case .help:
            ConfigurationCheck.write(AgentOptions.usage + "\n", to: STDOUT_FILENO)
            return 0
        case .version:
            ConfigurationCheck.write("tandem-agent \(Hello.currentBuild)\n", to: STDOUT_FILENO)
            return 0
        case .unusable(let reason):
            ConfigurationCheck.write(
                "tandem-agent: \(reason)\n\(AgentOptions.usage)\n",
                to: STDERR_FILENO
            )
            return 2
        case .scriptRunner: return ScriptRunner.main()
        case .run(let options):
            if options.checkOnly {
                return ConfigurationCheck.run(options)
            }
            if options.releaseOnly { return AddressRelease.run(.everything, options) }
            if options.cleansUp {
                let result = unsafe getenv("SERVICE_RESULT").map { unsafe String(cString: $0) }
                return AddressRelease.run(AddressRelease(after: result), options)
            }
            return run(options)
        }
    }

    private static func run(_ options: AgentOptions) -> Int32 {
        let log = Logger.daemon("tandem-agent")
        guard geteuid() == 0 else {
            log.error(
                "tandem-agent sets addresses and needs root: start it as root, or by its unit"
            )
            return 1
        }
        guard let granted = try? Privileges.held(), granted.isSuperset(of: required) else {
            log.error(
                """
                tandem-agent needs CAP_NET_ADMIN and CAP_NET_RAW: grant them in the unit's \
                CapabilityBoundingSet=, or to the container
                """
            )
            return 1
        }
        let reader = ConfigurationReader(options)
        log.tell(reader.findings)
        guard let configuration = reader.configuration else { return 1 }
        do throws(SystemCallError) {
            let agent = try Agent(options: options, configuration: configuration, log: log)
            try Privileges.keepOnly(privileges)
            try Privileges.forbidNewPrivileges()
            let held = try Privileges.held()
            log.notice(
                "tandem-agent \(Hello.currentBuild) holds \(held.names) and gains nothing more"
            )
            let refusals = RealTime.enter(priority: realTimePriority, limit: longestTurn)
            agent.realTime = refusals
            if let refusal = refusals.scheduling {
                log.info("no real-time scheduling: \(refusal)")
            }
            if let refusal = refusals.memory {
                log.info("the agent's memory may be swapped out: \(refusal)")
            }
            return agent.run()
        } catch {
            log.critical("\(error)")
            return 1
        }
    }
}
