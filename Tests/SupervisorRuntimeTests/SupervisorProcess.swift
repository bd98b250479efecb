import CLinux
import ControlClient
import Glibc
import LinuxIO
import Messages
import NamespaceLab
import Primitives
import Supervision

/// A real `tandem-supervisor --standalone` with real or made-up children, in a network namespace that goes
/// with its processes.
final class SupervisorProcess {
    let base: String
    private var child: ChildProcess?
    private var cause: ExitCause?

    var runtimeDirectory: String { base + "/run" }
    var libexec: String { base + "/libexec" }
    var socket: String { runtimeDirectory + "/supervisor.sock" }
    var keepalivedFile: String { base + "/keepalived.conf" }
    var haproxyFile: String { base + "/haproxy.cfg" }
    var logFile: String { base + "/log" }

    static let haproxy = """
        defaults
            mode tcp
            timeout connect 1s
            timeout client 5s
            timeout server 5s
        listen web
            bind 127.0.0.1:28080
            server one 127.0.0.1:28081

        """

    /// A router on an interface that does not exist: FAULT, which is all that these tests need.
    static let keepalived = """
        vrrp_instance VI_1 {
            interface absent0
            virtual_router_id 51
            priority 101
            virtual_ipaddress {
                192.0.2.100
            }
        }

        """

    /// `tandem` holds the lines of that block; a script in place of a program is what `replace` is for.
    init(tandem: String = "", start: Bool = true) throws {
        var template = Array("/tmp/tandem-supervisor-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemCallError("mkdtemp", errno: errno) }
        base = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        chmod(base, 0o755)
        try makeDirectory(libexec)
        try write(Self.keepalived + "tandem {\n\(tandem)\n}\n", to: keepalivedFile)
        try write(Self.haproxy, to: haproxyFile)
        for name in ["agent", "proxy"] { useReal(name) }
        if start { try self.start() }
    }

    deinit {
        child?.signal(SIGKILL)
        _ = end(within: .seconds(2))
        // Children outlive a supervisor that is killed: what serves the sockets is theirs.
        for name in ["agent", "proxy"] {
            let path = "\(runtimeDirectory)/\(name).sock"
            guard let connected = try? UnixSocket.connect(to: path),
                let peer = try? UnixSocket.peer(of: connected)
            else { continue }
            kill(peer.pid, SIGKILL)
        }
        for directory in [runtimeDirectory, libexec, base] {
            for entry in entries(of: directory) { unlink(directory + "/" + entry) }
            rmdir(directory)
        }
    }

    func useReal(_ name: String) {
        unlink("\(libexec)/tandem-\(name)")
        symlink("\(productDirectory())/tandem-\(name)", "\(libexec)/tandem-\(name)")
    }

    func useScript(_ body: String, for name: String) throws {
        unlink("\(libexec)/tandem-\(name)")
        try write("#!/bin/sh\n\(body)\n", to: "\(libexec)/tandem-\(name)", mode: 0o755)
    }

    func start(_ options: [String] = []) throws {
        let raw = open(logFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard raw >= 0 else { throw SystemCallError("open", on: logFile, errno: errno) }
        let log = FileDescriptor(owning: raw)
        var spawn = Spawn(
            path: "/usr/bin/unshare",
            arguments: [
                "unshare", "--net", productDirectory() + "/tandem-supervisor", "--standalone",
                "--keepalived", keepalivedFile, "--haproxy", haproxyFile,
                "--runtime-dir", runtimeDirectory, "--libexec-dir", libexec,
            ] + options,
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        )
        spawn.standardOutput = log.rawValue
        spawn.standardError = log.rawValue
        cause = nil
        child = .some(try spawn.start())
    }

    var pid: Int32 { child?.pid ?? 0 }

    func signal(_ number: Int32) { child?.signal(number) }

    func end(within limit: Duration) -> ExitCause? {
        _ = wait(limit) {
            cause = cause ?? child?.reap()
            return cause != nil
        }
        return cause
    }

    var log: String {
        String(decoding: (try? readFile(logFile)) ?? [], as: UTF8.self)
    }

    // MARK: What tandemctl would ask

    func ask(
        _ request: ControlRequest,
        silence: Duration = .seconds(40)
    ) throws -> [ControlReply] {
        var connection = try ControlConnection.open(socket)
        var replies: [ControlReply] = []
        try connection.ask(request, silence: silence) { replies.append($0) }
        return replies
    }

    /// The lines that tandemctl prints for a command that acts.
    func act(_ request: ControlRequest) throws -> [String] {
        try ask(request).compactMap { reply in
            guard case .result(let name, let outcome, let text) = reply else { return nil }
            return CommandResult(name: name, outcome: outcome, text: text).line
        }
    }

    func process(_ name: String) -> ProcessReport? {
        for case .process(let report) in (try? ask(.status(names: [name]))) ?? [] {
            return report
        }
        return nil
    }

    func pid(of name: String) -> Int32 { Int32(clamping: process(name)?.pid ?? 0) }

    func isState(
        _ state: ProcessState,
        _ name: String,
        otherThan pid: Int32 = 0,
        within limit: Duration = .seconds(20)
    ) -> Bool {
        wait(limit) {
            guard let report = process(name) else { return false }
            return report.state == state && (pid == 0 || report.pid != UInt32(pid))
        }
    }

    func bothRun() -> Bool { isState(.running, "agent") && isState(.running, "proxy") }

    func tail(_ name: String) throws -> String {
        var bytes: [UInt8] = []
        for case .output(let piece) in try ask(.tail(name: name, bytes: 100_000, follow: false)) {
            bytes += piece
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// `event: decision` of every entry.
    func decisions() throws -> [String] {
        try ask(.why(count: 0)).compactMap { reply in
            guard case .journal(let entry) = reply else { return nil }
            return "\(entry.event): \(entry.decision)"
        }
    }
}
