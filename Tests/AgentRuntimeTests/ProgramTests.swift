import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// The program as an operator or a service manager meets it.
@Suite("The program", .timeLimit(.minutes(1)))
struct ProgramTests {
    private let agent = productDirectory() + "/tandem-agent"

    private func temporaryDirectory() throws -> String {
        var template = Array("/tmp/tandem-program-XXXXXX\0".utf8CString)
        let path = try #require(mkdtemp(&template).map { String(cString: $0) })
        chmod(path, 0o755)
        return path
    }

    @Test(arguments: ["machine1", "machine2"])
    func `the seed's files are well, and a check says what would happen`(_ machine: String) throws {
        let other = machine == "machine1" ? "machine2" : "machine1"
        let file = seedDirectory() + "/\(machine).keepalived.conf"
        let peer = seedDirectory() + "/\(other).keepalived.conf"
        let alone = try run(agent, ["-t", "-f", file])
        #expect(alone.succeeded, "\(alone.output)")
        #expect(alone.output.contains("\(file): OK"))
        let both = try run(agent, ["-t", "-f", file, "--peer", peer])
        #expect(both.succeeded, "\(both.output)")
        #expect(both.output.contains("'VI_1': if chk_haproxy fails here"), "\(both.output)")
    }

    @Test func `a bad file is refused with file, line and mend, also by a start`() throws {
        let directory = try temporaryDirectory()
        defer { _ = try? run("/bin/rm", ["-rf", directory]) }
        let file = directory + "/keepalived.conf"
        try write("vrrp_instance VI_1 {\n  interface eth0\n  prioritty 100\n}\n", to: file)
        for arguments in [["-t", "-f", file], ["-f", file, "--runtime-dir", directory]] {
            let finished = try run(agent, arguments)
            #expect(finished.cause == .exited(1))
            #expect(finished.output.contains("\(file):3: error: "), "\(finished.output)")
            #expect(finished.output.contains("priority"))
        }
        let missing = try run(agent, ["-t", "-f", directory + "/none"])
        #expect(missing.cause == .exited(1))
        #expect(missing.output.contains("name a readable file"))
    }

    @Test func `usage and exit statuses`() throws {
        #expect(try run(agent, ["--version"]).output.hasPrefix("tandem-agent 0."))
        #expect(try run(agent, ["--help"]).output.hasPrefix("usage: "))
        let unknown = try run(agent, ["--bogus"])
        #expect(unknown.cause == .exited(2))
        #expect(unknown.output.contains("unknown option '--bogus'"))
    }

    @Test func `without root it says what to do`() throws {
        let finished = try run(
            "/usr/bin/setpriv",
            [
                "--reuid", "65534", "--regid", "65534", "--clear-groups", agent, "-f",
                seedDirectory() + "/machine1.keepalived.conf",
            ]
        )
        #expect(finished.cause == .exited(1))
        #expect(finished.output.contains("needs root: start it as root"), "\(finished.output)")
    }

    @Test func `the service manager is told all that it waits for`() throws {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        defer { lab.tearDown() }
        let path = lab.directory + "/notify"
        let receiver = try UnixDatagram.receiver(at: path, mode: 0o600)
        let agent = try AgentProcess(
            on: lab.machine1,
            environment: ["NOTIFY_SOCKET=\(path)", "WATCHDOG_USEC=400000"]
        )
        var said: [String] = []
        func hear(_ text: String, within limit: Duration) throws -> Bool {
            try wait(limit) {
                while let datagram = try UnixDatagram.receive(from: receiver) {
                    said.append(String(decoding: datagram.bytes, as: UTF8.self))
                    datagram.closeAll()
                }
                return said.contains { $0.contains(text) }
            }
        }
        #expect(try hear("READY=1\nSTATUS=", within: .seconds(3)))
        #expect(try hear("STATUS=BACKUP of VI_1 for 0 s", within: .seconds(3)))
        said = []
        let begun = Clock.now
        pause(.seconds(1))
        _ = try hear("-", within: .zero)
        let beats = said.count { $0 == "WATCHDOG=1" }
        // Each is due 0.2 s after the one before it was sent.
        let due = Int((Clock.now - begun).milliseconds / 200)
        #expect((due - 1...due + 1).contains(beats), "\(beats) where \(due) are due")
        // A loop that stands still says nothing.
        agent.signal(SIGSTOP)
        pause(.milliseconds(50))
        _ = try hear("-", within: .zero)
        said = []
        pause(.milliseconds(600))
        #expect(try !hear("WATCHDOG=1", within: .zero))
        agent.signal(SIGCONT)
        #expect(try hear("STATUS=MASTER of VI_1 for", within: .seconds(8)))
        agent.signal(SIGHUP)
        #expect(try hear("RELOADING=1\nMONOTONIC_USEC=", within: .seconds(2)))
        #expect(try hear("READY=1", within: .seconds(2)))
        agent.signal(SIGTERM)
        #expect(try hear("STOPPING=1", within: .seconds(2)))
        #expect(agent.end(within: .seconds(3)) == .exited(0))
    }

    @Test func `a second agent on the same directory is refused, and the first one stays`() throws {
        let lab = try Lab(seed: seedDirectory(), servesBackend: false)
        defer { lab.tearDown() }
        let first = try AgentProcess(on: lab.machine1)
        #expect(first.logs("Entering BACKUP STATE", within: .seconds(3)))
        let second = try AgentProcess(on: lab.machine1)
        #expect(second.end(within: .seconds(3)) == .exited(1))
        #expect(first.node.logged("another agent runs"))
        #expect(first.isRunning)
    }
}
