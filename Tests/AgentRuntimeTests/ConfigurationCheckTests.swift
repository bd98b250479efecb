import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// `tandem-agent -t` on this machine: what it refers to is looked at as it will be used.
@Suite("The check of a file", .timeLimit(.minutes(1)))
struct ConfigurationCheckTests {
    /// A directory for files, which goes with it.
    private final class Bench {
        let directory: String

        init() throws {
            var template = Array("/tmp/tandem-check-XXXXXX\0".utf8CString)
            directory = try #require(mkdtemp(&template).map { String(cString: $0) })
            chmod(directory, 0o755)
        }

        deinit { _ = try? run("/bin/rm", ["-rf", directory]) }

        @discardableResult
        func file(_ name: String, _ text: String, mode: UInt32 = 0o644) throws -> String {
            let path = directory + "/" + name
            try write(text, to: path, mode: mode)
            chmod(path, mode)
            return path
        }

        /// Checks `text`, or a file that is there already.
        func check(_ text: String? = nil, _ arguments: [String] = []) throws -> Finished {
            if let text { try file("k.conf", text) }
            return try run(
                productDirectory() + "/tandem-agent",
                ["-t", "-f", directory + "/k.conf"] + arguments
            )
        }
    }

    private func instance(_ body: String = "") -> String {
        """
        vrrp_instance VI_1 {
            interface eth0
            virtual_router_id 51
            priority 150
            virtual_ipaddress { 192.0.2.10 }
            \(body)
        }

        """
    }

    @Test func `a relative include is relative to its file, however that is named`() throws {
        let bench = try Bench()
        try makeDirectory(bench.directory + "/sub")
        try bench.file("sub/k.conf", "include inst.conf\n")
        try bench.file("sub/inst.conf", instance())
        let said = try run(
            "/bin/sh",
            [
                "-c",
                "cd \(bench.directory) && exec \(productDirectory())/tandem-agent -t -f sub/k.conf",
            ]
        )
        #expect(said.succeeded, "\(said.output)")
    }

    @Test func `no file that an include matches is left out in silence`() throws {
        let bench = try Bench()
        try makeDirectory(bench.directory + "/many")
        for number in 0..<300 { try bench.file("many/\(number).conf", "# nothing\n") }
        let said = try bench.check("include many/*.conf\n" + instance())
        #expect(said.cause == .exited(1), "\(said.output)")
        #expect(said.output.contains("k.conf:1: error: more than 255 files are included"))

        try makeDirectory(bench.directory + "/some")
        try bench.file("some/1.conf", "# nothing\n")
        #expect(try bench.check("include some/*.conf\n" + instance()).succeeded)
        symlink("/nowhere", bench.directory + "/some/2.conf")
        let dangling = try bench.check("include some/*.conf\n" + instance())
        #expect(dangling.cause == .exited(1), "\(dangling.output)")
        #expect(dangling.output.contains("k.conf:1: error: '\(bench.directory)/some/2.conf'"))
        #expect(dangling.output.contains("can't be read"))
    }
}
