import CLinux
import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

/// A real `tandem-agent` on one of the lab's machines, without supervisor or proxy.
final class AgentProcess {
    let node: Node
    private let child: ChildProcess
    private var cause: ExitCause?

    init(on node: Node, environment: [String] = []) throws {
        self.node = node
        let raw = open(node.logFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard raw >= 0 else { throw SystemCallError("open", on: node.logFile, errno: errno) }
        let log = FileDescriptor(owning: raw)
        try makeDirectory(node.runtimeDirectory)
        var spawn = Spawn(
            path: ipProgram,
            arguments: node.command([
                productDirectory() + "/tandem-agent", "-f", node.keepalivedFile,
                "--runtime-dir", node.runtimeDirectory,
            ])
        )
        spawn.environment = environment
        spawn.standardError = log.rawValue
        child = try spawn.start()
    }

    deinit {
        child.signal(SIGKILL)
        _ = end(within: .seconds(10))
    }

    var pid: Int32 { child.pid }

    func signal(_ number: Int32) { child.signal(number) }

    /// How it ended, waiting for at most `limit`; nil while it runs.
    func end(within limit: Duration) -> ExitCause? {
        _ = wait(limit) {
            cause = cause ?? child.reap()
            return cause != nil
        }
        return cause
    }

    var isRunning: Bool { end(within: .zero) == nil }

    func logs(_ text: String, within limit: Duration) -> Bool {
        wait(limit) { node.logged(text) }
    }

    /// How often a text is in the log.
    func count(of text: String) -> Int {
        let log = (try? readFile(node.logFile)) ?? []
        return String(decoding: log, as: UTF8.self).split(separator: "\n")
            .count { $0.contains(text) }
    }
}

/// The founding document's two machines with an agent each.
final class AgentPair {
    let lab: Lab
    private(set) var first: AgentProcess
    private(set) var second: AgentProcess

    /// Replaces text in both configuration files before the agents start.
    init(
        configure: (Node) throws -> Void = { _ in },
        before: (Lab) throws -> Void = { _ in }
    ) throws {
        lab = try Lab(seed: seedDirectory(), servesBackend: false)
        for node in [lab.machine1, lab.machine2] { try configure(node) }
        try before(lab)
        first = try AgentProcess(on: lab.machine1)
        // At 101 against 100 their timers differ by 4 ms: who starts first is to win.
        _ = first.logs("(VI_1) Entering", within: .seconds(5))
        second = try AgentProcess(on: lab.machine2)
    }

    deinit { lab.tearDown() }

    /// Another life of the first one, which has ended.
    func restartFirst() throws { first = try AgentProcess(on: lab.machine1) }

    /// Both run and the first one owns the address.
    func settle() -> Bool {
        wait(.seconds(15)) { lab.owners.now == .machine1 } && first.isRunning && second.isRunning
            && second.logs("192.168.0.193 is MASTER", within: .seconds(3))
    }

    /// How long two machines had the address at once since the beginning, and whether looks were close
    /// enough together to know.
    func overlap(
        since begin: Instant = .zero,
        sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) -> Duration {
        for blind in lab.owners.blindness(since: begin) {
            Issue.record(
                "for \(text(blind.to - blind.from)) nobody looked who has the address: \(blind.cause)",
                sourceLocation: sourceLocation
            )
        }
        return lab.owners.time(.both, from: begin)
    }

    var report: String {
        [lab.machine1, lab.machine2].map { $0.logTail() }.joined(separator: "\n")
            + lab.owners.changes.map { "\n\(text($0.at - .zero)) owners \($0.owners.rawValue)" }
            .joined()
    }
}

/// Where the seed's files are: they come with the tests.
func seedDirectory(_ file: String = #filePath) -> String {
    file.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/seed"
}

extension Node {
    /// Appends to the keepalived.conf, or replaces words in it.
    func configure(
        replacing old: String = "",
        with new: String = "",
        adding more: String = ""
    ) throws {
        var content = String(decoding: try readFile(keepalivedFile), as: UTF8.self)
        if !old.isEmpty {
            guard let range = content.range(of: old) else {
                throw LabError("'\(old)' is not in \(keepalivedFile)")
            }
            content.replaceSubrange(range, with: new)
        }
        try write(content + more, to: keepalivedFile)
    }
}

extension String {
    /// The first place of a text.
    func range(of text: String) -> Range<String.Index>? {
        let wanted = Array(text)
        var index = startIndex
        while index < endIndex {
            if self[index...].starts(with: wanted) {
                return index..<self.index(index, offsetBy: wanted.count)
            }
            index = self.index(after: index)
        }
        return nil
    }
}

extension Node {
    /// Adds rules to the node's firewall; `flush ruleset` takes all away.
    func nft(_ rules: String) throws {
        let line = command(["/usr/sbin/nft", rules])
        try require(line[0], Array(line.dropFirst()))
    }
}
