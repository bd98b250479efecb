import Glibc
import LinuxIO
import NamespaceLab
import Primitives
import Testing

@testable import AgentRuntime

/// Every fault in both roles over every kind of advertisement, a minute a row: `scripts/test-interoperation` runs it
/// and writes what was measured into docs/interoperation.md.
@Suite(
    "Tandem and keepalived, every fault in both roles",
    .serialized,
    .timeLimit(.minutes(10)),
    .enabled(if: geteuid() == 0, "network namespaces need root"),
    .enabled(if: KeepalivedPeer.isInstalled, "apt-get install keepalived"),
    .enabled(if: tableFile != nil, "scripts/test-interoperation takes ten minutes")
)
struct InteroperationMatrixTests {
    enum Program: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case tandem = "Tandem"
        case keepalived

        var other: Program { self == .tandem ? .keepalived : .tandem }
        var testDescription: String { rawValue }
    }

    static let modes: [InteroperationTests.Mode] = [
        .multicast2, .unicast2, .version3, .version3IPv6,
    ]

    @Test("A MASTER's faults", arguments: modes, Program.allCases)
    func faults(mode: InteroperationTests.Mode, master: Program) throws {
        let pair = try MixedPair(mode, master: master)
        defer { pair.tearDown() }
        var row: [String] = []
        func measured(_ what: String, _ value: String) {
            print("measured: \(mode.rawValue), \(master.rawValue) is MASTER: \(what): \(value)")
            row.append(value)
        }

        try pair.start(master.other)
        #expect(wait(.seconds(10)) { pair.owner == master.other }, "\(pair.report)")
        var began = Clock.now
        try pair.start(master)
        measured("preempted after", try pair.time(until: master, since: began))

        pair.signalAll(of: master, SIGHUP, firstOnly: true)
        let watched = pair.watch(.seconds(4))
        #expect(watched.without == .zero && watched.both == .zero, "\(watched) \(pair.report)")
        #expect(pair.owner == master, "\(pair.report)")
        measured("without an owner at a reload", text(watched.without))

        began = Clock.now
        pair.stop(master)
        measured("stopped, taken over after", try pair.time(until: master.other, since: began))
        began = Clock.now
        try pair.start(master)
        measured("back after", try pair.time(until: master, since: began))

        began = Clock.now
        pair.kill(master)
        measured(
            "killed, taken over after",
            try pair.time(since: began) { pair.holds(master.other) }
        )
        let killed = pair.watch(.seconds(3))
        measured("both had it, of 3 s", text(killed.both))
        if master == .tandem { #expect(killed.both == .zero, "\(pair.report)") }
        try pair.start(master)
        #expect(wait(.seconds(10)) { pair.owner == master }, "\(pair.report)")

        began = Clock.now
        pair.signalAll(of: master, SIGSTOP)
        measured("hung, taken over after", try pair.time(since: began) { pair.holds(master.other) })
        let hung = pair.watch(.seconds(5))
        measured("both had it, of 5 s", text(hung.both))
        if master == .tandem { #expect(hung.both == .zero, "\(pair.report)") }
        began = Clock.now
        pair.signalAll(of: master, SIGCONT)
        measured("goes on, alone after", try pair.time(until: master, since: began))

        // A list that is changed on one node first, as everybody does it.
        try pair.configure(master, extra: true)
        pair.signalAll(of: master, SIGHUP, firstOnly: true)
        let differing = pair.watch(.seconds(6))
        measured("both had it while the lists differ, of 6 s", text(differing.both))
        // keepalived before 2.3.3 drops what lists other addresses; Tandem honours it.
        if master == .keepalived { #expect(differing.both == .zero, "\(pair.report)") }

        try append(row, mode, master)
    }

    private func append(
        _ row: [String],
        _ mode: InteroperationTests.Mode,
        _ master: Program
    ) throws {
        guard let tableFile else { return }
        let before = (try? readFile(tableFile)) ?? []
        let line = ([mode.rawValue, master.rawValue] + row).joined(separator: " | ")
        try write(String(decoding: before, as: UTF8.self) + "| \(line) |\n", to: tableFile)
    }
}

/// Where the rows go; nil: nobody asked for them.
private let tableFile: String? = {
    guard let path = getenv("TANDEM_INTEROPERATION_TABLE") else { return nil }
    return String(cString: path)
}()

/// Tandem on machine1, keepalived on machine2, of which `master` has the higher priority.
private final class MixedPair {
    typealias Program = InteroperationMatrixTests.Program

    private let lab: Lab
    private let mode: InteroperationTests.Mode
    private let master: Program
    private var agent: AgentProcess?
    private var keepalived: KeepalivedPeer?

    init(_ mode: InteroperationTests.Mode, master: Program) throws {
        lab = try Lab(seed: seedDirectory(), servesBackend: false)
        self.mode = mode
        self.master = master
        for program in Program.allCases { try configure(program, extra: false) }
    }

    func tearDown() {
        keepalived = nil
        agent = nil
        lab.tearDown()
    }

    /// `extra`: with one address more.
    func configure(_ program: Program, extra: Bool) throws {
        let (one, two) = ("192.168.0.193", "192.168.0.192")
        var file = mode.file(
            priority: program == master ? 150 : 100,
            own: program == .tandem ? one : two,
            peer: program == .tandem ? two : one
        )
        if extra, let range = file.range(of: mode.address) {
            let more = mode == .version3IPv6 ? "fd00::98/64" : "192.168.0.101/24"
            file.insert(contentsOf: "\n    \(more)", at: range.upperBound)
        }
        try write(file, to: node(program).keepalivedFile)
    }

    private func node(_ program: Program) -> Node {
        program == .tandem ? lab.machine1 : lab.machine2
    }

    func start(_ program: Program) throws {
        guard wait(.seconds(5), until: { node(program).namespace.processes().isEmpty }) else {
            throw LabError("\(program.rawValue) still runs\n\(report)")
        }
        switch program {
        case .tandem: agent = try AgentProcess(on: lab.machine1)
        case .keepalived: keepalived = try KeepalivedPeer(on: lab.machine2)
        }
    }

    func stop(_ program: Program) {
        switch program {
        case .tandem: agent?.signal(SIGTERM)
        // Its own `stop` waits for the end, which would be in the measured time.
        case .keepalived: keepalived?.signal(SIGTERM)
        }
    }

    /// Every process of it, so that none can clear away behind another.
    func kill(_ program: Program) { signalAll(of: program, SIGKILL) }

    /// `firstOnly`: the process that the service manager knows.
    func signalAll(of program: Program, _ number: Int32, firstOnly: Bool = false) {
        if firstOnly {
            switch program {
            case .tandem: agent?.signal(number)
            case .keepalived: keepalived?.signal(number)
            }
            return
        }
        for pid in node(program).namespace.processes() { Glibc.kill(pid, number) }
    }

    func holds(_ program: Program) -> Bool {
        let shown = try? node(program).namespace.ip(["address", "show", "dev", "eth0"]).output
        let bare = mode.address.prefix { $0 != "/" }
        return shown?.contains(" \(bare)/") ?? false
    }

    /// The only one that has the address.
    var owner: Program? {
        switch (holds(.tandem), holds(.keepalived)) {
        case (true, false): .tandem
        case (false, true): .keepalived
        case (true, true), (false, false): nil
        }
    }

    func time(until owner: Program, since began: Instant) throws -> String {
        try time(since: began) { self.owner == owner }
    }

    func time(since began: Instant, until condition: () -> Bool) throws -> String {
        guard wait(.seconds(12), until: condition) else { throw LabError("too late\n\(report)") }
        return text(Clock.now - began)
    }

    /// How long nobody and how long both had the address, as seen every few milliseconds.
    func watch(_ duration: Duration) -> (without: Duration, both: Duration) {
        let end = Clock.now + duration
        var (without, both) = (Duration.zero, Duration.zero)
        var last = Clock.now
        while last < end {
            let (first, second) = (holds(.tandem), holds(.keepalived))
            let bothHold = first && second && holds(.tandem)
            // Moved between the two looks.
            let nobodyHolds = !first && !second && !holds(.tandem)
            let now = Clock.now
            if bothHold { both = both + (now - last) }
            if nobodyHolds { without = without + (now - last) }
            last = now
        }
        return (without, both)
    }

    var report: String {
        [lab.machine1, lab.machine2].map { $0.logTail() }.joined(separator: "\n")
    }
}
