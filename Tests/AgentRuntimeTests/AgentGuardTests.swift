import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// Advertisements below one second: the peer takes over in fractions of one, and never beside the first.
@Suite(
    "A pair of agents that advertise fast",
    .serialized,
    .timeLimit(.minutes(2)),
    .enabled(if: geteuid() == 0, "network namespaces need root")
)
struct AgentGuardTests {
    private func pair(every seconds: String) throws -> AgentPair {
        try AgentPair { node in
            try node.configure(
                replacing: "vrrp_instance VI_1 {\n",
                with: """
                    global_defs {
                      vrrp_version 3
                    }
                    vrrp_instance VI_1 {
                     advert_int \(seconds)

                    """
            )
        }
    }

    /// How long after `begin` the address had left machine1 and how long after it machine2 had it.
    private func takeover(
        _ pair: AgentPair,
        after begin: Instant
    ) throws -> (
        gone: Duration, taken: Duration
    ) {
        #expect(wait(.seconds(5)) { pair.lab.owners.now == .machine2 }, "\(pair.report)")
        let taken = try #require(pair.lab.owners.firstTime(.machine2, after: begin))
        let gone = pair.lab.owners.firstTime([], after: begin) ?? taken
        return (gone - begin, taken - begin)
    }

    @Test(arguments: [SIGKILL, SIGSTOP])
    func `at a tenth of a second a MASTER that is gone is followed within one`(
        _ signal: Int32
    ) throws {
        let pair = try pair(every: "0.1")
        #expect(pair.settle(), "\(pair.report)")
        #expect(pair.first.node.logged("the address guard watches"), "\(pair.report)")
        let begin = Clock.now
        pair.first.signal(signal)
        let (gone, taken) = try takeover(pair, after: begin)
        print(
            "advert_int 0.1, signal \(signal): gone after \(text(gone)), taken after \(text(taken))"
        )
        #expect(gone < .milliseconds(350))
        #expect(taken < .milliseconds(600))
        if signal == SIGSTOP {
            pause(.seconds(1))
            pair.first.signal(SIGCONT)
            // It comes back as BACKUP and preempts in its own time.
            #expect(wait(.seconds(8)) { pair.lab.owners.now == .machine1 }, "\(pair.report)")
        }
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    /// A machine that stands still for longer than an advertisement is no better than one that is cut off; a window in
    /// which this one did says nothing.
    @Test func `at a hundredth of a second nothing moves by itself`() throws {
        let pair = try pair(every: "0.01")
        var quietWindows = 0
        for _ in 0..<10 where quietWindows < 2 {
            #expect(pair.settle(), "\(pair.report)")
            let watch = try StallWatch()
            let begin = Clock.now
            let (first, second) = masterCounts(pair)
            pause(.seconds(2))
            let empty = pair.lab.owners.time([], from: begin)
            let counts = masterCounts(pair)
            let stall = watch.stop()
            guard stall < .milliseconds(10) else {
                print("advert_int 0.01: the machine stood still for \(text(stall))")
                continue
            }
            quietWindows += 1
            #expect(empty == .zero, "\(pair.report)")
            #expect(counts == (first, second), "\(pair.report)")
        }
        #expect(quietWindows == 2, "this machine stands still too often")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }

    private func masterCounts(_ pair: AgentPair) -> (first: Int, second: Int) {
        (
            pair.first.count(of: "Entering MASTER STATE"),
            pair.second.count(of: "Entering MASTER STATE")
        )
    }

    @Test func `a guard that is killed is replaced, and the address stays`() throws {
        let pair = try pair(every: "0.1")
        #expect(pair.settle(), "\(pair.report)")
        let begin = Clock.now
        let log = String(decoding: try readFile(pair.first.node.logFile), as: UTF8.self)
        let line = try #require(log.split(separator: "\n").first { $0.contains("guard watches") })
        let pid = try #require(
            line.split(separator: " ").compactMap { word in
                word.hasSuffix("):") ? Int32(word.dropLast(2)) : nil
            }.first
        )
        #expect(kill(pid, SIGKILL) == 0)
        #expect(pair.first.logs("starting another one", within: .seconds(1)), "\(pair.report)")
        pause(.seconds(2))
        #expect(pair.first.count(of: "the address guard watches") == 2, "\(pair.report)")
        #expect(pair.lab.owners.time([], from: begin) == .zero, "\(pair.report)")
        let stopped = Clock.now
        pair.first.signal(SIGKILL)
        let (gone, _) = try takeover(pair, after: stopped)
        #expect(gone < .milliseconds(350), "the new guard watches, too")
        #expect(pair.overlap() == .zero, "\(pair.report)")
    }
}
