import Glibc
import LinuxIO
import Messages
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

@Suite("The script runner", .timeLimit(.minutes(1)))
struct ScriptRunnerTests {
    /// A runner, a directory for its scripts, and what it has said.
    private final class Bench {
        let directory: String
        let runner: ScriptRunnerLink
        private(set) var messages: [RunnerToAgent] = []

        init() throws {
            var template = Array("/tmp/tandem-scripts-XXXXXX\0".utf8CString)
            directory = try #require(mkdtemp(&template).map { String(cString: $0) })
            chmod(directory, 0o777)
            runner = try ScriptRunnerLink(program: productDirectory() + "/tandem-agent")
        }

        deinit {
            runner.send(.finish)
            runner.process.signal(SIGKILL)
            _ = wait(.seconds(1)) { runner.process.reap() != nil }
            _ = try? run("/bin/rm", ["-rf", directory])
        }

        func script(_ name: String, _ text: String) throws -> String {
            let path = directory + "/" + name
            try write("#!/bin/sh\n\(text)\n", to: path, mode: 0o755)
            return path
        }

        func program(_ arguments: [String], user: String = "nobody") -> ProgramOrder {
            ProgramOrder(arguments: arguments, user: user)
        }

        func check(
            _ name: String,
            _ arguments: [String],
            every interval: Duration,
            limit: Duration,
            user: String = "nobody"
        ) {
            runner.send(
                .check(
                    CheckOrder(
                        name: name,
                        program: program(arguments, user: user),
                        interval: interval,
                        timeLimit: limit
                    )
                )
            )
        }

        func collect() {
            messages += runner.receive() ?? []
        }

        var results: [CheckResult] {
            messages.compactMap { if case .checked(let result) = $0 { result } else { nil } }
        }

        func text(_ name: String) -> String {
            ((try? readFile(directory + "/" + name)) ?? []).reduce(into: "") {
                $0.append(Character(UnicodeScalar($1)))
            }
        }

        /// Waits until `condition` holds.
        func until(_ limit: Duration = .seconds(8), _ condition: () -> Bool) -> Bool {
            wait(limit) {
                collect()
                return condition()
            }
        }
    }

    @Test func `it holds three capabilities and nothing of the network`() throws {
        let bench = try Bench()
        #expect(bench.until { !bench.messages.isEmpty })
        guard case .ready(_, let privileges)? = bench.messages.first else {
            Issue.record("\(bench.messages)")
            return
        }
        #expect(privileges == ScriptRunner.privileges.rawValue)
        #expect(CapabilitySet(rawValue: privileges).names == "CAP_KILL CAP_SETGID CAP_SETUID")
    }

    @Test func `a script runs as its user, in a clean environment, without privileges`() throws {
        let bench = try Bench()
        let path = try bench.script(
            "who",
            "{ id -un; id -gn; env | sort; grep CapEff /proc/self/status; } > \(bench.directory)/out.tmp\n"
                + "mv \(bench.directory)/out.tmp \(bench.directory)/out"
        )
        bench.check("chk", [path, "a b"], every: .seconds(60), limit: .seconds(5))
        #expect(bench.until { !bench.results.isEmpty })
        #expect(bench.results.first?.outcome == .exited(0))
        let lines = bench.text("out").split(separator: "\n").map(String.init)
        #expect(lines.prefix(2) == ["nobody", "nogroup"])
        #expect(lines.contains("LANG=C"))
        #expect(lines.contains { $0.hasPrefix("PATH=/usr/local/sbin:") })
        #expect(!lines.contains { $0.hasPrefix("LISTEN_") || $0.hasPrefix("NOTIFY_") })
        #expect(lines.contains("CapEff:\t0000000000000000"))
    }

