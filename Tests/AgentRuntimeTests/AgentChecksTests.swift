import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// What a reload makes of checks, and what the log says of a file beside its errors.
@Suite("An agent's checks and its file", .serialized, .timeLimit(.minutes(1)))
struct AgentChecksTests {
    private func instance(_ name: String, _ number: Int, _ body: String) -> String {
        """
        vrrp_instance \(name) {
            interface eth0
            virtual_router_id \(number)
            priority 150
            virtual_ipaddress { 192.168.0.\(number + 100) }
            \(body)
        }

        """
    }

    @Test func `a router that begins to track a check hears at once what it has said`() throws {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        defer { lab.tearDown() }
        let node = lab.machine1
        let check = """
            vrrp_script chk {
                script "/bin/false"
                interval 1
                weight -20
            }

            """
        let tracks = "track_script { chk }"
        let first = check + instance("A", 51, tracks)
        try write(first + instance("B", 52, ""), to: node.keepalivedFile)
        let agent = try AgentProcess(on: node)
        #expect(
            agent.logs("(A) changing effective priority from 150 to 130", within: .seconds(5)),
            "\(node.logTail())"
        )
        #expect(agent.logs("(B) Entering MASTER STATE", within: .seconds(6)), "\(node.logTail())")
        try write(first + instance("B", 52, tracks), to: node.keepalivedFile)
        agent.signal(SIGHUP)
        #expect(
            agent.logs("(B) changing effective priority from 150 to 130", within: .seconds(3)),
            "\(node.logTail())"
        )
        // With weight 0 it would be a MASTER that nobody watches.
        try write(
            check.replacing("weight -20", with: "weight 0") + instance("A", 51, "")
                + instance("B", 52, tracks),
            to: node.keepalivedFile
        )
        agent.signal(SIGHUP)
        #expect(agent.logs("(B) Entering FAULT STATE", within: .seconds(3)), "\(node.logTail())")
    }

    @Test func `another command under the name of a check speaks for itself`() throws {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        defer { lab.tearDown() }
        let node = lab.machine1
        let text = """
            vrrp_script chk {
                script "/bin/false"
                interval 1
                rise 1000
            }

            """ + instance("A", 51, "track_script { chk }")
        try write(text, to: node.keepalivedFile)
        let agent = try AgentProcess(on: node)
        #expect(agent.logs("the check chk fails", within: .seconds(5)), "\(node.logTail())")
        try write(text.replacing("interval 1", with: "interval 2"), to: node.keepalivedFile)
        agent.signal(SIGHUP)
        // What only runs at other times is the same check: one success does not mend it.
        try write(text.replacing("/bin/false", with: "/bin/true"), to: node.keepalivedFile)
        agent.signal(SIGHUP)
        #expect(agent.logs("the check chk succeeds", within: .seconds(5)), "\(node.logTail())")
        #expect(agent.logs("(A) Entering MASTER STATE", within: .seconds(6)), "\(node.logTail())")
    }

    @Test func `a start and a reload say what a failed check would do`() throws {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        defer { lab.tearDown() }
        let node = lab.machine1
        let text = """
            vrrp_script chk {
                script "/bin/true"
                weight -2
            }

            """ + instance("A", 51, "track_script { chk }")
        try write(text, to: node.keepalivedFile)
        let agent = try AgentProcess(on: node)
        let finding = "'A': if chk fails here, the VIP does not move: 150 - 2"
        #expect(agent.logs(finding, within: .seconds(5)), "\(node.logTail())")
        #expect(agent.logs("(A) Entering BACKUP STATE", within: .seconds(5)), "\(node.logTail())")
        #expect(agent.count(of: finding) == 1)
        agent.signal(SIGHUP)
        #expect(agent.logs("the new configuration is in force", within: .seconds(3)))
        #expect(agent.count(of: finding) == 2, "\(node.logTail())")
    }
}

extension String {
    fileprivate func replacing(_ old: String, with new: String) -> String {
        guard let range = range(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + self[range.upperBound...]
    }
}
