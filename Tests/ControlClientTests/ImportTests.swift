import CLinux
import Glibc
import LinuxIO
import Primitives
import Testing

/// A tree like a machine's, with keepalived's and HAProxy's files and what the package installed.
final class ImportTree {
    let root: String

    static let keepalived = """
        vrrp_instance VI_1 {
            interface eth0
            virtual_router_id 51
            priority 100
            virtual_ipaddress {
                192.0.2.10
            }
        }

        """
    static let haproxy = """
        listen app
            mode tcp
            timeout connect 5s
            timeout client 1m
            timeout server 1m
            bind 127.0.0.1:17001
            server one 127.0.0.1:80

        """
    static let example = "# the package's\n"

    init() throws {
        var template = Array("/tmp/tandem-import-XXXXXX".utf8CString)
        root = try #require(mkdtemp(&template).map { String(cString: $0) })
        for directory in [
            "etc", "etc/keepalived", "etc/haproxy", "etc/tandem", "usr", "usr/bin", "usr/share",
            "usr/share/tandem",
        ] {
            _ = mkdir(root + "/" + directory, 0o755)
        }
        try write("etc/keepalived/keepalived.conf", Self.keepalived)
        try write("etc/haproxy/haproxy.cfg", Self.haproxy)
        for name in ["keepalived.conf", "haproxy.cfg"] {
            try write("etc/tandem/" + name, Self.example)
            try write("usr/share/tandem/" + name, Self.example)
        }
        try systemctl(active: "inactive", enabled: "")
    }

    deinit {
        _ = try? removeTree(root)
    }

