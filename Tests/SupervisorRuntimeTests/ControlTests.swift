import CLinux
import Glibc
import Links
import LinuxIO
import Messages
import NamespaceLab
import Primitives
import Supervision
import Testing

@Suite("A real supervisor answers", .serialized, .timeLimit(.minutes(1)))
struct ControlTests {
    @Test("start, stop and restart answer in supervisorctl's words, when it is done")
    func acts() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        #expect(
            try supervisor.act(.start(names: ["proxy"])) == ["proxy: ERROR (already started)"]
        )
        #expect(try supervisor.act(.stop(names: ["proxy"])) == ["proxy: stopped"])
        #expect(supervisor.process("proxy")?.state == .stopped)
        #expect(try supervisor.act(.stop(names: ["proxy"])) == ["proxy: ERROR (not running)"])
        #expect(try supervisor.act(.start(names: ["proxy"])) == ["proxy: started"])
        #expect(
            try supervisor.act(.restart(names: ["proxy"])) == ["proxy: stopped", "proxy: started"]
        )
        #expect(
            try supervisor.act(.stop(names: ["nobody"])) == ["nobody: ERROR (no such process)"]
        )
        #expect(
            Set(try supervisor.act(.stop(names: ["all"]))) == ["agent: stopped", "proxy: stopped"]
        )
        #expect(
            Set(try supervisor.act(.start(names: ["all"]))) == ["agent: started", "proxy: started"]
        )
    }

    @Test("A fail-over without being MASTER is refused with the reason")
    func failover() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        _ = wait(.seconds(5)) { (try? supervisor.ask(.status(names: ["VI_1"])).count) == 1 }
        let lines = try supervisor.act(.failover)
        #expect(lines.first?.contains("not MASTER") == true)
    }

    @Test("What the proxy carries is passed on whole, and a wrong name or a stopped proxy is told")
    func traffic() throws {
        let supervisor = try SupervisorProcess()
        let servers = (0..<150).map { "    server s\($0) 127.0.0.1:28081\n" }.joined()
        try write(SupervisorProcess.haproxy + servers, to: supervisor.haproxyFile)
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        _ = try supervisor.act(.reload)
        let all = try supervisor.ask(.proxy(name: nil))
        let proxies = all.compactMap { reply in
            if case .proxy(let report) = reply { report } else { nil }
        }
        let rows = all.compactMap { reply in
            if case .traffic(let report) = reply { report } else { nil }
        }
        #expect(proxies.count == 1)
        #expect(proxies.first?.reloads == 1)
        #expect(rows.count == 154)
        #expect(rows.prefix(4).map(\.kind) == [.frontend, .listener, .backend, .server])
        #expect(rows.last?.name == "s149")
        #expect(try supervisor.ask(.proxy(name: "web/s7")).count == 2)
        #expect(
            try supervisor.act(.proxy(name: "nobody")) == [
                "nobody: ERROR (no such proxy or server)"
            ]
        )
        _ = try supervisor.act(.stop(names: ["proxy"]))
        #expect(
            try supervisor.act(.proxy(name: nil)) == [
                "proxy: ERROR (it does not answer: 'status' says more)"
            ]
        )
    }

    @Test("A reload tells how both took it; a bad file is told and changes nothing")
    func reload() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        let well = try supervisor.act(.reload)
        #expect(well.count == 2)
        #expect(well.allSatisfy { $0.contains(": reloaded") })
        let proxy = supervisor.pid(of: "proxy")
        try write("listen web\n  bynd 127.0.0.1:1\n", to: supervisor.haproxyFile)
        let bad = try supervisor.act(.reload)
        #expect(bad.contains { $0.hasPrefix("proxy: ERROR (") && $0.contains("bynd") })
        #expect(supervisor.pid(of: "proxy") == proxy)
        try write("tandem {\n restart_limit many\n}\n", to: supervisor.keepalivedFile)
        let worse = try supervisor.act(.reload)
        #expect(worse.contains { $0.contains("restart_limit") })
        #expect(supervisor.bothRun())
    }

    @Test("What the agent refuses changes nothing of the supervisor's either")
    func refusedByAgent() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        let block = "tandem {\n restart_limit 7\n}\n"
        // Whether a program is there is the agent's to judge.
        try write(
            "vrrp_script chk {\n script \"/no/such/check\"\n}\n" + SupervisorProcess.keepalived
                + block,
            to: supervisor.keepalivedFile
        )
        for bySignal in [false, true] {
            if bySignal {
                supervisor.signal(SIGHUP)
            } else {
                let lines = try supervisor.act(.reload)
                #expect(lines.contains { $0.hasPrefix("agent: ERROR") }, "\(lines)")
            }
            #expect(
                wait(.seconds(5)) {
                    let decisions = (try? supervisor.decisions()) ?? []
                    let refusals = decisions.count { $0.contains("anew: the old one stays") }
                    return refusals == (bySignal ? 2 : 1)
                }
            )
            let proxy = supervisor.pid(of: "proxy")
            kill(proxy, SIGKILL)
            #expect(supervisor.isState(.running, "proxy", otherThan: proxy))
            #expect(
                supervisor.log.contains("restart \(bySignal ? 2 : 1) of 3 in"),
                "\(supervisor.log)"
            )
        }
        // The twin: what the agent accepts counts at once.
        try write(SupervisorProcess.keepalived + block, to: supervisor.keepalivedFile)
        #expect(try supervisor.act(.reload).contains { $0.hasPrefix("agent: reloaded") })
        let proxy = supervisor.pid(of: "proxy")
        kill(proxy, SIGKILL)
        #expect(supervisor.isState(.running, "proxy", otherThan: proxy))
        #expect(supervisor.log.contains("restart 3 of 7 in"), "\(supervisor.log)")
    }

    @Test("tail -f goes on with what the process writes, until the client goes")
    func follows() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        let seen = supervisor.base + "/followed"
        let raw = open(seen, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        let file = FileDescriptor(owning: raw)
        var spawn = Spawn(
            path: productDirectory() + "/tandemctl",
            arguments: ["tandemctl", "-s", supervisor.socket, "tail", "-f", "proxy"]
        )
        spawn.standardOutput = file.rawValue
        spawn.dieWithParent = true
        let client = try spawn.start()
        defer {
            client.signal(SIGKILL)
            _ = wait(.seconds(2)) { client.reap() != nil }
        }
        func followed(_ text: String) -> Bool {
            String(decoding: (try? readFile(seen)) ?? [], as: UTF8.self).contains(text)
        }
        #expect(wait(.seconds(5)) { followed("ready: ") })
        #expect(!followed("SIGTERM"))
        _ = try supervisor.act(.restart(names: ["proxy"]))
        #expect(wait(.seconds(5)) { followed("SIGTERM") })
        #expect(try supervisor.tail("agent").contains("tandem-agent"))
        #expect(
            try supervisor.ask(.tail(name: "nobody", bytes: 10, follow: false)).contains {
                if case .result(_, .noSuchName, _) = $0 { true } else { false }
            }
        )
    }

    @Test("A hundred clients that ask nothing do not keep the next one waiting")
    func crowd() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        var crowd: [Int32] = []
        defer { for raw in crowd { close(raw) } }
        // The backlog is short: who finds it full waits.
        for _ in 0..<100 {
            let connected = try UnixSocket.connect(to: supervisor.socket, patience: .seconds(2))
            crowd.append(connected.relinquish())
        }
        let before = Clock.now
        #expect(try supervisor.ask(.status(names: [])).count >= 2)
        let took = Clock.now - before
        #expect(took < .seconds(1))
        print("the 101st client was answered in \(text(took))")
    }

    @Test("Forty clients that follow an output do not keep the next one from its answer")
    func followers() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        var crowd: [FollowingClient] = []
        for _ in 0..<40 {
            var connected: Int32?
            _ = wait(.seconds(2), every: .milliseconds(1)) {
                connected = (try? UnixSocket.connect(to: supervisor.socket))?.relinquish()
                return connected != nil
            }
            crowd.append(FollowingClient(try #require(connected)))
            // Each has its answer before the next one comes.
            usleep(10_000)
        }
        defer { crowd = [] }
        let before = Clock.now
        #expect(try supervisor.ask(.status(names: [])).count >= 2)
        #expect(Clock.now - before < .seconds(1))
        let refused = try supervisor.act(.tail(name: "proxy", bytes: 10, follow: true))
        #expect(refused.first?.contains("others follow an output already") == true)
    }

    @Test("What is no request ends that conversation and nothing else")
    func noise() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        for length in [0, 1, 3, 24, 500, 4096] {
            let socket = try UnixSocket.connect(to: supervisor.socket)
            let bytes = [UInt8](repeating: 0xA5, count: length)
            _ = send(socket.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL))
            #expect(tandem_wait_readable(socket.rawValue, 2000) == 1)
        }
        #expect(supervisor.bothRun())
    }

    @Test("Only root and the group get in")
    func permission() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        var status = stat()
        #expect(stat(supervisor.socket, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o660)
        // The program lies where only root may read.
        let copy = supervisor.base + "/tandemctl"
        try write("", to: copy, mode: 0o755)
        let program = try readFile(productDirectory() + "/tandemctl", limit: 1 << 29)
        let target = FileDescriptor(owning: open(copy, O_WRONLY | O_TRUNC | O_CLOEXEC))
        var offset = 0
        while offset < program.count {
            offset += try #require(try target.write(Array(program[offset...].prefix(1 << 20))))
        }
        _ = consume target
        func run(as user: UserIdentity?) throws -> ExitCause? {
            var spawn = Spawn(path: copy, arguments: ["tandemctl", "-s", supervisor.socket, "pid"])
            spawn.user = user
            let child = try spawn.start()
            var cause: ExitCause?
            _ = wait(.seconds(10)) {
                cause = cause ?? child.reap()
                return cause != nil
            }
            return cause
        }
        let nobody = try #require(UserIdentity.named("nobody"))
        #expect(try run(as: nobody) == .exited(1))
        #expect(try run(as: nil) == .exited(0))
        guard let group = UserIdentity.groupID(named: "tandem") else { return }
        var member = nobody
        member.groups.append(group)
        #expect(try run(as: member) == .exited(0))
    }

    @Test("shutdown answers, stops both and ends with 0")
    func shutdown() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        let before = Clock.now
        #expect(try supervisor.act(.shutdown) == ["Shut down"])
        #expect(supervisor.end(within: .seconds(5)) == .exited(0))
        print("everything stopped in \(text(Clock.now - before))")
    }

    @Test("SIGHUP reloads both")
    func hangUp() throws {
        let supervisor = try SupervisorProcess()
        try #require(supervisor.bothRun(), Comment(rawValue: supervisor.log))
        supervisor.signal(SIGHUP)
        #expect(
            wait(.seconds(5)) {
                let decisions = (try? supervisor.decisions()) ?? []
                return decisions.count { $0.contains("configuration anew: it counts") } == 2
            }
        )
    }
}

/// A client of `tail -f` that reads nothing.
private final class FollowingClient {
    private var link: FrameLink<ControlReply, ControlRequest>

    init(_ connected: Int32) {
        link = FrameLink(
            socket: FileDescriptor(owning: connected),
            peer: PeerCredentials(pid: 0, uid: 0, gid: 0)
        )
        link.send(.tail(name: "proxy", bytes: 10, follow: true))
    }
}
