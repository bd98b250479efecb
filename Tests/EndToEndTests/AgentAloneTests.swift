import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

extension EndToEnd {
    /// Two agents and nothing else: what keepalived alone was.
    @Suite struct AgentAloneTests {
        private func start(_ node: Node) throws -> ChildProcess {
            try makeDirectory(node.runtimeDirectory)
            return try node.launch([
                "tandem-agent", "-f", node.keepalivedFile, "--runtime-dir", node.runtimeDirectory,
            ])
        }

        private func expectOwner(
            _ owner: OwnerSampler.Owners,
            within limit: Duration,
            in lab: Lab
        ) throws {
            try expectSoon("owner is \(owner.rawValue)", within: limit, in: lab) {
                lab.owners.now == owner
            }
        }

        @Test(
            "Two agents without supervisors agree; killed, frozen and thawed there are never two owners",
            .timeLimit(.minutes(3))
        )
        func alone() throws {
            let lab = try Lab(seed: seedDirectory, servesBackend: false)
            defer { lab.tearDown() }
            let begun = Clock.now
            let first = try start(lab.machine1)
            let second = try start(lab.machine2)
            try expectOwner(.machine1, within: .seconds(20), in: lab)
            pause(.seconds(2))
            #expect(lab.owners.now == .machine1)

            let frozen = Clock.now
            first.signal(SIGSTOP)
            try expectOwner(.machine2, within: .seconds(6), in: lab)
            let lost = try #require(lab.owners.firstTime([], after: frozen))
            let taken = try #require(lab.owners.firstTime(.machine2, after: frozen))
            measured(
                "agents alone, SIGSTOP",
                "gone after \(text(lost - frozen)), taken after \(text(taken - frozen))"
            )
            first.signal(SIGCONT)
            try expectOwner(.machine1, within: .seconds(10), in: lab)
            expectNeverTwoOwners(in: lab, from: begun)

            let killed = Clock.now
            first.signal(SIGKILL)
            try expectOwner(.machine2, within: .seconds(6), in: lab)
            let gap = lab.owners.time([], from: killed)
            measured("agents alone, kill -9", "nobody owned it for \(text(gap))")
            _ = wait(.seconds(5)) { first.reap() != nil }
            let again = try start(lab.machine1)
            try expectOwner(.machine1, within: .seconds(20), in: lab)
            expectNeverTwoOwners(in: lab, from: begun)

            let stopped = Clock.now
            again.signal(SIGTERM)
            try expectOwner(.machine2, within: .seconds(5), in: lab)
            let handover = lab.owners.time([], from: stopped)
            measured("agents alone, SIGTERM", "nobody owned it for \(text(handover))")
            #expect(handover < .seconds(2))
            var cause: ExitCause?
            _ = wait(.seconds(5)) {
                cause = again.reap()
                return cause != nil
            }
            #expect(cause == .exited(0))
            second.signal(SIGTERM)
            try expectOwner([], within: .seconds(5), in: lab)
            expectNeverTwoOwners(in: lab, from: begun)
            print(lab.machine1.logTail(30))
        }
    }
}