    func write(_ path: String, _ text: String, mode: mode_t = 0o644) throws {
        let raw = open(root + "/" + path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        try #require(raw >= 0)
        let file = FileDescriptor(owning: raw)
        _ = try file.write(Array(text.utf8))
        _ = fchmod(raw, mode)
    }

    func read(_ path: String) -> String? {
        (try? readFile(root + "/" + path)).map { String(decoding: $0, as: UTF8.self) }
    }

    func permissions(_ path: String) -> mode_t {
        var status = stat()
        _ = stat(root + "/" + path, &status)
        return status.st_mode & 0o7777
    }

    /// What `systemctl show` says of both services.
    func systemctl(active: String, enabled: String) throws {
        try write(
            "usr/bin/systemctl",
            "#!/bin/sh\necho ActiveState=\(active)\necho UnitFileState=\(enabled)\n",
            mode: 0o755
        )
    }

    /// Everything below etc/tandem, sorted.
    func adopted() throws -> [String] {
        try lines(of: "/usr/bin/find", [root + "/etc/tandem", "!", "-type", "d"])
            .map { String($0.dropFirst((root + "/etc/tandem/").count)) }.sorted()
    }

    func run(_ arguments: String...) throws -> Run {
        try tandemctl(["import", "--root", root] + arguments)
    }
}

private func lines(of path: String, _ arguments: [String]) throws -> [String] {
    let output = try Pipe()
    var spawn = Spawn(path: path, arguments: [path] + arguments)
    spawn.standardOutput = output.write.rawValue
    let child = try spawn.start()
    var ended = pollfd(fd: child.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
    _ = poll(&ended, 1, 10_000)
    _ = child.reap()
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = try output.read.read(into: &chunk) ?? 0
    return String(decoding: chunk.prefix(count), as: UTF8.self)
        .split(separator: "\n").map(String.init)
}

private func removeTree(_ root: String) throws -> [String] {
    try lines(of: "/bin/rm", ["-rf", root])
}

/// `tandemctl import`, the built program in a tree of its own.
@Suite(.timeLimit(.minutes(2))) struct ImportTests {
    @Test("Both files are checked and copied, and what was there keeps another name")
    func both() throws {
        let tree = try ImportTree()
        let run = try tree.run()
        #expect(run.status == 0, "\(run)")
        #expect(tree.read("etc/tandem/keepalived.conf") == ImportTree.keepalived)
        #expect(tree.read("etc/tandem/haproxy.cfg") == ImportTree.haproxy)
        #expect(tree.read("etc/tandem/keepalived.conf.before-import") == ImportTree.example)
        #expect(run.output.contains("keepalived.conf: OK\n"))
        #expect(run.output.contains("keepalived.conf: copied to \(tree.root)/etc/tandem/"))
        #expect(run.output.contains("systemctl restart tandem.target"))
        #expect(!run.output.contains("disable"))
        // Theirs are as they were.
        #expect(tree.read("etc/keepalived/keepalived.conf") == ImportTree.keepalived)
        #expect(try tree.adopted().count == 4)

        let again = try tree.run()
        #expect(again.status == 0 && again.output.contains("already"), "\(again)")
        #expect(try tree.adopted().count == 4)
    }

    @Test("--check says the same and changes nothing")
    func preview() throws {
        let tree = try ImportTree()
        let run = try tree.run("--check")
        #expect(run.status == 0, "\(run)")
        #expect(run.output.contains("would replace the example"))
        #expect(run.output.contains("Nothing was changed"))
        #expect(try tree.adopted() == ["haproxy.cfg", "keepalived.conf"])
        #expect(tree.read("etc/tandem/keepalived.conf") == ImportTree.example)
    }

    @Test("A changed file is replaced with --force only, and its content is kept")
    func changed() throws {
        let tree = try ImportTree()
        try tree.write("etc/tandem/haproxy.cfg", "# mine\n")
        for arguments in [[], ["--check"]] {
            let run = try tandemctl(["import", "--root", tree.root] + arguments)
            #expect(run.status == 1, "\(run)")
            #expect(run.output.contains("haproxy.cfg: ERROR ("))
            #expect(run.output.contains("--force"))
            #expect(tree.read("etc/tandem/haproxy.cfg") == "# mine\n")
            #expect(tree.read("etc/tandem/keepalived.conf") == ImportTree.example, "all or none")
        }
        #expect(try tree.run("--force").status == 0)
        #expect(tree.read("etc/tandem/haproxy.cfg") == ImportTree.haproxy)
        #expect(tree.read("etc/tandem/haproxy.cfg.before-import") == "# mine\n")
        // A second one does not overwrite what the first one kept.
        try tree.write("etc/tandem/haproxy.cfg", "# mine again\n")
        #expect(try tree.run("--force").status == 0)
        #expect(tree.read("etc/tandem/haproxy.cfg.before-import") == "# mine\n")
        #expect(tree.read("etc/tandem/haproxy.cfg.before-import-2") == "# mine again\n")
    }

    @Test("A file that would not run is refused with the daemon's own words, and nothing is copied")
    func broken() throws {
        let tree = try ImportTree()
        try tree.write("etc/haproxy/haproxy.cfg", ImportTree.haproxy + "    frobnicate 1\n")
        let run = try tree.run()
        #expect(run.status == 1, "\(run)")
        #expect(run.errors.contains("haproxy.cfg:8"))
        #expect(run.output.contains("nothing was copied"))
        #expect(try tree.adopted() == ["haproxy.cfg", "keepalived.conf"])
        // The good one alone can be had.
        let one = try tree.run("--keepalived", tree.root + "/etc/keepalived/keepalived.conf")
        #expect(one.status == 0, "\(one)")
        #expect(tree.read("etc/tandem/keepalived.conf") == ImportTree.keepalived)
        #expect(tree.read("etc/tandem/haproxy.cfg") == ImportTree.example)
    }

    @Test("What is included by a relative name comes along; by an absolute one it is named")
    func includes() throws {
        let tree = try ImportTree()
        _ = mkdir(tree.root + "/etc/keepalived/conf.d", 0o755)
        try tree.write("etc/keepalived/conf.d/a.conf", "include deeper.conf\n")
        try tree.write("etc/keepalived/conf.d/deeper.conf", ImportTree.keepalived)
        try tree.write("etc/elsewhere.conf", "global_defs {\n    router_id one\n}\n")
        try tree.write(
            "etc/keepalived/keepalived.conf",
            "include conf.d/a.conf\ninclude \(tree.root)/etc/elsewhere.conf\n"
        )
        let run = try tree.run()
        #expect(run.status == 0, "\(run)")
        #expect(tree.read("etc/tandem/conf.d/deeper.conf") == ImportTree.keepalived)
        #expect(tree.read("etc/tandem/conf.d/a.conf") == "include deeper.conf\n")
        #expect(run.output.contains("\(tree.root)/etc/elsewhere.conf: is read from there"))
        let check = try agentCheck(tree.root + "/etc/tandem/keepalived.conf")
        #expect(check)
        #expect(try tree.adopted().allSatisfy { !$0.hasPrefix(".import") })
    }

    @Test("An include that leads out of the directory is refused")
    func outside() throws {
        let tree = try ImportTree()
        try tree.write("etc/shared.conf", ImportTree.keepalived)
        try tree.write("etc/keepalived/keepalived.conf", "include ../shared.conf\n")
        let run = try tree.run()
        #expect(run.status == 1, "\(run)")
        #expect(run.output.contains("leads out of"))
        #expect(tree.read("etc/tandem/keepalived.conf") == ImportTree.example)
    }

    @Test(
        "Copies are as private as the originals, and the proxy's file stays readable for the proxy"
    )
    func modes() throws {
        let tree = try ImportTree()
        try tree.write("etc/keepalived/keepalived.conf", ImportTree.keepalived, mode: 0o600)
        try tree.write("etc/haproxy/haproxy.cfg", ImportTree.haproxy, mode: 0o777)
        #expect(try tree.run().status == 0)
        #expect(tree.permissions("etc/tandem/keepalived.conf") == 0o600)
        #expect(tree.permissions("etc/tandem/haproxy.cfg") == 0o644)
    }

    @Test(
        "A private copy belongs to the proxy's group",
        .enabled(if: geteuid() == 0, "it takes root to give a file away"),
        .enabled(if: UserIdentity.groupID(named: "haproxy") != nil, "there is no group haproxy")
    )
    func group() throws {
        let tree = try ImportTree()
        let group = try #require(UserIdentity.groupID(named: "haproxy"))
        try tree.write("etc/keepalived/keepalived.conf", ImportTree.keepalived)
        try tree.write("etc/haproxy/haproxy.cfg", ImportTree.haproxy)
        #expect(try tree.run().status == 0)
        try tree.write("etc/haproxy/haproxy.cfg", ImportTree.haproxy + "# x\n", mode: 0o600)
        #expect(try tree.run("--force").status == 0)
        #expect(tree.permissions("etc/tandem/haproxy.cfg") == 0o640)
        var status = stat()
        _ = stat(tree.root + "/etc/tandem/haproxy.cfg", &status)
        #expect(status.st_gid == group)
    }

    @Test("Services that run or start at boot are named, with the command that ends them")
    func rivals() throws {
        let tree = try ImportTree()
        try tree.systemctl(active: "active", enabled: "enabled")
        let run = try tree.run("--check")
        #expect(run.output.contains("keepalived.service: runs, and starts at boot\n"))
        let copied = try tree.run()
        #expect(
            copied.output.contains(
                "    systemctl disable --now keepalived.service haproxy.service\n"
            )
        )
        try tree.systemctl(active: "inactive", enabled: "enabled")
        #expect(try tree.run("--check").output.contains("haproxy.service: starts at boot\n"))
    }

    @Test("Without any file there is nothing to import, and the command says how to name one")
    func nothing() throws {
        let tree = try ImportTree()
        _ = unlink(tree.root + "/etc/keepalived/keepalived.conf")
        _ = unlink(tree.root + "/etc/haproxy/haproxy.cfg")
        let run = try tree.run()
        #expect(run.status == 1 && run.errors.contains("--keepalived FILE"), "\(run)")
        let missing = try tree.run("--haproxy", "/nonexistent/haproxy.cfg")
        #expect(missing.status == 1 && missing.output.contains("No such file"), "\(missing)")
        #expect(try tree.run("--nonsense").status == 2)
    }

    private func agentCheck(_ path: String) throws -> Bool {
        let program = productDirectory + "/tandem-agent"
        let child = try Spawn(path: program, arguments: [program, "-t", "-f", path]).start()
        var ended = pollfd(fd: child.descriptor.rawValue, events: Int16(POLLIN), revents: 0)
        _ = poll(&ended, 1, 10_000)
        return child.reap() == .exited(0)
    }
}
