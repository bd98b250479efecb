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

    private func script(_ path: String, _ body: String = "") -> String {
        "vrrp_script chk {\n    script \"\(path)\"\n\(body)\n}\n"
            + instance("track_script { chk }")
    }

    @Test func `a program has to be executable by who will run it`() throws {
        let bench = try Bench()
        let own = try bench.file("own.sh", "#!/bin/sh\n", mode: 0o700)
        let said = try bench.check(script(own))
        #expect(said.cause == .exited(1), "\(said.output)")
        #expect(
            said.output.contains("k.conf:2: error: 'nobody' can't execute '\(own)' of 'script'")
        )
        #expect(said.output.contains("write 'script_user"), "\(said.output)")
        #expect(try bench.check(script(own, "user root")).succeeded)
        // A directory on the way counts as well.
        try makeDirectory(bench.directory + "/closed")
        chmod(bench.directory + "/closed", 0o700)
        let inside = try bench.file("closed/all.sh", "#!/bin/sh\n", mode: 0o755)
        #expect(try bench.check(script(inside)).cause == .exited(1))
        #expect(try bench.check(script(inside, "user root")).succeeded)
        let all = try bench.file("all.sh", "#!/bin/sh\n", mode: 0o755)
        let well = try bench.check(script(all) + script(all).replacing("VI_1", with: "VI_2"))
        #expect(well.output.contains("note: programs that name nobody run as 'nobody'"))
        let notify = try bench.check(instance("notify_master \"\(own)\""))
        #expect(notify.output.contains("'nobody' can't execute '\(own)' of 'notify_master'"))
    }

    @Test func `what root would run may be written by root alone where security is asked for`()
        throws
    {
        let bench = try Bench()
        let open = try bench.file("open.sh", "#!/bin/sh\n", mode: 0o777)
        let strict = "global_defs {\nenable_script_security\nscript_user root\n}\n"
        let refused = try bench.check(strict + script(open))
        #expect(refused.cause == .exited(1), "\(refused.output)")
        #expect(
            refused.output.contains("others than root may write to '\(open)'"),
            "\(refused.output)"
        )
        let warned = try bench.check(script(open, "user root"))
        #expect(warned.succeeded)
        #expect(warned.output.contains("warning: 'script' would run '\(open)' as root"))
        // What runs as somebody else harms root by nothing.
        #expect(
            try !bench.check(script(open, "user nobody")).output.contains("may write to")
        )
        let closed = try bench.file("closed.sh", "#!/bin/sh\n", mode: 0o755)
        #expect(try bench.check(strict + script(closed)).succeeded)
        // The directory counts too.
        chmod(bench.directory, 0o777)
        #expect(try bench.check(strict + script(closed)).cause == .exited(1))
        chmod(bench.directory, 0o755)
    }

    @Test func `a group that does not exist is an error`() throws {
        let bench = try Bench()
        for text in [
            script("/bin/true", "user nobody nosuchgroup"),
            instance("notify_master \"/bin/true\" nobody nosuchgroup"),
            "global_defs {\nscript_user nobody nosuchgroup\n}\n" + script("/bin/true"),
        ] {
            let said = try bench.check(text)
            #expect(said.cause == .exited(1), "\(said.output)")
            #expect(
                said.output.contains("there is no group 'nosuchgroup' on this machine"),
                "\(said.output)"
            )
            #expect(try bench.check(text.replacing("nosuchgroup", with: "root")).succeeded)
        }
    }

    @Test func `an interface that is not here is a warning, with the keyword a silence`() throws {
        let bench = try Bench()
        let text = instance("track_interface { nosuch1 }")
            .replacing("interface eth0", with: "interface nosuch0")
        let said = try bench.check(text)
        #expect(said.succeeded)
        #expect(
            said.output.contains("k.conf:2: warning: there is no interface 'nosuch0' here"),
            "\(said.output)"
        )
        #expect(said.output.contains("k.conf:6: warning: there is no interface 'nosuch1' here"))
        let dynamic = try bench.check("global_defs {\ndynamic_interfaces\n}\n" + text)
        #expect(!dynamic.output.contains("there is no interface"), "\(dynamic.output)")
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

    @Test func `what only the other node has is no error of its file`() throws {
        let bench = try Bench()
        let peer = try bench.file(
            "peer.conf",
            script("/opt/only-there/check", "user only-there only-there")
                .replacing("priority 150", with: "priority 90")
        )
        let said = try bench.check(instance(), ["--peer", peer])
        #expect(said.succeeded, "\(said.output)")
        // The twin: here it is one.
        #expect(try bench.check(script("/opt/only-there/check")).cause == .exited(1))
    }

    @Test func `each file may be read under a name of its own`() throws {
        let bench = try Bench()
        let text = instance("@first priority 150\n@second priority 100")
            .replacing("    priority 150\n", with: "")
        let peer = try bench.file("peer.conf", text)
        let said = try bench.check(text, ["-i", "first", "--peer", peer, "--peer-id", "second"])
        #expect(said.succeeded, "\(said.output)")
        #expect(!said.output.contains("both nodes have priority"), "\(said.output)")
        let same = try bench.check(
            text,
            ["--config-id=first", "--peer", peer, "--peer-id=first"]
        )
        #expect(same.output.contains("both nodes have priority 150"), "\(same.output)")
    }
}

extension String {
    fileprivate func replacing(_ old: String, with new: String) -> String {
        guard let range = range(of: old) else { return self }
        return String(self[..<range.lowerBound]) + new + self[range.upperBound...]
    }
}
