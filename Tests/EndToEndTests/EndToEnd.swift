import Glibc
import NamespaceLab
import Primitives
import Testing

/// Everything here builds a LAN of namespaces and measures time: one after the other, and only as root.
@Suite(
    "End to end",
    .serialized,
    .enabled(if: geteuid() == 0, "network namespaces need root: run scripts/test as root")
)
enum EndToEnd {}

/// The founding document's files.
let seedDirectory: String = {
    let here = #filePath.split(separator: "/").dropLast(2)
    return here.reduce("") { $0 + "/" + $1 } + "/Fixtures/seed"
}()

/// Runs `body` on a fresh pair that has settled; says all that is known when it fails; takes it away.
func withPair(_ body: (Lab) throws -> Void) throws {
    let lab = try Lab(seed: seedDirectory)
    defer { lab.tearDown() }
    do {
        try lab.startBoth()
        try body(lab)
    } catch {
        print(lab.report())
        throw error
    }
}

/// Waits for a condition that must come true; the report follows when it does not.
func expectSoon(
    _ what: String,
    within limit: Duration,
    in lab: Lab,
    sourceLocation: Testing.SourceLocation = #_sourceLocation,
    _ condition: () throws -> Bool
) throws {
    let held = try wait(limit, every: .milliseconds(10), until: condition)
    if !held {
        print(lab.report())
        Issue.record("within \(limit) not so: \(what)", sourceLocation: sourceLocation)
        throw LabError(what)
    }
}

/// Waits for an answer that came through this machine, which the backend sees as its peer.
func expectServed(
    by node: Node,
    after instant: Instant,
    within limit: Duration,
    in lab: Lab,
    sourceLocation: Testing.SourceLocation = #_sourceLocation
) throws {
    try expectSoon(
        "the client is served by \(node.name)",
        within: limit,
        in: lab,
        sourceLocation: sourceLocation
    ) {
        lab.probe.attempts(from: instant).contains { attempt in
            guard case .answered(let line) = attempt.outcome else { return false }
            return line.hasSuffix(" \(node.address)")
        }
    }
}

/// Never two owners between two instants, and the sampler looked often enough to know.
func expectNeverTwoOwners(
    in lab: Lab,
    from begin: Instant,
    sourceLocation: Testing.SourceLocation = #_sourceLocation
) {
    let both = lab.owners.time(.both, from: begin)
    if both > .zero { print(lab.report()) }
    #expect(both == .zero, "two owners for \(text(both))", sourceLocation: sourceLocation)
    let blind = lab.owners.blindness(since: begin)
    #expect(
        blind.isEmpty,
        "the sampler saw nothing: \(blind.map { "\(text($0.to - $0.from)), \($0.cause)" })",
        sourceLocation: sourceLocation
    )
}

/// Prints a measurement, so that it stands in the output of every run.
func measured(_ item: String, _ what: String) {
    print("measured: \(item): \(what)")
}
