import Glibc
package import LinuxIO
package import Primitives

/// One of the two machines: a namespace with its own configuration, programs and run-time directory.
package final class Node {
    package let name: String
    package let namespace: Namespace
    package let address: IPv4Address
    package let directory: String
    package let syslog: SyslogReceiver
    private let products: String

    package var runtimeDirectory: String { directory + "/run" }
    package var socket: String { runtimeDirectory + "/supervisor.sock" }
    package var keepalivedFile: String { directory + "/keepalived.conf" }
    package var haproxyFile: String { directory + "/haproxy.cfg" }
    package var logFile: String { directory + "/log" }
    private var libexec: String { directory + "/libexec" }
    private var hostsFile: String { "/etc/netns/\(namespace.name)/hosts" }

    private static let programs = [
        "tandem-agent", "tandem-proxy", "tandem-supervisor", "tandemctl",
    ]

    init(
        name: String,
        namespace: Namespace,
        address: IPv4Address,
        directory: String,
        products: String,
        keepalived: [UInt8],
        haproxy: [UInt8],
        hosts: String
    ) throws {
        self.name = name
        self.namespace = namespace
        self.address = address
        self.directory = directory
        self.products = products
        try makeDirectory(directory)
        try makeDirectory(directory + "/libexec")
        try makeDirectory("/etc/netns")
        try makeDirectory("/etc/netns/" + namespace.name)
        syslog = try SyslogReceiver(in: namespace)
        try write(String(decoding: keepalived, as: UTF8.self), to: keepalivedFile)
        try write(String(decoding: haproxy, as: UTF8.self), to: haproxyFile)
        try setHosts(hosts)
        for program in Self.programs { try mend(program) }
    }

    /// What the node's resolver reads; effective at once.
    package func setHosts(_ text: String) throws {
        try write("127.0.0.1 localhost\n\(text)\n", to: hostsFile)
    }

    /// The command line that runs a program in the node, with the node's /etc/hosts.
    package func command(_ arguments: [String]) -> [String] {
        [ipProgram, "netns", "exec", namespace.name] + arguments
    }

    /// Starts the supervisor, which starts the rest.
    package func start() throws {
        supervisor = try launch([
            "tandem-supervisor", "--standalone", "--keepalived", keepalivedFile, "--haproxy",
            haproxyFile, "--runtime-dir", runtimeDirectory, "--libexec-dir", libexec,
        ])
    }

    /// Starts one of the node's programs by itself; what it writes goes to the node's log.
    package func launch(_ arguments: [String]) throws -> ChildProcess {
        let log = open(logFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard log >= 0 else { throw SystemCallError("open", on: logFile, errno: errno) }
        let output = FileDescriptor(owning: log)
        let line = command([libexec + "/" + arguments[0]] + arguments.dropFirst())
        var spawn = Spawn(
            path: ipProgram,
            arguments: line,
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        )
        spawn.standardOutput = output.rawValue
        spawn.standardError = output.rawValue
        spawn.group = .ownSession
        return try spawn.start()
    }

    /// This process's child that became the supervisor.
    private var supervisor: ChildProcess?

    /// Collects a supervisor that has ended.
    package func reapSupervisor() -> ExitCause? {
        supervisor?.reap()
    }

    /// Runs `tandemctl` against this node's supervisor.
    @discardableResult
    package func control(_ arguments: String...) throws -> Finished {
        try run(products + "/tandemctl", ["-s", socket] + arguments, limit: .seconds(130))
    }

    /// The second column of a line of `tandemctl status`; nil when there is no such line.
    package func state(of name: String) throws -> String? {
        for line in try control("status").lines {
            let columns = line.split(separator: " ", omittingEmptySubsequences: true)
            if columns.count >= 2, columns[0] == name { return String(columns[1]) }
        }
        return nil
    }

    /// The pid that `tandemctl` gives; nil when it does not run.
    package func pid(of name: String) throws -> Int32? {
        let finished = try control("pid", name)
        guard finished.succeeded, let first = finished.lines.first, let pid = Int32(first), pid > 0
        else { return nil }
        return pid
    }

    /// Sends a signal to the process that `tandemctl` knows by this name; returns its pid.
    @discardableResult
    package func signal(_ name: String, _ number: Int32) throws -> Int32 {
        guard let pid = try pid(of: name) else {
            throw LabError("\(self.name): \(name) does not run\n\(logTail())")
        }
        guard kill(pid, number) == 0 else { throw SystemCallError("kill", on: name, errno: errno) }
        return pid
    }

    /// Everything that runs on the machine ends at once, without a chance to say anything.
    package func losePower() {
        let all = namespace.processes()
        for pid in all { kill(pid, SIGSTOP) }
        for _ in 0..<100 {
            let left = namespace.processes()
            for pid in left { kill(pid, SIGKILL) }
            _ = reapSupervisor()
            if left.isEmpty { return }
            usleep(2000)
        }
    }

    /// Puts a program that exits with 1 in the place of one of the node's.
    package func spoil(_ program: String) throws {
        let path = libexec + "/" + program
        unlink(path)
        try write("#!/bin/sh\nexit 1\n", to: path, mode: 0o755)
    }

    /// Puts the built program (back) in its place.
    package func mend(_ program: String) throws {
        let path = libexec + "/" + program
        unlink(path)
        guard symlink(products + "/" + program, path) == 0 else {
            throw SystemCallError("symlink", on: path, errno: errno)
        }
    }

    /// The last lines of what the node's programs wrote.
    package func logTail(_ count: Int = 60) -> String {
        let log = (try? readFile(logFile, limit: 64 << 20)) ?? []
        let lines = String(decoding: log, as: UTF8.self).split(separator: "\n")
        return "--- log of \(name)\n" + lines.suffix(count).joined(separator: "\n")
    }

    /// Whether a line of the log holds the text.
    package func logged(_ text: String) -> Bool {
        let log = (try? readFile(logFile, limit: 64 << 20)) ?? []
        return String(decoding: log, as: UTF8.self).contains(text)
    }
}
