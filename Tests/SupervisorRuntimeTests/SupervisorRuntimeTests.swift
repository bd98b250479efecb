import Glibc
import LinuxIO
import Messages
import NamespaceLab
import Primitives
import Supervision
import Testing

@testable import SupervisorRuntime

@Suite("The supervisor's command line")
struct OptionsTests {
    @Test("takes what its usage says")
    func takes() throws {
        let parsed = SupervisorOptions.parse([
            "--standalone", "--keepalived", "/a", "--haproxy=/b", "--haproxy", "/c",
            "--runtime-dir", "/d", "--libexec-dir=/e",
        ])
        guard case .run(let options) = parsed else {
            Issue.record("\(parsed)")
            return
        }
        #expect(options.isStandalone)
        #expect(options.keepalivedFile == "/a")
        #expect(options.haproxyFiles == ["/b", "/c"])
        #expect(options.runtimeDirectory == "/d")
        #expect(options.libexecDirectory == "/e")
    }

    @Test("has the defaults of the package")
    func defaults() {
        guard case .run(let options) = SupervisorOptions.parse([]) else {
            Issue.record("no options are none to refuse")
            return
        }
        #expect(!options.isStandalone)
        #expect(options.keepalivedFile == "/etc/tandem/keepalived.conf")
        #expect(options.haproxyFiles == ["/etc/tandem/haproxy.cfg"])
        #expect(options.runtimeDirectory == "/run/tandem")
    }

    @Test(
        "refuses the rest",
        arguments: [
            ["--frobnicate"], ["--keepalived"], ["--runtime-dir", "relative"],
            ["--libexec-dir", "relative"], ["stray"],
        ]
    )
    func refuses(arguments: [String]) {
        guard case .unusable = SupervisorOptions.parse(arguments) else {
            Issue.record("\(arguments) was taken")
            return
        }
    }

    @Test(
        "ends with the status that scripts expect",
        arguments: [
            (["--frobnicate"], 2), (["--version"], 0), (["-h"], 0),
            (["--runtime-dir", "/nonexistent"], 1),
            (["--standalone", "--keepalived", "/nonexistent/keepalived.conf"], 1),
        ] as [([String], Int32)]
    )
    func status(arguments: [String], status: Int32) throws {
        let spawn = Spawn(
            path: productDirectory() + "/tandem-supervisor",
            arguments: ["tandem-supervisor"] + arguments
        )
        let child = try spawn.start()
        var cause: ExitCause?
        _ = wait(.seconds(10)) {
            cause = cause ?? child.reap()
            return cause != nil
        }
        #expect(cause == .exited(status))
    }

    @Test(
        "A file with an error is told of by line, and nothing is started",
        .timeLimit(.minutes(1))
    )
    func badFile() throws {
        let supervisor = try SupervisorProcess(tandem: "restart_limit many", start: false)
        try supervisor.start()
        #expect(supervisor.end(within: .seconds(10)) == .exited(1))
        #expect(supervisor.log.contains("\(supervisor.keepalivedFile):10"))
        #expect(!entries(of: supervisor.base).contains("run"))
    }
}
