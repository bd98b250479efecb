import Glibc
import LinuxIO
import NamespaceLab
import Primitives

/// The pair's day: everything that can be stopped, killed or hung is, one after the other.
final class Story {
    private let lab: Lab
    private let begun = Clock.now
    private var rows: [(fault: String, summary: ProbeSummary, both: Duration, well: Bool)] = []

    init() throws {
        show("two machines, a client and a backend in network namespaces; the files of the seed")
        lab = try Lab(seed: seedFiles)
    }

    /// True when everything came out as it should.
    func tell() throws -> Bool {
        defer { lab.tearDown() }
        do {
            try scenes()
        } catch {
            show(lab.report())
            throw error
        }
        conclude()
        return rows.allSatisfy(\.well)
    }

    private func scenes() throws {
        say("starting tandem-supervisor --standalone on both")
        try lab.startBoth()
        say("both up, the VIP is on machine1")
        show(try lab.machine1.control("status").output, terminator: "")
        pause(.seconds(1))
        say("traffic: " + lab.probe.summary(from: Clock.now + .seconds(-1)).description)

        try scene("machine1: tandemctl stop proxy", servedBy: lab.machine2) {
            try lab.machine1.control("stop", "proxy").output
        }
        try scene("machine1: tandemctl start proxy", servedBy: lab.machine1) {
            try lab.machine1.control("start", "proxy").output
        }
        try scene("machine1: kill -9 of the proxy", servedBy: lab.machine1) {
            "pid \(try lab.machine1.signal("proxy", SIGKILL))"
        }
        try settle()
        try scene(
            "machine1: SIGSTOP of the proxy (killall -0 sees no fault)",
            servedBy: lab.machine2
        ) {
            "pid \(try lab.machine1.signal("proxy", SIGSTOP))"
        }
        try settle()
        try scene("machine1: kill -9 of the agent", servedBy: lab.machine1) {
            let pid = try lab.machine1.signal("agent", SIGKILL)
            pause(.milliseconds(500))
            return "pid \(pid)"
        }
        try settle()
        try scene("machine1: SIGSTOP of the agent for 6 s", servedBy: nil) {
            let pid = try lab.machine1.signal("agent", SIGSTOP)
            pause(.seconds(6))
            kill(pid, SIGCONT)
            return "pid \(pid), thawed"
        }
        try settle()
        try scene("machine1: kill -9 of the supervisor, back after 2 s", servedBy: lab.machine1) {
            let pid = try lab.machine1.signal("supervisor", SIGKILL)
            pause(.seconds(2))
            _ = lab.machine1.reapSupervisor()
            try lab.machine1.start()
            return "pid \(pid)"
        }
        try settle()
        try scene("machine1: tandemctl failover", servedBy: lab.machine2) {
            try lab.machine1.control("failover").output
        }
        try settle()
        try scene("machine1: a proxy that exits with 1, and kill -9", servedBy: lab.machine2) {
            try lab.machine1.spoil("tandem-proxy")
            return "pid \(try lab.machine1.signal("proxy", SIGKILL))"
        }
        try scene("machine1: mended, tandemctl start proxy", servedBy: lab.machine1) {
            try lab.machine1.mend("tandem-proxy")
            _ = wait(.seconds(20)) { (try? lab.machine1.state(of: "proxy")) == "FATAL" }
            return try lab.machine1.control("start", "proxy").output
        }
        try settle()
        try scene("machine1: power loss", servedBy: lab.machine2) {
            lab.machine1.losePower()
            return "everything SIGKILLed"
        }
        try scene("machine1: power is back", servedBy: lab.machine1) {
            try lab.machine1.start()
            return "started"
        }
    }

    private func scene(
        _ fault: String,
        servedBy node: Node?,
        _ act: () throws -> String
    ) throws {
        let from = Clock.now
        say(fault)
        let said = try act().split(separator: "\n").joined(separator: "; ")
        if !said.isEmpty { show("            \(said)") }
        if let node {
            let served = wait(.seconds(30)) { lastSecond(isServedBy: [node], since: from) }
            say(served ? "client served by \(node.name)" : "client NOT served by \(node.name)")
        }
        // All of it, until nothing fails any more.
        let calm = wait(.seconds(40)) {
            let nodes = node.map { [$0] } ?? [lab.machine1, lab.machine2]
            return lastSecond(isServedBy: nodes, since: from, completely: true)
        }
        let both = lab.owners.time(.both, from: from)
        let summary = lab.probe.summary(from: from)
        show("            \(summary); two owners \(text(both))")
        rows.append((fault, summary, both, calm && both == .zero))
    }

    /// Whether these machines proxied an answer of the last second; `completely`: and nothing failed in it.
    private func lastSecond(
        isServedBy nodes: [Node],
        since begin: Instant,
        completely: Bool = false
    ) -> Bool {
        let now = Clock.now
        guard !completely || now - begin > .seconds(1) else { return false }
        let attempts = lab.probe.attempts(from: max(begin, now + .seconds(-1)))
        let served = attempts.filter { attempt in
            guard case .answered(let line) = attempt.outcome else { return false }
            return nodes.contains { line.hasSuffix(" \($0.address)") }
        }
        return completely ? served.count > 50 && served.count == attempts.count : !served.isEmpty
    }

    /// Waits until the next scene can begin.
    private func settle() throws {
        guard try wait(.seconds(60), every: .milliseconds(50), until: { try lab.isSettled }) else {
            throw LabError("the pair did not settle")
        }
        say("settled: machine1 MASTER, machine2 BACKUP, both proxies RUNNING")
    }

    private func conclude() {
        show("\n" + pad("fault", 64) + pad("outage", 10) + pad("refused", 9) + "two owners")
        for row in rows {
            show(
                pad(row.fault, 64) + pad(text(row.summary.outage), 10)
                    + pad("\(row.summary.refused)", 9) + text(row.both)
                    + (row.well ? "" : "   NOT AS IT SHOULD BE")
            )
        }
        if let why = try? lab.machine2.control("why", "-n", "6").output {
            show("\nmachine2: tandemctl why -n 6\n\(why)")
        }
        show("a connection every 5 ms, 200 ms limit; address owners sampled every 2 ms")
    }

    private func say(_ line: String) {
        let milliseconds = (Clock.now - begun).milliseconds
        let seconds = String(milliseconds / 1000)
        let fraction = String(milliseconds % 1000 + 1000).dropFirst()
        show(pad("", 6 - seconds.count) + "\(seconds).\(fraction)  \(line)")
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