    /// A process without CAP_SYS_RESOURCE can't protect the runner, only expose it: either way the scripts
    /// differ from it.
    @Test func `a script is not spared when memory runs out, although its runner is`() throws {
        let bench = try Bench()
        #expect(bench.until { !bench.messages.isEmpty })
        let own = "/proc/\(bench.runner.process.pid)/oom_score_adj"
        var runners = "-1000"
        do { try write(runners, to: own) } catch {
            runners = "500"
            try write(runners, to: own)
        }
        let path = try bench.script(
            "score",
            "cat /proc/self/oom_score_adj > \(bench.directory)/$1.tmp\n"
                + "mv \(bench.directory)/$1.tmp \(bench.directory)/$1; exec sleep 60"
        )
        bench.check("chk", [path, "check"], every: .seconds(60), limit: .seconds(60))
        bench.runner.send(
            .notify(
                NotifyOrder(
                    router: "VI_1",
                    serial: 1,
                    program: bench.program([path, "notify"], user: "root")
                )
            )
        )
        bench.runner.send(.keep(name: "/run/fifo", bench.program([path, "kept"])))
        for kind in ["check", "notify", "kept"] {
            #expect(bench.until { !bench.text(kind).isEmpty }, "\(kind)")
            #expect(bench.text(kind) == "0\n", "\(kind)")
        }
        #expect(String(decoding: try readFile(own), as: UTF8.self) == runners + "\n")
    }

    @Test func `a result comes at every interval, with the exit status`() throws {
        let bench = try Bench()
        bench.check("bad", ["sh", "-c", "exit 3"], every: .milliseconds(100), limit: .seconds(1))
        #expect(bench.until { bench.results.count >= 5 })
        #expect(bench.results.allSatisfy { $0.outcome == .exited(3) })
        bench.runner.send(.forget(name: "bad"))
        pause(.milliseconds(100))
        bench.collect()
        let count = bench.results.count
        pause(.milliseconds(400))
        bench.collect()
        #expect(bench.results.count <= count + 1)
    }

    @Test func `what runs too long is ended with all that it started, and is not run twice`() throws
    {
        let bench = try Bench()
        // It ignores SIGTERM, and so does what it leaves behind.
        let path = try bench.script(
            "stubborn",
            "trap '' TERM\necho $$ >> \(bench.directory)/begun\n"
                + "sh -c 'trap \"\" TERM; echo $$ > \(bench.directory)/child; sleep 60' &\nsleep 60\nsleep 60"
        )
        let begin = Clock.now
        bench.check("slow", [path], every: .milliseconds(300), limit: .milliseconds(500))
        #expect(bench.until { !bench.results.isEmpty })
        let spent = Clock.now - begin
        print("a script that ignores SIGTERM was ended after \(text(spent))")
        #expect(bench.results.first?.outcome == .timedOut)
        #expect(spent > .milliseconds(2400) && spent < .seconds(4))
        let begun = bench.text("begun").split(separator: "\n").count
        #expect(begun == 1)
        let child = try #require(Int32(bench.text("child").trimmingNewline))
        #expect(wait(.seconds(2)) { kill(child, 0) != 0 })
    }

    @Test(arguments: [
        (["/no/such/program"], "nobody", "there is no program '/no/such/program'"),
        (["/bin/true"], "no-such-user", "there is no user 'no-such-user'"),
    ])
    func `what can't be started is a failure with its reason`(
        _ arguments: [String],
        _ user: String,
        _ reason: String
    ) throws {
        let bench = try Bench()
        bench.check("chk", arguments, every: .seconds(60), limit: .seconds(1), user: user)
        #expect(bench.until { !bench.results.isEmpty })
        #expect(bench.results.first?.outcome == .notStarted(reason))
    }

