import Glibc
import KeepalivedSyntax
import LinuxIO
import NamespaceLab
import Primitives
import Testing
import Tracking

@testable import AgentRuntime

/// Files and processes that a real agent tracks.
@Suite(
    "A pair of agents and what they track",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentTrackingTests {
    @Test func `a number in a file moves the address and brings it back`() throws {
        let pair = try AgentPair { node in
            try node.configure(
                replacing: "vrrp_instance VI_1 {\n",
                with: """
                    vrrp_track_file load {
                      file "\(node.directory)/load"
                      weight 1
                      init_file 0
                    }
                    vrrp_instance VI_1 {
                     track_file {
                      load
                     }

                    """
            )
        }
        #expect(pair.settle(), "\(pair.report)")
        let file = pair.lab.machine1.directory + "/load"
        #expect(String(decoding: try readFile(file), as: UTF8.self) == "0\n")
        let begin = Clock.now
        // As whoever writes a file in one step does.
        try write("-20\n", to: file + ".new")
        #expect(rename(file + ".new", file) == 0)
        #expect(wait(.seconds(8)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        print("track_file: the address had moved after \(text(Clock.now - begin))")
        try write("0\n", to: file)
        #expect(wait(.seconds(8)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    @Test func `a process that goes faults its router, and one that comes clears it`() throws {
        let pair = try AgentPair { node in
            try node.configure(
                replacing: "vrrp_instance VI_1 {\n",
                with: """
                    vrrp_track_process worker {
                      process "/usr/bin/sleep" 98\(getpid())
                    }
                    vrrp_instance VI_1 {

                    """
            )
            guard node.name == "machine1" else { return }
            try node.configure(
                replacing: " track_script {\n",
                with: " track_process {\n  worker\n }\n track_script {\n"
            )
        }
        // Nobody runs it: machine1 is in FAULT.
        #expect(wait(.seconds(10)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        #expect(pair.first.logs("does not run as it should", within: .seconds(2)))

        var sleeper = Spawn(path: "/usr/bin/sleep", arguments: ["sleep", "98\(getpid())"])
        sleeper.dieWithParent = true
        let child = try sleeper.start()
        #expect(wait(.seconds(10)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        let begin = Clock.now
        child.signal(SIGKILL)
        #expect(wait(.seconds(2)) { child.reap() != nil })
        #expect(wait(.seconds(8)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        print("track_process: the address had moved after \(text(Clock.now - begin))")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }
}

@Suite struct ProcessLedgerTests {
    private let place = SourceLocation(file: "keepalived.conf", line: 1)

    private func tracked(_ change: (inout TrackedProcess) -> Void = { _ in }) -> TrackedProcess {
        var process = TrackedProcess(name: "worker", program: "/usr/sbin/worker", location: place)
        change(&process)
        return process
    }

    private func running(_ pid: Int32, _ arguments: String...) -> RunningProcess {
        RunningProcess(
            pid: pid,
            name: String(arguments[0].split(separator: "/").last?.prefix(15) ?? ""),
            arguments: arguments
        )
    }

    private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

    @Test func `the first look decides at once, whatever the delays`() {
        var ledger = ProcessLedger()
        ledger.keep([tracked { $0.forkDelay = .seconds(5) }])
        #expect(
            ledger.replace(by: [running(7, "/usr/sbin/worker")], at: at(0))
                == [ProcessLedger.Change(name: "worker", succeeded: true)]
        )
    }

    @Test func `a quorum is counted by forks and ends`() {
        var ledger = ProcessLedger()
        ledger.keep([tracked { $0.quorum = 2 }])
        #expect(ledger.replace(by: [running(7, "worker")], at: at(0)).first?.succeeded == false)
        #expect(ledger.forked(8, from: 7, at: at(1)).first?.succeeded == true)
        #expect(ledger.forked(9, from: 1, at: at(1)) == [])
        #expect(ledger.saw(nil, pid: 7, at: at(2)).first?.succeeded == false)
        // The child becomes something else.
        #expect(ledger.saw(running(8, "/bin/sh"), pid: 8, at: at(3)) == [])
        #expect(ledger.count(of: "worker") == 0)
    }

    @Test func `more than the largest quorum is a failure, too`() {
        var ledger = ProcessLedger()
        ledger.keep([tracked { $0.quorumMaximum = 1 }])
        #expect(ledger.replace(by: [running(7, "worker")], at: at(0)).first?.succeeded == true)
        #expect(ledger.forked(8, from: 7, at: at(1)).first?.succeeded == false)
    }

    @Test func `an end counts after its delay, and not if it is made good in time`() {
        var ledger = ProcessLedger()
        ledger.keep([tracked { $0.terminateDelay = .seconds(3) }])
        _ = ledger.replace(by: [running(7, "worker")], at: at(0))
        #expect(ledger.saw(nil, pid: 7, at: at(10)) == [])
        #expect(ledger.nextDeadline == at(13))
        #expect(ledger.saw(running(8, "worker"), pid: 8, at: at(12)) == [])
        #expect(ledger.nextDeadline == nil)
        #expect(ledger.saw(nil, pid: 8, at: at(20)) == [])
        #expect(ledger.deadline(at: at(22)) == [])
        #expect(ledger.deadline(at: at(23)).first?.succeeded == false)
    }

    @Test func `arguments are compared as param_match says`() {
        let process = running(7, "/usr/sbin/worker", "-c", "one", "two")
        #expect(tracked().matches(process))
        #expect(tracked { $0.comparesPath = true }.matches(process))
        #expect(!tracked { $0.comparesPath = true }.matches(running(7, "worker")))
        #expect(!tracked().matches(running(7, "/usr/sbin/worker2")))
        let cases: [([String], TrackedProcess.ArgumentMatch, Bool)] = [
            (["-c", "one", "two"], .equal, true), (["-c", "one"], .equal, false),
            (["-c", "one"], .leading, true), (["-c", "on"], .leading, false),
            (["-c", "on"], .beginning, true), (["-d"], .beginning, false),
        ]
        for (arguments, kind, isMatch) in cases {
            let wanted = tracked { $0.match = .arguments(arguments, kind) }
            #expect(wanted.matches(process) == isMatch, "\(arguments) \(kind)")
        }
    }
}
