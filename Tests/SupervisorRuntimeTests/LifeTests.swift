import Glibc
import LinuxIO
import Messages
import NamespaceLab
import Primitives
import Supervision
import Testing

@Suite("A real supervisor keeps its two processes", .serialized, .timeLimit(.minutes(1)))
struct LifeTests {
    @Test("Both are started, and a proxy that is killed is back on the same socket")
    func restarts() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        let first = supervisor.pid(of: "proxy")
        let before = Clock.now
        kill(first, SIGKILL)
        #expect(supervisor.isState(.running, "proxy", otherThan: first))
        print("proxy killed and RUNNING again in \(text(Clock.now - before))")
        #expect(supervisor.process("proxy")?.restarts == 1)
        #expect(try supervisor.tail("proxy").contains("kept for it"))
        #expect(try supervisor.decisions().contains("proxy died: killed by SIGKILL: restart"))
        let agent = supervisor.pid(of: "agent")
        kill(agent, SIGKILL)
        #expect(supervisor.isState(.running, "agent", otherThan: agent))
    }

    @Test("A proxy that can't be started is FATAL, and serves again when it is mended")
    func budget() throws {
        let supervisor = try SupervisorProcess(tandem: "restart_limit 2", start: false)
        try supervisor.useScript("echo no such luck; exit 7", for: "proxy")
        try supervisor.start()
        try #require(supervisor.isState(.fatal, "proxy"), Comment(rawValue: supervisor.log))
        let report = try #require(supervisor.process("proxy"))
        #expect(report.restarts == 2)
        #expect(report.detail.hasPrefix("exit status 7"))
        #expect(try supervisor.tail("proxy").contains("no such luck"))
        let lines = try supervisor.act(.start(names: ["proxy"]))
        #expect(lines.first?.hasPrefix("proxy: ERROR (abnormal termination") == true)
        supervisor.useReal("proxy")
        #expect(try supervisor.act(.start(names: ["proxy"])) == ["proxy: started"])
        #expect(supervisor.isState(.running, "agent"))
    }

    @Test("A program that is missing is an error of the start, with its path")
    func missing() throws {
        let supervisor = try SupervisorProcess(tandem: "restart_limit 0", start: false)
        unlink(supervisor.libexec + "/tandem-proxy")
        try supervisor.start()
        try #require(supervisor.isState(.fatal, "proxy"), Comment(rawValue: supervisor.log))
        let detail = supervisor.process("proxy")?.detail ?? ""
        #expect(detail.contains("\(supervisor.libexec)/tandem-proxy"))
    }

    @Test("A proxy that hangs is killed and restarted when its beats stay away")
    func proxyHangs() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        let hung = supervisor.pid(of: "proxy")
        let before = Clock.now
        kill(hung, SIGSTOP)
        #expect(supervisor.isState(.running, "proxy", otherThan: hung))
        let took = Clock.now - before
        // Not sooner than proxy_watchdog, less one beat.
        #expect(took > .milliseconds(850) && took < .seconds(5))
        print("a stopped proxy is replaced in \(text(took)); proxy_watchdog is 1000 ms")
    }

    @Test("An agent that hangs is killed and restarted when its watchdog expires")
    func agentHangs() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        let hung = supervisor.pid(of: "agent")
        let before = Clock.now
        kill(hung, SIGSTOP)
        #expect(supervisor.isState(.running, "agent", otherThan: hung))
        print("a stopped agent is replaced in \(text(Clock.now - before))")
    }

    @Test("Killed, it is not missed; back again, it knows what runs and what was decided")
    func adopts() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        kill(supervisor.pid(of: "proxy"), SIGKILL)
        try #require(wait(.seconds(10)) { supervisor.process("proxy")?.restarts == 1 })
        try #require(supervisor.bothRun())
        let pids = [supervisor.pid(of: "agent"), supervisor.pid(of: "proxy")]
        supervisor.signal(SIGKILL)
        #expect(supervisor.end(within: .seconds(5)) == .signalled(SIGKILL))
        usleep(300_000)
        for pid in pids { #expect(kill(pid, 0) == 0) }
        let before = Clock.now
        try supervisor.start()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        print("both known again \(text(Clock.now - before)) after the supervisor's start")
        #expect([supervisor.pid(of: "agent"), supervisor.pid(of: "proxy")] == pids)
        let decisions = try supervisor.decisions()
        #expect(decisions.contains("proxy died: killed by SIGKILL: restart"))
        #expect(decisions.contains("proxy runs already: carry on"))
        // Adopted, they are watched like children, and their sockets are kept.
        usleep(1_500_000)
        #expect([supervisor.pid(of: "agent"), supervisor.pid(of: "proxy")] == pids)
        kill(pids[1], SIGKILL)
        #expect(supervisor.isState(.running, "proxy", otherThan: pids[1]))
        #expect(try supervisor.tail("proxy").contains("kept for it"))
    }

    @Test("A second supervisor for the same directory goes away and harms nothing")
    func second() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        var spawn = Spawn(
            path: productDirectory() + "/tandem-supervisor",
            arguments: [
                "tandem-supervisor", "--standalone", "--keepalived", supervisor.keepalivedFile,
                "--haproxy", supervisor.haproxyFile, "--runtime-dir", supervisor.runtimeDirectory,
                "--libexec-dir", supervisor.libexec,
            ]
        )
        spawn.dieWithParent = true
        let other = try spawn.start()
        var cause: ExitCause?
        #expect(
            wait(.seconds(10)) {
                cause = cause ?? other.reap()
                return cause != nil
            }
        )
        #expect(cause == .exited(1))
        #expect(supervisor.bothRun())
    }

    @Test("SIGTERM stops everything and leaves nothing", arguments: [SIGTERM, SIGINT])
    func ends(number: Int32) throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        let pids = [supervisor.pid(of: "agent"), supervisor.pid(of: "proxy")]
        supervisor.signal(number)
        #expect(supervisor.end(within: .seconds(15)) == .exited(0))
        for pid in pids { #expect(kill(pid, 0) == -1) }
        #expect(!entries(of: supervisor.runtimeDirectory).contains("supervisor.sock"))
    }
}