    @Test func `notify programs run one after the other, the newest state's last`() throws {
        let bench = try Bench()
        let path = try bench.script(
            "notify",
            "echo begin $4 >> \(bench.directory)/log; sleep 0.3; echo end $4 >> \(bench.directory)/log"
        )
        for (serial, state) in [(1, "BACKUP"), (2, "MASTER"), (3, "FAULT")] {
            bench.runner.send(
                .notify(
                    NotifyOrder(
                        router: "VI_1",
                        serial: UInt64(serial),
                        program: bench.program([path, "INSTANCE", "VI_1", "x", state])
                    )
                )
            )
            // The first one begins before the others are ordered.
            if serial == 1 { #expect(bench.until { bench.text("log").contains("begin") }) }
        }
        #expect(bench.until { bench.text("log").contains("end FAULT") })
        #expect(
            bench.text("log").split(separator: "\n")
                == ["begin BACKUP", "end BACKUP", "begin FAULT", "end FAULT"]
        )
        #expect(
            bench.until {
                bench.messages.contains(.notified(router: "VI_1", outcome: .superseded))
            }
        )
    }

    @Test func `a notify program that runs too long is ended, and the next one runs`() throws {
        let bench = try Bench()
        let slow = try bench.script("slow", "exec sleep 60")
        let next = try bench.script("next", "echo ran > \(bench.directory)/ran")
        for (serial, path) in [(1, slow), (2, next)] {
            bench.runner.send(
                .notify(
                    NotifyOrder(
                        router: "VI_\(serial)",
                        serial: UInt64(serial),
                        program: bench.program([path]),
                        timeLimit: .milliseconds(300)
                    )
                )
            )
        }
        #expect(bench.until { bench.text("ran") == "ran\n" })
        #expect(
            bench.until {
                bench.messages.contains(.notified(router: "VI_1", outcome: .timedOut))
                    && bench.messages.contains(.notified(router: "VI_2", outcome: .exited(0)))
            },
            "\(bench.messages)"
        )
    }

    @Test func `told to finish, it ends its checks, runs what is left, and ends`() throws {
        let bench = try Bench()
        let path = try bench.script("last", "sleep 0.2; echo done > \(bench.directory)/done")
        bench.check("slow", ["sleep", "60"], every: .seconds(60), limit: .seconds(60))
        bench.runner.send(
            .notify(NotifyOrder(router: "VI_1", serial: 1, program: bench.program([path])))
        )
        bench.runner.send(.finish)
        var cause: ExitCause?
        #expect(
            wait(.seconds(5)) {
                cause = bench.runner.process.reap()
                return cause != nil
            }
        )
        #expect(cause == .exited(0))
        #expect(bench.text("done") == "done\n")
    }

    @Test("A program that is kept runs as long as it is wanted, and is started again when it ends")
    func kept() throws {
        let bench = try Bench()
        let script = try bench.script("reader", "echo \"$1\" >> \(bench.directory)/ran; exit 3")
        bench.runner.send(.keep(name: "/run/fifo", bench.program([script, "/run/fifo"])))
        let again = bench.until {
            bench.messages.filter { $0 == .ended(name: "/run/fifo", outcome: .exited(3)) }.count
                == 2
        }
        #expect(again)
        #expect(bench.text("ran").hasPrefix("/run/fifo\n/run/fifo\n"))
        bench.runner.send(.release(name: "/run/fifo"))
        let sleeper = try bench.script("sleeper", "echo $$ > \(bench.directory)/pid; exec sleep 60")
        bench.runner.send(.keep(name: "/run/other", bench.program([sleeper])))
        #expect(bench.until { bench.text("pid").hasSuffix("\n") })
        let pid = Int32(bench.text("pid").dropLast()) ?? 0
        #expect(pid > 1 && kill(pid, 0) == 0)
        bench.runner.send(.release(name: "/run/other"))
        #expect(bench.until { kill(pid, 0) != 0 })
        let ends = bench.messages.filter { if case .ended = $0 { true } else { false } }
        #expect(ends.count <= 3)
    }
}

extension String {
    fileprivate var trimmingNewline: String { String(prefix { $0 != "\n" }) }
}
