import Testing

@testable import AgentRuntime

@Suite("The command line")
struct OptionsTests {
    @Test func `nothing said is the packaged default`() {
        #expect(AgentOptions.parse([]) == .run(AgentOptions()))
        #expect(AgentOptions().file == "/etc/tandem/keepalived.conf")
        #expect(AgentOptions().runtimeDirectory == "/run/tandem")
    }

    @Test(arguments: [
        (
            ["-f", "a", "-i", "c", "-t", "--peer", "b", "--peer-id", "d", "--runtime-dir", "/r"],
            true, "b"
        ),
        (
            [
                "--use-file=a", "--config-id=c", "-t", "--peer=b", "--peer-id=d",
                "--runtime-dir=/r",
            ], true, "b"
        ),
    ])
    func `every option is read`(_ words: [String], _ checkOnly: Bool, _ peer: String) {
        var expected = AgentOptions()
        expected.file = "a"
        expected.checkOnly = checkOnly
        expected.name = "c"
        expected.peerFile = peer
        expected.peerName = "d"
        expected.runtimeDirectory = "/r"
        #expect(AgentOptions.parse(words) == .run(expected))
    }

    @Test(arguments: [
        ["-x"], ["-f"], ["-i"], ["--peer", "b"], ["-t", "--peer-id", "b"],
        ["--runtime-dir", "run"], ["file"],
    ])
    func `what can't be meant is refused`(_ words: [String]) {
        guard case .unusable = AgentOptions.parse(words) else {
            Issue.record("\(words) was taken")
            return
        }
    }

    @Test func `what is taken off the node is told by the option`() {
        var expected = AgentOptions()
        expected.releaseOnly = true
        #expect(AgentOptions.parse(["--release-addresses"]) == .run(expected))
        expected.releaseOnly = false
        expected.cleansUp = true
        #expect(AgentOptions.parse(["--clean-up"]) == .run(expected))
    }

    @Test func `help, version and the script runner are told apart`() {
        #expect(AgentOptions.parse(["-h"]) == .help)
        #expect(AgentOptions.parse(["--help"]) == .help)
        #expect(AgentOptions.parse(["--version"]) == .version)
        #expect(AgentOptions.parse(["--script-runner"]) == .scriptRunner)
    }
}
