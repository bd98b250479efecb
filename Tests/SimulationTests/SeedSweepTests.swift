import Primitives
import SimulationKit
import Testing

@Suite("The sweep over seeds")
struct SeedSweepTests {
    /// The seeds are dealt out to as many cases, which run at the same time.
    static let lanes = 4

    @Test("no seed breaks an invariant", arguments: 0..<lanes)
    func sweep(lane: Int) {
        let environment = SweepEnvironment()
        let clock = ContinuousClock()
        let start = clock.now
        var steps = 0
        var seeds = 0
        var longestOverlap = Duration.zero
        for seed in environment.seeds where seed % UInt64(Self.lanes) == UInt64(lane) {
            var run = SeedRun(seed: seed)
            if run.run(steps: environment.steps) != nil { Issue.record("\(run.report)") }
            steps += run.world.steps
            seeds += 1
            longestOverlap = max(longestOverlap, run.world.observations.longestOverlap)
        }
        print(
            "simulation: \(seeds) seeds, \(steps) steps, \((clock.now - start).milliseconds) ms; "
                + "longest time on two nodes (on a LAN that is cut) \(longestOverlap.milliseconds) ms"
        )
    }
}
